"""`evmesh cdrs dispute`: from a wrong CDR to its end, as people say it and machines read it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Evmesh, Ran
from tests.cli.partners_cdrs import SORTS, befriended, bill, received
from tests.cli.test_cdrs import settle

WRONG = SORTS["WRONG"]


@pytest.fixture
def driver(evmesh: Evmesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An eMSP with a wrong CDR, and one whose id two partners use; letters are written where the test is."""
    folder = tmp_path / "driver"
    assert evmesh("-C", folder, "init", "--url", "http://127.0.0.1:8200", "--party", "EMSP:SE:DRV").status == 0
    befriended(folder)
    received(folder, bill("WRONG", **WRONG), bill("SAME", 3))
    received(folder, bill("SAME", 9, ("NO", "FJD")), partner="fjord")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def dispute(evmesh: Evmesh, driver: Path) -> Any:
    def ran(*words: object) -> Ran:
        return evmesh("-C", driver, "cdrs", "dispute", *words)

    return ran


def test_a_dispute_is_opened_sent_and_listed(dispute: Any, tmp_path: Path) -> None:
    opened = dispute("open", "WRONG", "--note", "night tariff", "--json").json
    assert (opened["id"], opened["cdr"], opened["state"], opened["reason"]) == (
        1, "SE*VLT*WRONG", "open", "price_differs",
    )  # fmt: skip
    assert (opened["claimed"], opened["expected"], opened["amount"], opened["currency"]) == (7, 4, 3, "SEK")
    assert opened["evidence"]["verdict"] == "differs"

    sent = dispute("send", 1, "--output", tmp_path / "a.txt")
    assert sent.out.splitlines()[0].startswith("dispute 1 about SE*VLT*WRONG: sent, waits for an answer until 20")
    assert sent.out.splitlines()[1] == f"wrote {tmp_path / 'a.txt'} and {tmp_path / 'dispute-1.json'}"
    assert "3.00 SEK too much" in (tmp_path / "a.txt").read_text()
    assert json.loads((tmp_path / "dispute-1.json").read_text()) == opened["evidence"]

    (listed,) = dispute("list", "--json").json
    assert {name: listed[name] for name in ("id", "state", "partner", "overdue", "amount")} == {
        "id": 1, "state": "sent", "partner": "volt", "overdue": False, "amount": 3,
    }  # fmt: skip
    head, row, count = [" ".join(line.split()) for line in dispute("list").out.splitlines()]
    assert head == "dispute partner CDR state reason amount currency days deadline waits for"
    assert row.startswith("1 volt SE*VLT*WRONG sent price_differs 3 SEK 0 20")
    assert row.endswith("an answer")
    assert count == "1 disputes"
    assert dispute("list", "--partner", "fjord", "--json").json == []


def test_every_step_by_people_to_the_end(dispute: Any) -> None:
    dispute("open", "WRONG")
    for word, state in (
        ("send", "sent"), ("reject", "rejected"), ("escalate", "escalated"), ("accept", "accepted"),
        ("escalate", "escalated"), ("write-off", "written_off"),
    ):  # fmt: skip
        assert dispute(word, 1, "--note", f"then {word}", "--json").json["state"] == state

    shown = dispute("show", 1).json
    assert [step["note"] for step in shown["history"]][1:3] == ["then send", "then reject"]
    assert shown["deadline"].endswith("Z")
    assert dispute("list", "--json").json == []
    assert [each["state"] for each in dispute("list", "--all", "--json").json] == ["written_off"]
    assert dispute("open", "WRONG", "--json").json["id"] == 2


