"""The commands about prices, through the program's own entry: what they print, what they answer, how they leave."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.price_cases import differences, written
from evmesh.cli.app import run
from evmesh.ocpi import wire
from tests.pricing.documents import cdr, component, element, period, tariff
from tests.shared import SHARED, needs_shared

Document = dict[str, Any]
Write = Callable[[str, Any], str]
Answer = tuple[int, str, str]

CASES = sorted((SHARED / "pricing" / "cases").glob("*.json"))

ENERGY = tariff(element(component("ENERGY", "0.25", vat=10)))
LOCAL = tariff(element(component("ENERGY", "0.30", vat=20), start_time="22:00", end_time="06:00"), id="NIGHT")


def charge(**fields: Any) -> Document:
    """20 kWh in two hours from 10:00 in Amsterdam: 5.00 before and 5.50 after taxes under ENERGY."""
    claim = {"before_taxes": Decimal("5.00"), "taxes": [{"name": "VAT", "amount": Decimal("0.50")}]}
    made = cdr(
        period("2026-01-12T09:00:00Z", ENERGY=8, TIME=1),
        period("2026-01-12T10:00:00Z", ENERGY=12, TIME=1),
        end="2026-01-12T11:00:00Z",
        total_cost=claim,
        total_energy=20,
        total_time=2,
    )
    return made | fields


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a document, or a text as it is, and gives the file's name."""

    def written_(name: str, content: Any) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else wire.encode(content))
        return str(path)

    return written_


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs a command and gives its exit status, stdout and stderr."""

    def run_(*arguments: str) -> Answer:
        status = run(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run_


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    return give


# What is asked in the same way of every command.


@pytest.mark.parametrize("command", ["price", "lint", "explain", "quote", "diff", "reprice"])
def test_help_shows_examples(ran: Any, command: str) -> None:
    status, out, _ = ran(command, "--help")
    assert status == 0
    assert "Example" in out
    assert f"evmesh {command}" in out or f"evmesh -C volt {command}" in out


def test_help_loads_no_engine() -> None:
    """Help is there at once because nothing heavy is imported for it."""
    program = (
        "import sys; from evmesh.cli.app import run; run(['price', '--help']);"
        "print([name for name in sys.modules if name.startswith('evmesh.pricing') or name in ('sqlalchemy', 'numpy')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


QUOTED = ("--start", "2026-03-01T18:00:00+01:00", "--energy", "20", "--duration", "2h")


@pytest.mark.parametrize(
    "command", [("price",), ("lint",), ("explain",), ("quote", *QUOTED), ("price", "--batch")], ids=lambda c: c[0]
)
class TestBadFiles:
    """One sentence on stderr, exit status 1, nothing on stdout."""

    def refused(self, ran: Any, command: tuple[str, ...], file: str) -> str:
        status, out, err = ran(*command, file)
        assert status == 1
        assert len([line for line in err.splitlines() if line.startswith("evmesh: ")]) == 1
        return str(err) + str(out)

    def test_that_are_missing(self, ran: Any, command: tuple[str, ...], tmp_path: Path) -> None:
        assert "No such file" in self.refused(ran, command, str(tmp_path / "nowhere.json"))

    def test_that_are_folders(self, ran: Any, command: tuple[str, ...], tmp_path: Path) -> None:
        assert "Is a directory" in self.refused(ran, command, str(tmp_path))

    def test_that_are_not_json(self, ran: Any, command: tuple[str, ...], write: Write) -> None:
        assert "is not JSON" in self.refused(ran, command, write("text.json", b"once upon a time"))

    def test_with_a_number_that_is_none(self, ran: Any, command: tuple[str, ...], write: Write) -> None:
        said = self.refused(ran, command, write("nan.json", b'{"id": "T1", "price": NaN}'))
        assert "NaN is no number (column 23)" in said

    def test_that_hold_no_object(self, ran: Any, command: tuple[str, ...], write: Write) -> None:
        assert "an object is expected" in self.refused(ran, command, write("list.json", b'["once"]'))


def test_the_line_of_a_mistake_is_named(ran: Any, write: Write) -> None:
    file = write("cdr.json", b'{\n "id": "C1",\n "total_energy": Infinity\n}')
    assert ran("price", file) == (1, "", f"evmesh: {file} is not JSON: Infinity is no number (line 3, column 18)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("price",),
        ("price", "cdr.json", "--batch", "cdrs.ndjson"),
        ("price", "-", "--tariff", "-"),
        ("price", "cdr.json", "--release", "2.4"),
        ("price", "cdr.json", "--language", "de"),
        ("lint",),
        ("lint", "tariff.json", "--release", "2.0"),
        ("lint", "tariff.json", "--country", "Sweden"),
        ("quote", "tariff.json", "--start", "2026-03-01T18:00:00Z", "--energy", "20"),
        ("quote", "tariff.json", "--start", "tomorrow", "--energy", "20", "--duration", "2h"),
        ("quote", "tariff.json", "--start", "2026-03-01T18:00:00Z", "--energy", "NaN", "--duration", "2h"),
        ("quote", "tariff.json", "--start", "2026-03-01T18:00:00Z", "--energy", "20", "--duration", "2"),
        ("quote", "tariff.json", "--start", "2026-03-01T18:00:00Z", "--energy", "20", "--power", "fast"),
        ("diff", "old.json"),
        ("diff", "-", "-"),
        ("diff", "old.json", "new.json", "--day", "yesterday"),
        ("reprice", "--from", "May"),
        ("reprice", "--from", "2026-05-01", "--to", "2026-05-01"),
        ("reprice", "--from", "2026-05-01", "--to", "2026-06-01", "--ours", "--theirs"),
    ],
    ids=" ".join,
)
def test_misuse_leaves_with_2(ran: Any, write: Write, arguments: tuple[str, ...]) -> None:
    present = {"tariff.json": ENERGY, "old.json": ENERGY, "new.json": ENERGY, "cdr.json": charge()}
    files = {name: write(name, content) for name, content in present.items()}
    status, out, err = ran(*(files.get(argument, argument) for argument in arguments))
    assert (status, out) == (2, "")
    assert "Usage: evmesh" in err


# price


@needs_shared
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_every_worked_case_to_the_last_digit(ran: Any, file: Path, tmp_path: Path) -> None:
    case = wire.decode(file.read_bytes())
    _, out, _ = ran(*written(case, tmp_path))
    answer = wire.decode(out)
    assert list(differences(case["expected"], answer)) == []
    assert {"total_cost", "lines", "subtotals", "findings", "verdict"} <= answer.keys()


@needs_shared
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_case_tells_its_release_by_its_words(ran: Any, file: Path, tmp_path: Path) -> None:
    case = wire.decode(file.read_bytes())
    arguments = written(case, tmp_path)
    at = arguments.index("--release")
    _, out, _ = ran(*arguments[:at], *arguments[at + 2 :])
    assert list(differences(case["expected"], wire.decode(out))) == []


def test_the_answer_for_machines(ran: Any, write: Write) -> None:
    status, out, err = ran("price", write("cdr.json", charge()), "--tariff", write("t.json", ENERGY), "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert answer["total_cost"] == {"before_taxes": "5", "after_taxes": "5.5"}
    assert answer["subtotals"] == {"total_energy_cost": {"before_taxes": "5", "after_taxes": "5.5"}}
    assert [line["billed"] for line in answer["lines"]] == ["8", "12"]
    assert answer["verdict"] == "agrees"
    assert (answer["id"], answer["currency"], answer["release"]) == ("CDR1", "EUR", "2.3.0")


def test_a_figure_without_end_has_its_ratio_beside_it(ran: Any, write: Write) -> None:
    hourly = tariff(element(component("TIME", 1)))
    minute = cdr(period("2026-01-12T09:00:00Z", TIME="0.0167"), end="2026-01-12T09:01:00Z")
    _, out, _ = ran("price", write("cdr.json", minute), "--tariff", write("t.json", hourly), "--json")
    total = json.loads(out)["total_cost"]
    assert Fraction(total["ratio"]["before_taxes"]) == Fraction(1, 60)
    assert total["before_taxes"].startswith("0.01666666666")


def test_the_tariffs_of_the_cdr_itself(ran: Any, write: Write) -> None:
    """Its own tariffs count, and the verdict is there, too."""
    wrong = {"before_taxes": Decimal("7.00"), "taxes": []}
    _, out, _ = ran("price", write("cdr.json", charge(tariffs=[ENERGY], total_cost=wrong)), "--json")
    answer = json.loads(out)
    assert answer["total_cost"]["before_taxes"] == "5"
    assert answer["verdict"] == "differs"
    assert answer["difference"]["before_taxes"] == "2"


def test_a_bill_to_read(ran: Any, write: Write) -> None:
    file, by = write("cdr.json", charge()), write("t.json", ENERGY)
    status, out, err = ran("price", file, "--tariff", by, "--timezone", "Europe/Amsterdam")
    assert (status, err) == (0, "")
    assert [line.rstrip() for line in out.rstrip().splitlines()] == [
        "CDR1, 2026-01-12 10:00 – 12:00, Europe/Amsterdam, EUR",
        "",
        "period  from   what    billed × price  before taxes  VAT   after taxes",
        "     1  10:00  Energy  8 kWh × 0.25            2.00  10 %         2.20",
        "     2  11:00  Energy  12 kWh × 0.25           3.00  10 %         3.30",
        "               Total                           5.00               5.50",
        "",
        "The CDR says 5.00 EUR before taxes, 5.50 EUR after taxes: that agrees.",
    ]


def test_a_bill_that_is_piped_is_not_folded(ran: Any, write: Write) -> None:
    """A pipe has no width."""
    long = tariff(element(component("PARKING_TIME", "123456.123456789", vat="12.3456")))
    parked = cdr(period("2026-01-12T09:00:00Z", PARKING_TIME=1), end="2026-01-12T10:00:00Z")
    _, out, _ = ran("price", write("cdr.json", parked), "--tariff", write("t.json", long), "--language", "sv")
    assert "Parkering utan laddning  1 h × 123456,123456789" in out


def test_each_line_is_explained_in_either_language(ran: Any, write: Write) -> None:
    stepped = tariff(
        element(component("ENERGY", "0.25", step_size=500), start_time="08:00"),
        min_price={"before_taxes": 6, "after_taxes": 6},
    )
    arguments = ["price", write("cdr.json", charge()), "--tariff", write("t.json", stepped)]
    arguments += ["--timezone", "Europe/Amsterdam", "--explain"]
    _, out, _ = ran(*arguments)
    assert "Period 1, Energy: 8 kWh × 0.25 = 2 EUR (because: 10:00 local time is within 08:00-00:00)" in out
    assert "Raised to the minimum price: 1 EUR" in out
    _, out, _ = ran(*arguments, "--language", "sv")
    assert "Höjt till minimipriset: 1 EUR" in out
    _, out, _ = ran(*arguments, "--json")
    assert any("10:00 local time" in sentence for sentence in json.loads(out)["explanation"])


def test_a_difference_is_explained_by_the_habit_behind_it(ran: Any, write: Write) -> None:
    gross = charge(total_cost={"before_taxes": Decimal("5.50"), "taxes": []})
    arguments = ["price", write("cdr.json", gross), "--tariff", write("t.json", ENERGY)]
    _, out, _ = ran(*arguments)
    assert "0.50 EUR more: explained by the amount after taxes given as the one before." in out
    _, out, _ = ran(*arguments, "--quick")
    assert "The CDR says 5.50 EUR before taxes, 0.50 EUR more.\n" in out


def test_a_credit_is_told_as_one(ran: Any, write: Write) -> None:
    claim = {"before_taxes": -5, "taxes": [{"name": "VAT", "amount": Decimal("-0.5")}]}
    credit = charge(total_cost=claim, credit=True, credit_reference_id="CDR0")
    status, out, _ = ran("price", write("cdr.json", credit), "--tariff", write("t.json", ENERGY))
    assert status == 0
    assert "that agrees" in out
    assert "It is a credit" in out


def test_envelopes_lists_and_standard_input(ran: Any, write: Write, stdin: Any) -> None:
    envelope = {"status_code": 1000, "timestamp": "2026-01-12T12:00:00Z", "data": charge()}
    stdin(wire.encode(envelope))
    status, out, _ = ran("price", "-", "--tariff", write("t.json", [ENERGY]), "--json")
    assert (status, json.loads(out)["verdict"]) == (0, "agrees")
    stdin(wire.encode(ENERGY))
    assert ran("price", write("cdr.json", charge()), "--tariff", "-", "--json")[0] == 0
    status, _, err = ran("price", write("two.json", {"status_code": 1000, "data": [charge(), charge()]}))
    assert status == 1
    assert "holds 2 objects of type CDR, not one: --batch prices many" in err
    status, _, err = ran("price", write("none.json", {"status_code": 1000, "data": []}))
    assert (status, "holds no CDR: the list is empty" in err) == (1, True)
    status, _, err = ran("price", write("no.json", {"status_code": 2003, "timestamp": "2026-01-12T12:00:00Z"}))
    assert (status, "holds no CDR: an answer without data, with status 2003" in err) == (1, True)


def test_tariffs_one_a_line(ran: Any, write: Write) -> None:
    tariffs = lines(ENERGY | {"id": "T0", "end_date_time": "2026-01-01T00:00:00Z"}, ENERGY)
    _, out, _ = ran("price", write("cdr.json", charge()), "--tariff", write("t.ndjson", tariffs), "--json")
    assert json.loads(out)["verdict"] == "agrees"
    file = write("t.ndjson", tariffs + b"{\n")
    status, out, err = ran("price", write("cdr.json", charge()), "--tariff", file)
    assert (status, out) == (1, "")
    assert err.startswith(f"evmesh: {file}, line 3, is not JSON")


@pytest.mark.parametrize("said", ["yes", True])
def test_a_tariff_is_not_read_by_another_release_to_leave_out_what_is_wrong(ran: Any, write: Write, said: Any) -> None:
    """tax_included in other letters is still that: 5.00 is the amount after taxes."""
    arguments = ["price", write("cdr.json", charge()), "--tariff", write("t.json", ENERGY | {"tax_included": said})]
    _, out, _ = ran(*arguments, "--json")
    answer = json.loads(out)
    assert answer["total_cost"]["after_taxes"] == "5"
    assert "/tariffs/0/tax_included" in {finding["pointer"] for finding in answer["findings"]}


def test_several_tariffs_each_price_the_periods_that_name_them(ran: Any, write: Write) -> None:
    dear = tariff(element(component("ENERGY", 1)), id="T2")
    mixed = charge(charging_periods=[
        period("2026-01-12T09:00:00Z", "T1", ENERGY=8), period("2026-01-12T10:00:00Z", "T2", ENERGY=12),
    ])  # fmt: skip
    arguments = ["price", write("cdr.json", mixed), "--json"]
    arguments += ["--tariff", write("t1.json", ENERGY), "--tariff", write("t2.json", dear)]
    assert json.loads(ran(*arguments)[1])["total_cost"]["before_taxes"] == "14"


class TestPolicies:
    """What a contract decided otherwise, from TOML or JSON."""

    def priced(self, ran: Any, write: Write, policy: str) -> Answer:
        stepped = tariff(element(component("ENERGY", 1, step_size=15000)))
        arguments = ["price", write("cdr.json", charge()), "--tariff", write("t.json", stepped), "--json"]
        answer: Answer = ran(*arguments, "--policy", policy)
        return answer

    def test_toml(self, ran: Any, write: Write) -> None:
        policy = write(
            "p.toml", b'name = "contract 7"\nstep_size = "period"\n[[taxes]]\nname = "GST"\npercentage = 5.5\n'
        )
        answer = json.loads(self.priced(ran, write, policy)[1])
        assert answer["total_cost"] == {"before_taxes": "30", "after_taxes": "31.65"}
        assert answer["policy"]["name"] == "contract 7"

    def test_json(self, ran: Any, write: Write) -> None:
        answer = json.loads(self.priced(ran, write, write("p.json", {"step_size": "none"}))[1])
        assert answer["total_cost"]["before_taxes"] == "20"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b'stepsize = "none"', "has no field stepsize; did you mean step_size?"),
            (b'step_size = "sometimes"', "step_size"),
            (b"places = 1000000000", "0 to 12 places"),
            (b"[[taxes]]\nname = 'GST'\npercentage = nan", "NaN is no percentage of GST"),
            (b"[[taxes]]\nname = 'GST'\npercentage = 500", "500 is no percentage of GST"),
            (b"step_size", "neither JSON nor TOML"),
            (b"\xff", "neither JSON nor TOML"),
            (b'{"step_size": NaN}', "NaN is no number"),
        ],
    )
    def test_bad_ones(self, ran: Any, write: Write, content: bytes, said: str) -> None:
        status, out, err = self.priced(ran, write, write("p", content))
        assert (status, out) == (1, "")
        assert said in err


class TestRefusals:
    """A charge that cannot be priced: null and not zero, the place, exit status 1."""

    def refused(self, ran: Any, write: Write, document: Document, by: Document, *more: str) -> tuple[Document, str]:
        arguments = ["price", write("cdr.json", document), "--tariff", write("t.json", by), *more]
        status, out, err = ran(*arguments, "--json")
        assert status == 1
        answer = json.loads(out)
        assert answer["total_cost"] == {"before_taxes": None, "after_taxes": None}
        assert answer["verdict"] == "cannot_be_priced"
        assert err.count("\n") == 1
        plain = ran(*arguments)
        assert (plain[0], plain[2]) == (1, err)
        return answer, err

    def codes(self, answer: Document) -> dict[str, str]:
        return {finding["code"]: finding["pointer"] for finding in answer["findings"]}

    def test_a_zone_that_does_not_exist(self, ran: Any, write: Write) -> None:
        answer, err = self.refused(ran, write, charge(), LOCAL, "--timezone", "Europe/Amsterdm")
        assert "unknown_zone" in self.codes(answer)
        assert "there is no time zone 'Europe/Amsterdm'; did you mean Europe/Amsterdam?" in err

    def test_a_zone_that_nobody_knows(self, ran: Any, write: Write) -> None:
        somewhere = charge()
        somewhere["cdr_location"]["country"] = "USA"
        answer, _ = self.refused(ran, write, somewhere, LOCAL)
        assert "zone_unknown" in self.codes(answer)

    def test_a_currency_of_another_country(self, ran: Any, write: Write) -> None:
        answer, _ = self.refused(ran, write, charge(), ENERGY | {"currency": "SEK"})
        assert self.codes(answer)["currency_mismatch"] == "/tariffs/0/currency"

    def test_no_tariff_at_all(self, ran: Any, write: Write) -> None:
        status, out, err = ran("price", write("cdr.json", charge()))
        assert (status, "no tariff to price by" in err) == (1, True)
        assert "[no_tariff]" in out

    @pytest.mark.parametrize("price", ["1e300", "-1e300"])
    def test_an_enormous_price(self, ran: Any, write: Write, price: str) -> None:
        answer, _ = self.refused(ran, write, charge(), tariff(element(component("ENERGY", price))))
        assert "/tariffs/0/elements/0/price_components/0/price" in self.codes(answer).values()

    def test_a_price_that_is_a_word(self, ran: Any, write: Write) -> None:
        priceless = tariff(element({"type": "ENERGY", "price": "cheap", "step_size": 1}))
        _, err = self.refused(ran, write, charge(), priceless)
        assert "/tariffs/0/elements/0/price_components/0/price: price: 'cheap' is not a number" in err

    def test_a_charge_without_periods(self, ran: Any, write: Write) -> None:
        answer, _ = self.refused(ran, write, charge(charging_periods=[]), ENERGY)
        assert self.codes(answer)["no_periods"] == "/charging_periods"

    def test_a_tariff_that_is_no_cdr(self, ran: Any, write: Write) -> None:
        answer, _ = self.refused(ran, write, ENERGY, ENERGY)
        assert "/charging_periods" in self.codes(answer).values()


def test_an_unknown_currency_is_an_error_among_the_findings(ran: Any, write: Write) -> None:
    arguments = [write("cdr.json", charge(currency="EUX")), "--tariff", write("t.json", ENERGY | {"currency": "EUX"})]
    _, out, _ = ran("price", *arguments)
    assert "there is no currency EUX [unknown_currency]" in out


def test_nothing_is_free_without_a_word(ran: Any, write: Write) -> None:
    night = tariff(element(component("ENERGY", 1), start_time="22:00", end_time="06:00"))
    arguments = ["price", write("cdr.json", charge()), "--tariff", write("t.json", night)]
    _, out, _ = ran(*arguments, "--timezone", "Europe/Amsterdam")
    assert "info: /charging_periods/0: the tariff has a price for ENERGY, but none that holds here: free" in out
    assert "TIME" not in out


def test_a_misspelt_field_is_named_with_the_one_that_was_meant(ran: Any, write: Write) -> None:
    """And the price says loudly that it went without it."""
    misspelt = tariff(element(component("ENERGY", "0.25"), dayOfWeek=["MONDAY"]))
    arguments = ["price", write("cdr.json", charge()), "--tariff", write("t.json", misspelt)]
    _, out, _ = ran(*arguments)
    assert "error: /tariffs/0/elements/0/restrictions/dayOfWeek: " in out
    assert "did you mean day_of_week?" in out
    assert len([line for line in out.splitlines() if "dayOfWeek" in line]) == 1


def test_what_breaks_the_release_is_told_and_priced_where_it_can_be(ran: Any, write: Write) -> None:
    """A CDR without its token says all that a price needs."""
    bare = charge()
    del bare["cdr_token"]
    status, out, _ = ran("price", write("cdr.json", bare), "--tariff", write("t.json", ENERGY), "--json")
    answer = json.loads(out)
    assert (status, answer["total_cost"]["before_taxes"]) == (0, "5")
    assert ("missing", "/cdr_token", "error") in {(f["code"], f["pointer"], f["severity"]) for f in answer["findings"]}


def test_a_total_that_is_not_that_of_all_says_so(ran: Any, write: Write) -> None:
    """The second period names a tariff that nobody has; its energy is not free."""
    periods = [period("2026-01-12T09:00:00Z", "T1", ENERGY=8), period("2026-01-12T10:00:00Z", "T9", ENERGY=12)]
    arguments = ["price", write("cdr.json", charge(charging_periods=periods)), "--tariff", write("t.json", ENERGY)]
    assert "the rest is missing" in ran(*arguments)[1]
    assert "resten saknas" in ran(*arguments, "--language", "sv")[1]
    assert json.loads(ran(*arguments, "--json")[1])["verdict"] == "cannot_be_priced"


def test_a_claim_on_the_other_side_of_the_taxes_is_not_comparable(ran: Any, write: Write) -> None:
    inside = tariff(element(component("ENERGY", "0.25")), tax_included="YES")
    claim = charge(total_cost={"before_taxes": 5, "taxes": []})
    _, out, _ = ran("price", write("cdr.json", claim), "--tariff", write("t.json", inside))
    assert "The CDR says 5.00 EUR before taxes: nothing to hold against" in out


def test_an_older_release_without_taxes_leaves_them_unknown(ran: Any, write: Write) -> None:
    old = {"id": "T1", "currency": "EUR", "last_updated": "2025-12-01T00:00:00Z"}
    old["elements"] = [{"price_components": [{"type": "ENERGY", "price": Decimal("0.25"), "step_size": 1}]}]
    arguments = ["price", write("cdr.json", charge()), "--tariff", write("t.json", old)]
    for release in ([], ["--release", "2.1.1"]):
        _, out, _ = ran(*arguments, "--json", *release)
        assert json.loads(out)["total_cost"] == {"before_taxes": "5", "after_taxes": None}
    _, out, _ = ran(*arguments)
    assert "?" in out


# price --batch


def lines(*documents: Any) -> bytes:
    return b"".join((each if isinstance(each, bytes) else wire.encode(each)) + b"\n" for each in documents)


def test_one_bad_line_costs_only_itself(ran: Any, write: Write) -> None:
    content = lines(
        charge(id="A"), b'{"total_energy": NaN}', b"", b"[]", charge(id="B"), charge(id="C", currency="SEK")
    )
    file = write("cdrs.ndjson", content)
    status, out, err = ran("price", "--batch", file, "--tariff", write("t.json", ENERGY))
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [answer["line"] for answer in answers] == [1, 2, 4, 5, 6]
    assert [answer.get("id") for answer in answers] == ["A", None, None, "B", "C"]
    assert [answer.get("total_cost", {}).get("after_taxes") for answer in answers] == ["5.5", None, None, "5.5", None]
    assert err.splitlines() == [
        f"{file}: line 2 is not JSON: NaN is no number (column 18)",
        f"{file}: line 4 holds no CDR: an object is expected",
        f"{file}: line 6 cannot be priced: /tariffs/0/currency: the tariff is in EUR, the charge in SEK",
        f"evmesh: {file}: 2 priced, 3 could not be",
    ]


def test_a_batch_from_standard_input(ran: Any, write: Write, stdin: Any) -> None:
    stdin(lines(charge(id="A", tariffs=[ENERGY]), {"status_code": 1000, "data": charge(id="B", tariffs=[ENERGY])}))
    status, out, err = ran("price", "--batch", "-", "--explain")
    assert (status, err) == (0, "")
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["agrees", "agrees"]
    assert "explanation" in json.loads(out.splitlines()[0])


def test_a_batch_takes_each_release_line_by_line(ran: Any, write: Write) -> None:
    older = charge(id="B", total_cost={"excl_vat": 5, "incl_vat": Decimal("5.5")})
    file = write("cdrs.ndjson", lines(charge(id="A"), older, charge(id="C")))
    _, out, _ = ran("price", "--batch", file, "--tariff", write("t.json", ENERGY))
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["release"] for answer in answers] == ["2.3.0", "2.2.1", "2.3.0"]
    assert [answer["verdict"] for answer in answers] == ["agrees"] * 3


def test_a_batch_shows_how_far_it_is_on_a_terminal_only(
    ran: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("cdrs.ndjson", lines(charge(tariffs=[ENERGY])))
    assert ran("price", "--batch", file)[2] == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, out, err = ran("price", "--batch", file)
    assert (status, json.loads(out)["verdict"]) == (0, "agrees")
    assert "pricing" in err


# lint


def test_a_good_tariff(ran: Any, write: Write) -> None:
    file = write("t.json", ENERGY)
    assert ran("lint", file) == (0, f"{file}: a good tariff\n", "")


def test_findings_have_a_place_and_a_fix(ran: Any, write: Write) -> None:
    never = tariff(element(component("ENERGY", 1, vat=20)), element(component("ENERGY", 2, vat=20), min_kwh=5))
    file = write("t.json", never)
    status, out, _ = ran("lint", file)
    assert status == 1
    assert "error: /elements/1/price_components/0: this ENERGY price never counts" in out
    assert "    → put it before the element that hides it" in out
    assert out.endswith(f"{file}: 1 error, 0 other remarks\n")
    status, out, _ = ran("lint", file, "--json")
    finding = json.loads(out)["findings"][0]
    assert status == 1
    assert finding.keys() == {"severity", "code", "pointer", "message", "fix"}
    assert (finding["severity"], finding["code"]) == ("error", "unreachable_component")
    assert json.loads(out)["errors"] == 1


def test_a_misspelt_field_is_an_error(ran: Any, write: Write) -> None:
    misspelt = tariff(element(component("ENERGY", 1, vat=20), dayOfWeek=["MONDAY"]))
    status, out, _ = ran("lint", write("t.json", misspelt))
    assert status == 1
    assert "did you mean day_of_week?" in out


def test_what_breaks_the_release_is_found_too(ran: Any, write: Write) -> None:
    """The linter of prices does not ask when a tariff was last updated; the specification does."""
    undated = {name: value for name, value in ENERGY.items() if name != "last_updated"}
    status, out, _ = ran("lint", write("t.json", undated), "--release", "2.3.0", "--json")
    found = {(finding["pointer"], finding["code"]): finding["fix"] for finding in json.loads(out)["findings"]}
    assert status == 1
    assert "evmesh spec show Tariff --release 2.3.0" in found["/last_updated", "missing"]


def test_the_place_of_charging_is_looked_at(ran: Any, write: Write) -> None:
    yen = write("t.json", ENERGY | {"currency": "JPY"})
    _, here, _ = ran("lint", yen, "--country", "swe", "--power", "150")
    assert "SEK" in here
    assert ran("lint", yen)[1] != here


def test_several_tariffs_are_told_apart(ran: Any, write: Write) -> None:
    odd = tariff(element(component("ENERGY", 1, vat=20)), currency="EUX")
    status, out, _ = ran("lint", write("t.json", [ENERGY, odd]))
    assert status == 1
    assert "error: /1/currency" in out
    assert ran("lint", write("t.json", {"status_code": 1000, "data": [ENERGY, ENERGY]}))[1].endswith("2 good tariffs\n")


# explain


def test_a_tariff_in_words(ran: Any, write: Write) -> None:
    file = write("t.json", ENERGY)
    assert ran("explain", file) == (
        0,
        "Tariff T1 in EUR\nPrices are without taxes.\nEnergy: 0.25 EUR per kWh, plus 10 % VAT.\n"
        "Not charged for: charging time and parking without charging.\n",
        "",
    )
    assert "Energi: 0,25 EUR per kWh, plus 10 % moms." in ran("explain", file, "--language", "sv")[1]
    assert json.loads(ran("explain", file, "--json")[1])["sentences"][0] == "Tariff T1 in EUR"


def test_a_tariff_that_prices_nothing_cannot_be_explained(ran: Any, write: Write) -> None:
    status, out, err = ran("explain", write("t.json", ENERGY | {"elements": []}))
    assert (status, out) == (1, "")
    assert "cannot be priced by: error: /elements: a tariff needs at least one element" in err


# quote


def test_a_quote_is_a_bill_ahead(ran: Any, write: Write) -> None:
    status, out, _ = ran("quote", write("t.json", ENERGY), *QUOTED)
    assert status == 0
    assert "Energy  20 kWh × 0.25" in out
    answer = json.loads(ran("quote", write("t.json", ENERGY), *QUOTED, "--json")[1])
    assert answer["total_cost"] == {"before_taxes": "5", "after_taxes": "5.5"}
    assert answer["tariff_id"] == "T1"


PARKING = tariff(
    element(component("ENERGY", "0.25")),
    element(component("PARKING_TIME", 6), start_time="18:00", end_time="22:00"),
)


def test_with_a_power_the_car_is_parked_when_it_is_full(ran: Any, write: Write) -> None:
    """22 kWh at 11 kW take until 20:00; of the hours until 23:00 two are priced."""
    asked = ["--start", "2026-03-01T18:00:00+01:00", "--energy", "22", "--power", "11", "--duration", "5h"]
    answer = json.loads(ran("quote", write("t.json", PARKING), *asked, "--json")[1])
    assert answer["total_cost"]["before_taxes"] == "17.5"
    asked[1:2] = ["2026-03-01T18:00", "--timezone", "Europe/London"]
    assert json.loads(ran("quote", write("t.json", PARKING), *asked, "--json")[1])["time_zone"] == "Europe/London"


@pytest.mark.parametrize(
    "curve", [b"minutes;kW\n0;100\n6;50\n30;10\n", b"0,100\n6,50\n30,10", b"[[0, 100], [6, 50], [30, 10]]"]
)
def test_a_power_curve(ran: Any, write: Write, curve: bytes) -> None:
    """10 kWh in six minutes, 20 until minute 30, the last two in twelve more: parked from minute 42 on."""
    asked = ["--start", "2026-03-01T18:00:00+01:00", "--energy", "32", "--duration", "1h12m"]
    answer = json.loads(
        ran("quote", write("t.json", PARKING), *asked, "--power-curve", write("curve", curve), "--json")[1]
    )
    assert answer["billed_volumes"] == {"ENERGY": "32", "PARKING_TIME": "0.5"}


def test_a_charge_that_is_broken_off_says_so(ran: Any, write: Write) -> None:
    asked = ["--start", "2026-03-01T18:00:00+01:00", "--energy", "32", "--power", "11", "--duration", "1h"]
    status, out, _ = ran("quote", write("t.json", ENERGY), *asked)
    assert status == 0
    assert "Only 11 kWh flow in that time." in out


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--start", "2026-03-01T18:00", "--energy", "1", "--duration", "1h"], 2, "whose clock?"),
        (["--start", "2026-03-01T18:00+05:30", "--energy", "1", "--duration", "1h"], 2, "needs a --timezone"),
        (
            ["--start", "2026-03-01T18:00", "--timezone", "Europe/Olso", "--energy", "1", "--duration", "1h"],
            1,
            "did you mean Europe/Oslo?",
        ),
        (["--start", "2026-03-01T18:00Z", "--energy", "99999", "--duration", "1h"], 1, "99999 kWh is no charge"),
        (["--start", "2026-03-01T18:00Z", "--energy", "1", "--power", "0"], 1, "never reached"),
        (["--start", "9999-12-31T23:30Z", "--energy", "1", "--duration", "1h"], 1, "no quote"),
        (["--start", "0001-01-01T00:30+14:00", "--energy", "1", "--duration", "1h"], 1, "beyond the calendar"),
        (["--start", "2026-03-01T18:00Z", "--energy", "1", "--duration", "9999999999d"], 2, "longer than any charge"),
    ],
)
def test_quotes_that_cannot_be(ran: Any, write: Write, options: list[str], status: int, said: str) -> None:
    left, out, err = ran("quote", write("t.json", LOCAL), *options)
    assert (left, out) == (status, "")
    assert said in err


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (b"0,100\n6,fast\n", "line 2: a step is minutes and kW"),
        (b"[[0]]", "step 1: a step is minutes and kW"),
        (b"[[0, 10], [NaN, 10]]", "NaN is no number"),
        (b"0,inf\n", "line 1: Infinity is no power"),
        (b"0,100\n0,50\n", "the steps of a power curve ascend"),
        (b"", "a power curve begins at 0"),
        (b"\xff\xfe", "CSV in UTF-8, or JSON"),
    ],
)
def test_power_curves_that_are_none(ran: Any, write: Write, curve: bytes, said: str) -> None:
    asked = ["--start", "2026-03-01T18:00:00+01:00", "--energy", "32", "--power-curve", write("curve", curve)]
    status, _, err = ran("quote", write("t.json", ENERGY), *asked)
    assert status == 1
    assert said in err


# diff


def test_what_another_tariff_changes_in_money(ran: Any, write: Write) -> None:
    dearer = tariff(element(component("ENERGY", "0.5", vat=10)))
    old, new = write("old.json", ENERGY), write("new.json", dearer)
    status, out, _ = ran("diff", old, new)
    assert status == 0
    shopping = next(line for line in out.splitlines() if line.startswith("shopping"))
    assert shopping.split()[-5:] == ["2.20", "4.40", "+2.20", "(100", "%)"]
    assert "New:\n  Energy: 0.5 EUR per kWh, plus 10 % VAT." in out
    answer = json.loads(ran("diff", old, new, "--json")[1])
    assert answer["charges"][0]["change"] == {"before_taxes": "2", "after_taxes": "2.2"}
    assert answer["gone"] == ["Energy: 0.25 EUR per kWh, plus 10 % VAT."]
    assert "Both tariffs say the same." in ran("diff", old, old)[1]


def test_typical_charges_have_a_current_for_the_tariffs_that_ask(ran: Any, write: Write) -> None:
    old, new = (tariff(element(component("ENERGY", price), min_current=40, max_current=64)) for price in (1, 2))
    _, out, _ = ran("diff", write("old.json", old), write("new.json", new), "--json")
    assert json.loads(out)["charges"][0]["change"]["before_taxes"] == "8"
    _, out, _ = ran("quote", write("t.json", old), *QUOTED, "--current", "48", "--json")
    assert json.loads(out)["total_cost"]["before_taxes"] == "20"


def test_currencies_are_not_compared(ran: Any, write: Write) -> None:
    kronor = ENERGY | {"currency": "SEK"}
    _, out, _ = ran("diff", write("old.json", ENERGY), write("new.json", kronor))
    assert "different currencies, EUR and SEK" in out
    assert "%)" not in out


def test_tariffs_that_cannot_be_compared(ran: Any, write: Write) -> None:
    old = write("old.json", ENERGY)
    status, _, err = ran("diff", old, write("new.json", ENERGY | {"elements": []}))
    assert (status, "cannot be compared" in err) == (1, True)
    status, _, err = ran("diff", old, old, "--timezone", "Europe/Berln")
    assert (status, "did you mean Europe/Berlin?" in err) == (1, True)
    status, _, err = ran("diff", old, write("two.json", [ENERGY, ENERGY]))
    assert (status, "holds 2 objects of type Tariff, not one" in err) == (1, True)
