"""`evmesh cdrs`: CDRs that partners sent, each with its verdict; and our own, corrected."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evmesh.ocpi import wire
from tests.cli.conftest import Evmesh, Ran
from tests.cli.partners_cdrs import SORTS, befriended, bill, costing, left_and_came_back, received

VERDICTS = {
    "AGREES": "agrees",
    "NEARLY": "within_tolerance",
    "HABIT": "explained",
    "WRONG": "differs",
    "UNKNOWN": "cannot_be_priced",
}


@pytest.fixture
def driver(evmesh: Evmesh, tmp_path: Path) -> Path:
    """An eMSP that got a CDR of each sort, and one of another partner."""
    folder = tmp_path / "driver"
    assert evmesh("-C", folder, "init", "--url", "http://127.0.0.1:8200", "--party", "EMSP:SE:DRV").status == 0
    befriended(folder)
    received(folder, *(bill(id, hour, **fields) for hour, (id, fields) in enumerate(SORTS.items())))
    received(folder, bill("AGREES", 9, ("NO", "FJD")), partner="fjord")
    return folder


@pytest.fixture
def cdrs(evmesh: Evmesh, driver: Path) -> Any:
    def ran(*words: object) -> Ran:
        return evmesh("-C", driver, "cdrs", *words)

    return ran


def verdicts(said: Ran) -> dict[str, str]:
    return {each["cdr"]: each["verdict"] for each in said.json}


def test_each_sort_gets_its_verdict(cdrs: Any) -> None:
    found = {each["cdr"]: each for each in cdrs("list", "--json").json}

    assert {key: each["verdict"] for key, each in found.items()} == {
        **{f"SE*VLT*{id}": verdict for id, verdict in VERDICTS.items()},
        "NO*FJD*AGREES": "agrees",
    }
    assert [habit["code"] for habit in found["SE*VLT*HABIT"]["habits"]] == ["gross_as_net"]
    wrong = found["SE*VLT*WRONG"]
    assert (wrong["partner"], wrong["currency"], wrong["by"]) == ("volt", "SEK", "pushed_tariff")
    assert wrong["start_date_time"] == "2026-03-01T08:00:00Z"
    assert wrong["claimed"] == {"before_taxes": "7", "after_taxes": "8.75"}
    assert wrong["expected"] == {"before_taxes": "4", "after_taxes": "5"}
    assert wrong["difference"] == {"before_taxes": "3", "after_taxes": "3.75"}


def test_a_name_is_that_of_the_partner_that_is_there(cdrs: Any, driver: Path) -> None:
    """Not of the one that was removed and had it before."""
    left_and_came_back(driver)
    received(driver, bill("NEW", 12, ("NO", "FJD")), partner="fjord")

    assert set(verdicts(cdrs("list", "--partner", "fjord", "--json"))) == {"NO*FJD*NEW"}
    assert cdrs("check", "--partner", "fjord", "--json").json["checked"] == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--verdict", "differs"], {"SE*VLT*WRONG"}),
        (["--partner", "fjord"], {"NO*FJD*AGREES"}),
        (["--partner", "volt", "--verdict", "agrees"], {"SE*VLT*AGREES"}),
        (["--from", "2026-03-01T10:00"], {"SE*VLT*AGREES", "SE*VLT*NEARLY"}),
        (["--from", "2026-03-01T09:00", "--to", "2026-03-01T10:00Z"], {"SE*VLT*HABIT"}),
        (["--to", "2026-03-01T09:00+06:00"], {"NO*FJD*AGREES"}),
        (["--limit", "1"], {"SE*VLT*AGREES"}),
        (["--from", "2027-01-01"], set()),
    ],
)
def test_what_is_listed(cdrs: Any, words: list[str], found: set[str]) -> None:
    assert verdicts(cdrs("list", "--json", *words)).keys() == found


def test_a_table_for_people(cdrs: Any) -> None:
    lines = [" ".join(line.split()) for line in cdrs("list").out.splitlines()]

    assert lines[0] == "partner CDR began (UTC) verdict claimed expected difference currency why"
    assert "volt SE*VLT*HABIT 2026-03-01 09:00 explained 5 4 1 SEK the amount after taxes given as the one before" in (
        lines
    )
    assert lines[-1] == "6 CDRs"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--partner", "nobody"], "there is no partner nobody"),
        (["check", "--partner", "nobody"], "there is no partner nobody"),
    ],
)
def test_who_is_not_there(cdrs: Any, words: list[str], said: str) -> None:
    assert said in cdrs(*words).sentence


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--verdict", "fine"],
        ["list", "--from", "May"],
        ["check", "--to", "2026-13-01"],
        ["list", "--limit", "0"],
    ],
)
def test_what_cannot_be_asked(cdrs: Any, words: list[str]) -> None:
    assert cdrs(*words).misuse


def test_judging_again_changes_nothing(cdrs: Any) -> None:
    before = cdrs("list", "--json").json

    checked = cdrs("check", "--json").json

    assert checked["checked"] == 6
    assert checked["verdicts"]["agrees"] == 2
    assert cdrs("list", "--json").json == before


def test_a_new_contract_is_judged_by(cdrs: Any, driver: Path) -> None:
    """7 SEK for a kWh were agreed on, and half a krona that nobody argues about."""
    (driver / "list.json").write_bytes(wire.encode(costing(7)))
    settle(driver, 'partner = "volt"\ntariffs = ["list.json"]\ntolerance = 0.5')
    assert verdicts(cdrs("list", "--json", "--verdict", "differs")) == {"SE*VLT*WRONG": "differs"}

    assert cdrs("check", "--partner", "volt").status == 0

    found = verdicts(cdrs("list", "--json"))
    assert found == {
        "SE*VLT*AGREES": "differs",
        "SE*VLT*NEARLY": "differs",
        "SE*VLT*HABIT": "differs",
        "SE*VLT*WRONG": "agrees",
        "SE*VLT*UNKNOWN": "differs",
        "NO*FJD*AGREES": "agrees",
    }


def settle(folder: Path, contract: str) -> None:
    with (folder / "evmesh.toml").open("a") as file:
        file.write(f"\n[[contract]]\n{contract}\n")


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        ('partner = "volt"\ntolerance = "much"', "'much' is no amount of money"),
        ('partner = "volt"\ntolerance = -1', "-1 is no tolerance"),
        ('partner = "volt"\ntariffs = ["gone.json"]', "No such file or directory"),
        ('partner = "volt"\ntariffs = ["broken.json"]', "broken.json"),
        ('partner = "volt"\ntariffs = ["empty.json"]', "cannot be priced by; evmesh lint says why"),
        ('partner = "volt"\npolicy = { rownding = "up" }', "rownding"),
        ('partner = "volt"\nlate_after_days = "x"', "late_after_days"),
        ('partnr = "volt"', "did you mean partner"),
        ("tolerance = 1", "partner"),
    ],
)
def test_a_contract_that_cannot_be_is_named(cdrs: Any, driver: Path, contract: str, why: str) -> None:
    (driver / "broken.json").write_text("{")
    (driver / "empty.json").write_text("{}")
    settle(driver, contract)

    assert why in cdrs("list").sentence


def test_two_contracts_with_one_partner_are_one_too_many(cdrs: Any, driver: Path) -> None:
    for tolerance in (1, 2):
        settle(driver, f'partner = "volt"\ntolerance = {tolerance}')

    assert "two contracts with volt" in cdrs("list").sentence


def test_a_credit_that_came_before_its_cdr_is_looked_at_again(cdrs: Any, evmesh: Evmesh, driver: Path) -> None:
    money = {"before_taxes": -4, "taxes": [{"name": "VAT", "amount": -1}]}
    received(driver, bill("BACK", 14, credit=True, credit_reference_id="LATER", total_cost=money))
    assert "credit_of_unknown_cdr" in evmesh("-C", driver, "faults").out
    received(driver, bill("LATER", 14))

    cdrs("check")

    assert {each["cdr"]: each["by"] for each in cdrs("list", "--json").json}["SE*VLT*BACK"] == "original"
    assert "credit_of_unknown_cdr" not in evmesh("-C", driver, "faults").out


def test_a_credit_of_a_wrong_cdr_is_not_held_against_the_tariff(cdrs: Any, driver: Path) -> None:
    money = {"before_taxes": -7, "taxes": [{"name": "VAT", "amount": Decimal("-1.75")}]}
    received(driver, bill("BACK", credit=True, credit_reference_id="WRONG", total_cost=money))

    shown = cdrs("show", "BACK").out

    assert "BACK of volt: agrees, by the CDR that it takes back" in shown
    assert "no known habit" not in shown


def test_what_came_late_stays_late(cdrs: Any, driver: Path) -> None:
    """When it came counts, not when it is looked at again."""
    received(driver, bill("LATE", 20), after=timedelta(days=31))
    cdrs("check")

    found = {
        each["cdr"]: each["levels"].get("plausible", {}).get("findings", []) for each in cdrs("list", "--json").json
    }
    assert {key for key, findings in found.items() if "late" in {each["code"] for each in findings}} == {"SE*VLT*LATE"}


def test_every_version_of_a_tariff_is_shown(evmesh: Evmesh, driver: Path) -> None:
    (version,) = evmesh("-C", driver, "show", "tariffs", "T1", "--history").json

    assert (version["known_from"], version["release"]) == ("2026-03-01T02:00:00Z", "2.2.1")
    assert version["document"]["elements"] == costing(4)["elements"]
    assert evmesh("-C", driver, "show", "cdrs", "WRONG", "--history").misuse


def test_each_cdr_is_explained_line_by_line(cdrs: Any) -> None:
    shown = [" ".join(line.split()) for line in cdrs("show", "WRONG").out.splitlines()]

    assert shown[0] == "CDR SE*VLT*WRONG of volt: differs, by the tariff that the partner had told"
    assert any(line.startswith("1 08:00 Energy 1 kWh × 4 4.00 25 % 5.00") for line in shown), shown
    assert (
        "The CDR says 7.00 SEK before taxes, 8.75 SEK after taxes, 3.00 SEK more: no known habit explains it." in shown
    )
    assert any("because: always" in line for line in shown)


def test_it_is_explained_in_swedish_and_for_machines(cdrs: Any) -> None:
    shown = cdrs("show", "HABIT", "--language", "sv").out
    assert "det förklaras av beloppet efter skatt angivet som det före." in shown

    found = cdrs("show", "WRONG", "--json").json
    assert (found["cdr"], found["partner"], found["verdict"], found["report"]["by"]) == (
        "SE*VLT*WRONG", "volt", "differs", "pushed_tariff",
    )  # fmt: skip
    assert found["bill"]["lines"][0]["before_taxes"] == "4"
    assert found["explanation"]


def test_what_cannot_be_priced_says_why(cdrs: Any) -> None:
    assert "It cannot be priced: " in cdrs("show", "UNKNOWN").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "NOTHING"], "there is no CDR called NOTHING"),
        (["show", "AGREES"], "several CDRs are called AGREES: SE*VLT*AGREES, NO*FJD*AGREES"),
        (["credit", "WRONG"], "there is no CDR of ours called WRONG"),
        (["rebill", "WRONG"], "there is no CDR of ours called WRONG"),
    ],
)
def test_a_cdr_that_is_not_there(cdrs: Any, words: list[str], said: str) -> None:
    assert said in cdrs(*words).sentence


def test_the_parts_of_a_claim_are_set_beside_ours(cdrs: Any, driver: Path) -> None:
    part = {"before_taxes": 6, "taxes": [{"name": "VAT", "amount": 1}]}
    received(driver, bill("PARTS", 12, total_cost=part, total_energy_cost=part))

    assert "Energy 6.00 4.00 2.00" in [" ".join(line.split()) for line in cdrs("show", "PARTS").out.splitlines()]
