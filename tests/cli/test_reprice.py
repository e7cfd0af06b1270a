"""`evmesh reprice`: what the charges that a node holds would have cost under another tariff."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.cli.app import run
from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.store import objects, partners
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from tests.pricing.documents import cdr, component, element, period, tariff

Document = dict[str, Any]
Reprice = Callable[..., Document]

NOW = datetime(2026, 6, 2, tzinfo=UTC)
OLD = tariff(element(component("ENERGY", "0.25", vat=20)), id="OLD")
NEW = tariff(element(component("ENERGY", "0.40", vat=20)), id="NEW", start_date_time="2026-07-01T00:00:00Z")
NIGHT = tariff(
    element(component("ENERGY", "0.10", vat=20), start_time="22:00", end_time="06:00"),
    element(component("ENERGY", "0.40", vat=20)),
    id="NIGHT",
)


def charge(id: str, start: str, energy: int, **fields: Any) -> Document:
    """An hour that cost 0.25 a kWh and names its tariff."""
    net = energy * Decimal("0.25")
    claim = {"before_taxes": net, "taxes": [{"name": "VAT", "amount": net / 5}]}
    end = start.replace("00:00Z", "59:59Z")
    return cdr(period(start, "OLD", ENERGY=energy), end=end, id=id, total_cost=claim, tariffs=[OLD]) | fields


OURS = [
    charge("APRIL", "2026-04-30T20:00:00Z", 100),
    charge("DAY", "2026-05-01T10:00:00Z", 10),
    charge("EVENING", "2026-05-20T20:00:00Z", 40),
    charge("JUNE", "2026-06-01T00:00:00Z", 100),
]
THEIRS = [
    charge("ABROAD", "2026-05-02T10:00:00Z", 20, currency="SEK", tariffs=[OLD | {"currency": "SEK"}]),
    charge("ROAMED", "2026-05-03T10:00:00Z", 8),
]
LOCATION = {"country_code": "NL", "party_id": "TST", "id": "LOC1", "time_zone": "Europe/Amsterdam"}


async def fill(folder: Path, own: list[Document], roamed: list[Document]) -> None:
    settings = config.load(folder)
    store = await Store.open(settings.database, settings.secret_key)

    def put(tx: Tx, kind: str, partner: int, document: Document) -> None:
        key = f"nl*tst*{document['id']}".casefold()
        text = wire.encode(document).decode()
        updated = parse_timestamp(document["last_updated"]) if "last_updated" in document else NOW
        objects.put(tx, kind, partner, "NL", "TST", document["id"], key, text, None, "2.3.0", updated)

    def all_of_it(tx: Tx) -> None:
        partner = partners.insert(tx, "volt", status="registered").id
        put(tx, "locations", 0, LOCATION)
        for document in own:
            put(tx, "cdrs", 0, document)
        for document in roamed:
            put(tx, "cdrs", partner, document)

    try:
        await store.write(all_of_it)
    finally:
        await store.close()


@pytest.fixture
def node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "node"
    assert run(["-C", str(folder), "init", "--url", "http://127.0.0.1:8100", "--party", "CPO:NL:TST"]) == 0
    asyncio.run(fill(folder, OURS, THEIRS))
    capsys.readouterr()
    return folder


@pytest.fixture
def arguments(node: Path, tmp_path: Path) -> Callable[..., list[str]]:
    def made(*options: str, by: Document | None = NEW) -> list[str]:
        found = ["-C", str(node), "reprice", "--from", "2026-05-01", "--to", "2026-06-01", *options]
        if by is not None:
            path = tmp_path / "tariff.json"
            path.write_bytes(wire.encode(by))
            found += ["--tariff", str(path)]
        return found

    return made


@pytest.fixture
def answer(arguments: Any, capsys: pytest.CaptureFixture[str]) -> Reprice:
    def asked(*options: str, by: Document | None = NEW) -> Document:
        assert run(arguments("--json", *options, by=by)) == 0
        found: Document = json.loads(capsys.readouterr().out)
        return found

    return asked


def test_what_may_would_have_cost(answer: Reprice) -> None:
    """50 kWh of ours and 8 of a partner's: 0.15 more for each, whatever the validity of the new tariff. What was
    charged in another currency is left out and said."""
    found = answer()
    assert [(each["whose"], each["currency"], each["count"]) for each in found["totals"]] == [
        ("ours", "EUR", 2),
        ("theirs", "EUR", 1),
    ]
    assert found["totals"][0]["before"] == {"before_taxes": "12.5", "after_taxes": "15"}
    assert found["totals"][0]["after"] == {"before_taxes": "20", "after_taxes": "24"}
    assert found["totals"][0]["change"] == {"before_taxes": "7.5", "after_taxes": "9"}
    assert found["count"] == 3
    assert found["not_priced"] == {"count": 1, "reasons": [{"code": "currency_mismatch", "count": 1}]}
    assert [(each["id"], each["change"]["before_taxes"]) for each in found["largest"]] == [
        ("EVENING", "6"),
        ("DAY", "1.5"),
        ("ROAMED", "1.2"),
    ]
    assert [each["partner"] for each in found["largest"]] == [None, None, "volt"]
    assert (found["from"], found["to"]) == ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")


def test_the_location_tells_whose_clock_counts(answer: Reprice) -> None:
    """20:00 UTC is 22:00 in Amsterdam in May."""
    found = answer("--ours", by=NIGHT)
    assert found["totals"][0]["after"]["before_taxes"] == "8"
    assert {each["id"]: each["after"]["before_taxes"] for each in found["largest"]} == {"EVENING": "4", "DAY": "4"}


def test_their_own_tariffs_count_when_none_is_given(answer: Reprice) -> None:
    found = answer(by=None)
    assert [each["change"]["before_taxes"] for each in found["totals"]] == ["0", "0", "0"]
    assert [each["currency"] for each in found["totals"]] == ["EUR", "EUR", "SEK"]
    assert found["largest"] == []
    assert found["tariffs"] is None


def test_whose_days_they_are_and_how_much_is_listed(answer: Reprice) -> None:
    """In Auckland it is the 1st of May already when APRIL begins, and June when JUNE does."""
    found = answer("--ours", "--timezone", "Pacific/Auckland", "--largest", "1")
    assert [each["id"] for each in found["largest"]] == ["APRIL"]
    assert found["count"] == 3
    assert answer("--theirs")["count"] == 1


def test_credits_take_away(answer: Reprice, node: Path) -> None:
    negative = {"before_taxes": -10, "taxes": [{"name": "VAT", "amount": -2}]}
    credit = charge("CREDIT", "2026-05-20T20:00:00Z", 40, credit=True, credit_reference_id="EVENING")
    asyncio.run(fill_more(node, credit | {"total_cost": negative}))
    assert answer("--ours")["totals"][0]["after"] == {"before_taxes": "4", "after_taxes": "4.8"}


async def fill_more(folder: Path, document: Document) -> None:
    settings = config.load(folder)
    store = await Store.open(settings.database, settings.secret_key)
    text = wire.encode(document).decode()
    key = f"nl*tst*{document['id']}".casefold()
    try:
        await store.write(
            lambda tx: objects.put(tx, "cdrs", 0, "NL", "TST", document["id"], key, text, None, "2.3.0", NOW)
        )
    finally:
        await store.close()


def test_a_table_for_people(arguments: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == ("Charges that began from 2026-05-01 00:00 until before 2026-06-01 00:00 UTC, under tariff NEW:")
    assert "ours 2 EUR before taxes 12.50 20.00 +7.50 (60 %)" in lines
    assert "theirs 1 EUR after taxes 2.40 3.84 +1.44 (60 %)" in lines
    assert "Not among them, for want of a price: 1 (currency_mismatch 1)" in lines
    assert "EVENING 2026-05-20 20:00 EUR 10.00 16.00 +6.00 (60 %)" in lines


def test_how_far_it_is_on_a_terminal(
    arguments: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(arguments("--json")) == 0
    out, err = capsys.readouterr()
    assert "repricing" in err
    assert json.loads(out)["count"] == 3


@pytest.mark.parametrize(
    ("options", "by", "said"),
    [
        ([], OLD | {"currency": "NOK"}, "none of 4 charges could be priced"),
        ([], OLD | {"elements": []}, "tariff OLD cannot be priced by: error: /elements"),
        (["--timezone", "Europe/Olso"], NEW, "did you mean Europe/Oslo?"),
        (["--policy", "nowhere.toml"], NEW, "nowhere.toml: No such file"),
    ],
)
def test_what_cannot_be(
    arguments: Any, capsys: pytest.CaptureFixture[str], options: list[str], by: Document, said: str
) -> None:
    assert run(arguments(*options, by=by)) == 1
    assert said in capsys.readouterr().err


def test_a_time_without_charges(arguments: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = arguments()
    made[made.index("2026-05-01")], made[made.index("2026-06-01")] = "2020-05-01", "2020-06-01"
    assert run(made) == 0
    assert capsys.readouterr().out.endswith("there are none\n")


def test_a_folder_without_a_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "reprice", "--from", "2026-05-01", "--to", "2026-06-01"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
