"""The letter about a dispute: every figure that matters, in both languages, the same each time."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evmesh.billing import letter
from evmesh.billing.dispute import Dispute, moved, opened
from evmesh.billing.errors import MissingExtra
from evmesh.billing.letter import Letter
from tests.billing.charges import DRIVER, VOLT, cdr

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
ROOT = Path(__file__).parents[2]

LINE = {"kind": "price", "dimension": "ENERGY", "period": 0, "tariff_id": "T1", "element": 1, "volume": "12.345",
        "billed": "13", "price": "0.5", "vat": "25", "before_taxes": "6.5", "after_taxes": "8.125"}  # fmt: skip
LIMIT = {"kind": "limit", "before_taxes": "-0.50005", "after_taxes": None}
REPORT: dict[str, Any] = {
    "verdict": "explained",
    "by": "price_list",
    "claimed": {"before_taxes": "7"},
    "expected": {"before_taxes": "5.99995"},
    "difference": {"before_taxes": "1.00005"},
    "habits": [{"code": "periods_rounded", "text": "each period rounded to cents"}],
    "levels": {
        "plausible": {"findings": [
            {"severity": "warning", "code": "late", "pointer": "/end_date_time", "message": "it came 40 days late"},
            {"severity": "info", "code": "whatever", "pointer": "", "message": "nobody cares"},
        ]},
    },
    "bill": {
        "lines": [LINE, LIMIT],
        "subtotals": {"total_energy_cost": {"before_taxes": "6.5"}},
        "price_limit_adjustment": {"before_taxes": "-0.50005"},
    },
}  # fmt: skip
CLAIM = cdr(1, "7", total_energy_cost={"before_taxes": 6}, total_fixed_cost={"before_taxes": 1})


def dispute(report: dict[str, Any] = REPORT, note: str = "As agreed in May.") -> Dispute:
    new = opened(partner_id=1, seq=2, cdr="SE*VLT*CDR-0001", currency="EUR", report=report, at=NOON,
                 answer_within=MONTH, note=note)  # fmt: skip
    return moved(new, "send", NOON + timedelta(days=3), answer_within=MONTH)


def written(about: Dispute | None = None, language: Any = "en") -> Letter:
    return letter.letter(
        about or dispute(),
        CLAIM,
        sender=DRIVER,
        recipient=VOLT,
        answer_within=MONTH,
        language=language,
        habits=["each period rounded to cents"],
    )


def test_it_says_who_what_how_much_and_until_when() -> None:
    lines = letter.text(written()).splitlines()
    words = [" ".join(line.split()) for line in lines]

    for line in (
        "Drive Mobility GmbH", "Volt Laddning AB", "Issued 4 March 2026", "CDR SE*VLT*CDR-0001", "Energy 12.345 kWh",
        "Contract DE-DRV-C1", "As agreed in May.", "– it came 40 days late (late, /end_date_time)",
        "The claim comes out exactly with: each period rounded to cents.",
        "Once per charge 1.00 – –", "Energy 6.00 6.50 −0.50", "Lowest or highest price −0.5001",
        "Total before taxes, EUR 7.00 6.00 1.0001",
        "1 Energy 13 kWh × 0.5 25 % T1, element 2 6.50",
    ):  # fmt: skip
        assert line in words, line
    told = " ".join(words)
    assert "It claims 7.00 EUR before taxes. By the prices agreed between us we expected 6.00 EUR: " in told
    assert "it claims 1.0001 EUR too much." in told
    assert "tell us why you do not agree, by 3 April 2026." in told
    assert "nobody cares" not in told


def test_it_is_swedish_where_swedish_is_read() -> None:
    told = " ".join(letter.text(written(language="sv")).split())

    for said in ("Tvist 0", "vi bestrider er CDR SE*VLT*CDR-0001", "priserna som vi har avtalat", "Energi 12,345 kWh",
                 "1,0001 EUR för mycket", "Summa före skatt, EUR 7,00 6,00 1,0001", "senast 2026-04-03"):  # fmt: skip
        assert said in told, said


def test_both_languages_say_the_same_things() -> None:
    assert letter._SAYS["en"].keys() == letter._SAYS["sv"].keys()


def test_a_claim_that_is_too_low_and_one_that_is_objected_to_for_another_reason() -> None:
    low = dispute(REPORT | {"claimed": {"before_taxes": "5"}})
    twice = dispute({"verdict": "agrees", "by": "own_tariff", "habits": [], "levels": {"plausible": {"findings": [
        {"severity": "error", "code": "session_billed_twice", "pointer": "/session_id", "message": "by C2 as well"},
    ]}}, "claimed": {"before_taxes": "7"}, "expected": {"before_taxes": "7"}})  # fmt: skip
    unpriced = dispute({"verdict": "cannot_be_priced", "by": None, "claimed": None, "expected": None, "levels": {}})

    assert "0.99995" not in letter.text(written(low))
    assert "EUR too little" in letter.text(written(low))
    told = letter.text(written(twice))
    assert "of 7.00 EUR before taxes: session billed twice." in told
    assert "– by C2 as well" in told
    assert "line by line" not in told
    assert "of – EUR before taxes: cannot be priced." in letter.text(written(unpriced))


def test_a_dispute_that_was_not_sent_has_the_day_on_which_it_was_opened() -> None:
    new = opened(partner_id=1, seq=2, cdr="SE*VLT*C", currency="EUR", report=REPORT, at=NOON, answer_within=MONTH)

    assert written(new).day.isoformat() == "2026-03-01"


def test_what_comes_later_changes_no_letter() -> None:
    later = moved(dispute(), "accept", NOON + timedelta(days=20), answer_within=MONTH, note="sorry")

    assert letter.text(written(later)) == letter.text(written())


@pytest.mark.usefixtures("pdf_extra")
def test_the_pdf_carries_the_report() -> None:
    import pypdf

    made = letter.pdf(written(dispute(note='#panic("x") *b* $ \\ @here')), 17)
    read = pypdf.PdfReader(io.BytesIO(made))

    assert json.loads(read.attachments["dispute-17.json"][0]) == REPORT
    shown = "".join(page.extract_text() for page in read.pages)
    for said in ("Dispute 0", "Drive Mobility GmbH", "1.0001", "T1, element 2", '#panic("x") *b* $'):
        assert said in shown, said
    metadata = read.root_object["/Metadata"].get_object().get_data()
    assert b"<pdfaid:part>3<" in metadata


@pytest.mark.usefixtures("pdf_extra")
def test_what_no_font_has_is_replaced() -> None:
    import pypdf

    pages = pypdf.PdfReader(io.BytesIO(letter.pdf(written(dispute(note="充\x00 by night")), 7))).pages

    assert "�� by night" in "".join(page.extract_text() for page in pages)


@pytest.mark.usefixtures("pdf_extra")
def test_another_process_writes_the_same_bytes() -> None:
    program = (
        "import sys; from evmesh.billing import letter; from tests.billing.test_letter import written\n"
        "sys.stdout.buffer.write(letter.pdf(written(), 1))"
    )
    other = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True).stdout
    assert other == letter.pdf(written(), 1)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtra, match=r"evmesh\[pdf\]"):
        letter.pdf(written(), 1)


def test_figures_have_two_decimals_or_four() -> None:
    assert [letter._amount(Decimal(each), letter.LANGUAGES["en"]) for each in ("1", "1.005", "1.00005", "-2.5")] == [
        "1.00", "1.0050", "1.0001", "−2.50",
    ]  # fmt: skip