def test_where_no_credit_cdr_can_come_people_say_it(dispute: Any) -> None:
    dispute("open", "WRONG")
    assert "only send, write-off, credit is possible" in dispute("rebill", 1).sentence

    assert dispute("credit", 1, "--note", "credit note CN-17", "--json").json["state"] == "credited"
    ended = dispute("rebill", 1, "--json").json

    assert (ended["state"], ended["credit_seq"], ended["new_seq"]) == ("rebilled", None, None)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["open", "NOTHING"], "there is no CDR of a partner called NOTHING"),
        (["open", "SE*VLT*SAM"], "there is no CDR of a partner called SE*VLT*SAM"),
        (["open", "SAME"], "several CDRs are called SAME: SE*VLT*SAME, NO*FJD*SAME"),
        (["open", "BACK"], "BACK is a credit; what it takes back can be disputed"),
        (["open", "wrong"], "the CDR WRONG is disputed already: dispute 1"),
        (["accept", 1], "dispute 1 is open: only send, write-off, credit is possible"),
        (["accept", 9], "there is no dispute 9"),
        (["show", 9], "there is no dispute 9"),
        (["letter", 9], "there is no dispute 9"),
        (["send", 9], "there is no dispute 9"),
        (["list", "--partner", "nobody"], "there is no partner nobody"),
    ],
)
def test_what_cannot_be(dispute: Any, driver: Path, words: list[Any], why: str) -> None:
    money = {"before_taxes": -4, "taxes": [{"name": "VAT", "amount": -1}]}
    received(driver, bill("BACK", 3, credit=True, credit_reference_id="SAME", total_cost=money))
    dispute("open", "WRONG")

    assert why in dispute(*words).sentence


@pytest.mark.parametrize(
    "words", [["send", 0], ["send", "one"], ["send", 1, "--language", "de"], ["letter", 1, "--output", "a.doc"]]
)
def test_what_is_no_command(dispute: Any, words: list[Any]) -> None:
    assert dispute(*words).misuse


def test_an_owner_tells_which_of_the_two(dispute: Any) -> None:
    assert dispute("open", "no*fjd*same", "--reason", "ours", "--json").json["cdr"] == "NO*FJD*SAME"


def test_a_deadline_that_is_over_is_said(dispute: Any, driver: Path) -> None:
    settle(driver, 'partner = "volt"\nanswer_within_days = 0')
    dispute("open", "WRONG")

    assert dispute("list", "--json").json[0]["overdue"] is True
    assert "(over)" in dispute("list").out


def test_the_letter_is_written_again_word_for_word(dispute: Any, tmp_path: Path) -> None:
    pytest.importorskip("typst")
    dispute("open", "WRONG")
    assert dispute("send", 1, "--language", "sv").out.splitlines()[-1] == "wrote dispute-1.pdf"
    first = (tmp_path / "dispute-1.pdf").read_bytes()
    dispute("reject", 1)

    again = dispute("letter", 1, "--language", "sv", "--output", "again.pdf", "--json")
    assert again.json == {"letter": ["again.pdf"]}
    assert dispute("show", 1, "--json").json == dispute("show", 1).json
    assert (tmp_path / "again.pdf").read_bytes() == first


def test_without_the_extra_it_is_plain_text_and_that_is_said(
    dispute: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    dispute("open", "WRONG")
    assert "evmesh[pdf]" in dispute("send", 1, "--output", "wanted.pdf").sentence
    assert dispute("show", 1).json["state"] == "open"

    sent = dispute("send", 1, "--json")

    assert "plain text instead: " in sent.err
    assert sent.json["letter"] == ["dispute-1.txt", "dispute-1.json"]
    assert sent.json["state"] == "sent"


def test_a_letter_that_cannot_be_written_sends_nothing(dispute: Any) -> None:
    dispute("open", "WRONG")

    assert "No such file or directory" in dispute("send", 1, "--output", "nowhere/letter.txt").sentence
    assert dispute("show", 1).json["state"] == "open"


def test_the_letter_speaks_the_partners_language_and_knows_both_companies(
    dispute: Any, driver: Path, tmp_path: Path
) -> None:
    company = 'street = "Storgatan 1"\npostcode = "111 22"\ncity = "Stockholm"\ncountry = "SE"\n'
    with (driver / "evmesh.toml").open("a") as file:
        file.write(f'[billing.company]\nname = "Förarbolaget AB"\n{company}')
        file.write(f'[[billing.customer]]\npartner = "volt"\nname = "Volt Laddning AB"\nlanguage = "sv"\n{company}')
    dispute("open", "WRONG")
    dispute("send", 1, "--output", "brev.txt")

    told = (tmp_path / "brev.txt").read_text()
    assert told.startswith("Tvist 1\n\nFörarbolaget AB\nStorgatan 1\n111 22 Stockholm\nSE\n\nVolt Laddning AB\n")
