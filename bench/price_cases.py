"""Worked price cases through the command line: does `evmesh price` give each total to the last digit?

    python -m bench.price_cases FOLDER [--real 3]

Every case of the folder is written out as the files that a user has, priced by the command in this process, and
compared with what it must cost: total, subtotals, price limits, findings. Some are priced once more by a process of
their own. Exit status 1 when one differs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from evmesh.cli.app import run
from evmesh.ocpi import wire

Document = dict[str, Any]
Runner = Callable[[list[str]], Document]


def main() -> int:
    parser = argparse.ArgumentParser(description="Worked price cases through the command line.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--real", type=int, default=3, help="so many are priced in processes of their own, too")
    asked = parser.parse_args()
    cases = [wire.decode(file.read_bytes()) for file in sorted(asked.folder.glob("*.json"))]
    if not cases:
        parser.error(f"{asked.folder} holds no cases")
    every = max(1, len(cases) // asked.real) if asked.real else len(cases) + 1
    good = real = real_good = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases, 1):
            arguments = written(case, Path(folder))
            good += told(case, here(arguments), "")
            if number % every == 0:
                real += 1
                real_good += told(case, elsewhere(arguments), " in a process of its own")
    seconds = time.perf_counter() - began
    print(f"{good} of {len(cases)} to the last digit; {real_good} of {real} in processes of their own; {seconds:.1f} s")
    return 0 if (good, real_good) == (len(cases), real) else 1


def written(case: Document, folder: Path) -> list[str]:
    """The case as files, and the command that prices them."""
    arguments = ["price", _file(folder / "cdr.json", case["cdr"]), "--release", case["ocpi_version"], "--json"]
    for number, tariff in enumerate(case["tariffs"]):
        arguments += ["--tariff", _file(folder / f"tariff-{number}.json", tariff)]
    return arguments + (["--timezone", case["time_zone"]] if case.get("time_zone") else [])


def _file(path: Path, document: Document) -> str:
    path.write_bytes(wire.encode(document))
    return str(path)


def here(arguments: list[str]) -> Document:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        run(arguments)
    return _answer(out.getvalue(), err.getvalue())


def elsewhere(arguments: list[str]) -> Document:
    done = subprocess.run([sys.executable, "-m", "evmesh", *arguments], capture_output=True, text=True, check=False)
    return _answer(done.stdout, done.stderr)


def _answer(out: str, err: str) -> Document:
    """The JSON that the command printed; of a refusal what it said."""
    answer: Document = wire.decode(out) if out else {"total_cost": {}, "subtotals": {}, "findings": [], "refused": err}
    return answer


def told(case: Document, answer: Document, where: str) -> bool:
    """Whether all is as it must be; what is not is printed."""
    found = list(differences(case["expected"], answer))
    for difference in found:
        print(f"{case['name']}{where}: {difference}")
    return not found


def differences(expected: Document, answer: Document) -> Iterator[str]:
    if "refused" in answer:
        yield answer["refused"].strip()
    yield from _amounts("total_cost", expected["total_cost"], answer["total_cost"])
    subtotals = expected.get("sub_totals_exact", {})
    if subtotals.keys() != answer["subtotals"].keys():
        yield f"subtotals {sorted(answer['subtotals'])} instead of {sorted(subtotals)}"
    for field in subtotals.keys() & answer["subtotals"].keys():
        yield from _amounts(field, subtotals[field], answer["subtotals"][field])
    if "price_limit_adjustment" in expected:
        limits = expected["price_limit_adjustment"] or {"excl": None, "incl": None}
        yield from _amounts("price_limit_adjustment", limits, answer.get("price_limit_adjustment") or {})
    codes = {finding["code"] for finding in answer["findings"] if finding["severity"] != "info"}
    if codes != set(expected.get("findings", [])):
        yield f"findings {sorted(codes)} instead of {sorted(set(expected['findings']))}"


def _amounts(what: str, expected: Document, answer: Document) -> Iterator[str]:
    for side, name in (("excl", "before_taxes"), ("incl", "after_taxes")):
        wanted, got = _exact(expected[side]), exact(answer, name)
        if wanted != got:
            yield f"{what} {name} {got} instead of {wanted}"


def exact(amount: Document, name: str) -> Fraction | None:
    """The exact figure: its digits, or the ratio beside them where they have no end."""
    return _exact(amount.get("ratio", {}).get(name) or amount.get(name))


def _exact(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


if __name__ == "__main__":
    sys.exit(main())
