"""`python -m evmesh` does what the `evmesh` command does."""


def main() -> None:
    from evmesh.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
