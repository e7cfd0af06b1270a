"""The README's examples run, in the order in which they stand there, and do what they are there for."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shared import SHARED, needs_shared

ROOT = Path(__file__).parents[2]


def examples() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@needs_shared
def test_examples_run(tmp_path: Path) -> None:
    """Every console line of the README succeeds; nodes run in the background as it says."""
    ports = {"8100": str(free_port()), "8200": str(free_port())}
    running: list[subprocess.Popen[str]] = []
    token = ""
    said = {}
    try:
        for line in examples():
            for usual, free in ports.items():
                line = line.replace(f":{usual}", f":{free}")
            line = line.replace("../shared", str(SHARED)).replace("TOKEN", token)
            words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
            assert words[0] == "evmesh", line
            command = [sys.executable, "-m", "evmesh", *words[1:]]
            if words[-1] == "&":
                node = subprocess.Popen(command[:-1], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
                running.append(node)
                assert node.stdout is not None
                assert "answers" in node.stdout.readline()
                continue
            if "list" in words and "--theirs" in words:
                said[line] = until_listed(command, tmp_path)
                continue
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, f"{line}: {done.stderr or done.stdout}"
            said[line] = done.stdout
            if found := re.search(r"token\s+(\S+)$", done.stdout, re.MULTILINE):
                token = found[1]
    finally:
        for node in running:
            node.terminate()
        codes = [node.wait(30) for node in running]
        for node in running:
            assert node.stdout is not None
            node.stdout.close()
    assert codes == [0, 0], "a node that is told to stop stops cleanly"
    pulled = next(text for line, text in said.items() if line.endswith("list locations --theirs"))
    assert "UPPSALA" in pulled.upper(), "the provider holds the operator's places"


def until_listed(command: list[str], folder: Path) -> str:
    """A pull takes a moment; the list is asked again until it has something."""
    until = time.monotonic() + 30
    while True:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
        if not re.search(r"^0 \w+$", done.stdout, re.MULTILINE) or time.monotonic() > until:
            return done.stdout


def test_examples_are_found() -> None:
    """The test above would pass on a README without examples."""
    if not (ROOT / "README.md").exists():
        pytest.fail("there is no README")
    assert len(examples()) > 10
