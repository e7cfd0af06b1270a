"""`evmesh cdrs credit` and `evmesh cdrs rebill`: a CDR of ours is put right."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.ocpi import wire
from evmesh.platform import opened
from tests.cli.conftest import Evmesh, Ran
from tests.cli.partners_cdrs import DRV, bill, costing
from tests.roaming.calls import befriend

EMPTY = "nothing.json"


@pytest.fixture
def cdrs(evmesh: Evmesh, volt: Path) -> Any:
    """A CPO that billed 7 SEK where its tariff says 4."""

    def ran(*words: object) -> Ran:
        return evmesh("-C", volt, "cdrs", *words)

    (volt / "cdrs.json").write_bytes(wire.encode([bill("WRONG", total_cost={"before_taxes": 7})]))
    assert evmesh("-C", volt, "import", "ocpi", "cdrs", volt / "cdrs.json").status == 0
    return ran


def test_a_wrong_cdr_is_seen_credited_and_billed_anew(cdrs: Any, evmesh: Evmesh, volt: Path) -> None:
    shown = cdrs("show", "WRONG").out
    assert shown.startswith("CDR SE*VLT*WRONG, ours\n")
    assert "The CDR says 7.00 SEK before taxes, 3.00 SEK more" in shown

    assert cdrs("credit", "WRONG", "--reason", "Wrong price").out == "SE*VLT*WRONG-C: -7 SEK before taxes\n"
    anew = cdrs("rebill", "SE*VLT*WRONG", "--json").json

    assert anew["total_cost"]["before_taxes"] == 4
    held = {each["id"]: each for each in evmesh("-C", volt, "list", "cdrs", "--json").json}
    assert held.keys() == {"WRONG", "WRONG-C", anew["id"]}
    assert held["WRONG-C"]["remark"] == "Wrong price"
    assert held["WRONG"]["total_cost"] == {"before_taxes": 7}
    assert "that agrees" in cdrs("show", anew["id"]).out


def test_a_given_tariff_counts(cdrs: Any, tmp_path: Path) -> None:
    (tmp_path / "night.json").write_bytes(wire.encode(costing("2.5", id="NIGHT")))
    cdrs("credit", "WRONG")

    anew = cdrs("rebill", "WRONG", "--tariff", tmp_path / "night.json", "--json").json

    assert (anew["total_cost"]["before_taxes"], anew["tariffs"][0]["id"]) == (2.5, "NIGHT")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["credit", "NOTHING"], "there is no CDR of ours called NOTHING"),
        (["rebill", "WRONG"], "the CDR SE*VLT*WRONG is not credited yet: evmesh cdrs credit comes first"),
        (["rebill", "WRONG", "--tariff", "gone.json"], "gone.json: No such file or directory"),
        (["rebill", "WRONG", "--tariff", EMPTY], "cannot be billed by: "),
        (["credit", "WRONG", "--reason", "x" * 256], "longer than the 255 characters of a remark"),
    ],
)
def test_what_cannot_be(cdrs: Any, words: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(EMPTY).write_text("{}")
    assert why in cdrs(*words).sentence
    assert cdrs("show", "WRONG-C").status == 1


def test_nothing_is_done_twice(cdrs: Any) -> None:
    cdrs("credit", "WRONG")
    assert "was credited before, by WRONG-C" in cdrs("credit", "WRONG").sentence
    assert "is itself a credit" in cdrs("credit", "WRONG-C").sentence
    cdrs("rebill", "WRONG")
    assert "was billed anew before, by " in cdrs("rebill", "WRONG").sentence


def test_a_partner_without_credits_is_named_at_once(cdrs: Any, volt: Path) -> None:
    async def meet() -> None:
        async with opened(config.load(volt)) as node:
            await befriend(node, "old", "2.1.1", roles=[("EMSP", DRV)])

    asyncio.run(meet())

    said = cdrs("credit", "WRONG")

    assert (said.status, said.out) == (0, "SE*VLT*WRONG-C: -7 SEK before taxes\n")
    assert said.err == "old cannot be told: 2.1.1 has no credit CDRs\n"
