"""The PDF: the same bytes each time, the XML inside, and pages that people can read."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pypdf
import pytest

from evmesh.billing import einvoice, rules
from evmesh.billing.errors import MissingExtra
from evmesh.billing.invoice import DirectDebit
from evmesh.billing.pdf import pdf
from evmesh.billing.words import ENGLISH, LANGUAGES, Language
from tests.billing.charges import cdr, invoice

pytestmark = pytest.mark.usefixtures("pdf_extra")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made() -> bytes:
    return pdf(invoice(*(cdr(n, "1234.335", location=f"L{n % 2}") for n in range(100))))


def test_people_read_it(made: bytes) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages]
    assert len(pages) == 3
    assert "Page 3 of 3" in pages[2]
    for said in ("Volt Laddning AB", "VAT no. DE123456789", "Garage L1", "123,433.50", "INV-2026-00001", "PO-77"):
        assert said in pages[0]
    assert "CDR-0099" in "".join(pages[1:])


def test_machines_read_it(made: bytes) -> None:
    read = pypdf.PdfReader(io.BytesIO(made))
    attached = {name: files[0] for name, files in read.attachments.items()}
    assert sorted(attached) == ["cdrs.csv", "factur-x.xml"]
    assert rules.breaches(attached["factur-x.xml"], "cii") == []
    assert attached["cdrs.csv"].count(b"\n") == 101
    metadata = read.root_object["/Metadata"].get_object().get_data()
    for said in (b"<pdfaid:part>3<", b"<pdfaid:conformance>B<", b"<fx:ConformanceLevel>EN 16931<"):
        assert said in metadata


def test_another_process_another_time_zone_the_same_bytes() -> None:
    program = (
        "import sys; from tests.billing.charges import cdr, invoice; from evmesh.billing.pdf import pdf\n"
        "sys.stdout.buffer.write(pdf(invoice(cdr(1))))"
    )
    elsewhere = {**os.environ, "TZ": "Pacific/Auckland", "LC_ALL": "sv_SE.UTF-8", "PYTHONHASHSEED": "7"}
    arguments = [sys.executable, "-c", program]
    other = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True, env=elsewhere).stdout
    assert other == pdf(invoice(cdr(1)))


def test_no_time_stands_in_it_but_that_of_its_issue(made: bytes) -> None:
    """Made on another day it is the same file."""
    read = pypdf.PdfReader(io.BytesIO(made))
    texts = [made, read.root_object["/Metadata"].get_object().get_data()]
    moments = {each for text in texts for each in re.findall(rb"D:(\d{8})|Date>(\d{4}-\d\d-\d\d)", text)}
    assert moments
    assert {b"".join(each).replace(b"-", b"") for each in moments} == {b"20260601"}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Invoice", "1 July 2026", "1 May 2026 to 31 May 2026", "123,433.50", "50 charges", "Page 1 of 3")),
        ("sv", ("Faktura", "2026-07-01", "2026-05-01 till 2026-05-31", "123 433,50", "50 laddningar", "Sida 1 av 3")),
    ],
)
def test_it_is_in_the_readers_language(language: Language, said: tuple[str, ...]) -> None:
    charges = [cdr(n, "1234.335", location=f"L{n % 2}") for n in range(100)]
    read = pypdf.PdfReader(io.BytesIO(pdf(invoice(*charges, language=language))))
    page = read.pages[0].extract_text().replace("\N{NO-BREAK SPACE}", " ")
    for each in said:
        assert each in page
    assert read.root_object["/Lang"] == language


def test_a_language_lacks_no_word() -> None:
    """Another language is another table: what it must hold is what English holds."""
    for words in LANGUAGES.values():
        for name in words.__struct_fields__:
            text, english = getattr(words, name), getattr(ENGLISH, name)
            if isinstance(english, str):
                assert text
                assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", english)
            elif isinstance(english, Mapping):
                assert text.keys() == english.keys()


def test_what_is_too_long_to_be_printed_is_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evmesh.billing.pdf.MOST_ROWS", 3)
    read = pypdf.PdfReader(io.BytesIO(pdf(invoice(*(cdr(n) for n in range(4))), annex=False)))
    assert "The 4 charge records are too many to be printed: cdrs.csv" in read.pages[0].extract_text()
    assert len(read.pages) == 1
    assert read.attachments["cdrs.csv"][0].count(b"\n") == 5


def test_an_annex_that_is_not_attached_is_not_spoken_of() -> None:
    read = pypdf.PdfReader(io.BytesIO(pdf(invoice(cdr(1)), annex=False)))
    assert "attached" not in "".join(page.extract_text() for page in read.pages)
    assert list(read.attachments) == ["factur-x.xml"]


def test_who_is_debited_is_not_asked_to_pay() -> None:
    made = invoice(cdr(1), debit=DirectDebit("M-7", "SE97ZZZ5566778899"))
    page = pypdf.PdfReader(io.BytesIO(pdf(made))).pages[0].extract_text()
    for said in ("Direct debit from DE02 1203 0000 0000 2020 51", "Mandate M-7", "Creditor SE97ZZZ5566778899"):
        assert said in page
    assert "Account (IBAN)" not in page


def test_totals_are_not_torn_apart() -> None:
    """However many lines there are, what is to be paid and where to stands on one page."""
    for count in range(13, 20):
        charges = [cdr(n, location=f"{n:02}") for n in range(count)]
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf(invoice(*charges)))).pages]
        together = [page for page in pages if "Total before VAT" in page]
        assert len(together) == 1
        for said in ("To pay, EUR", "Account (IBAN)", "rounding difference"):
            assert said in together[0]


def test_words_are_no_markup() -> None:
    """A name may hold what typst would take for a command."""
    strange = cdr(1, location='#panic("x") *b* $ \\ @here')
    assert '#panic("x") *b* $' in pypdf.PdfReader(io.BytesIO(pdf(invoice(strange)))).pages[0].extract_text()


def test_what_no_font_has_is_replaced() -> None:
    """A partner's emoji must not keep an invoice from being printed."""
    place = cdr()["cdr_location"] | {"name": "⚡ 充电站 🚗 Ж"}

    page = pypdf.PdfReader(io.BytesIO(pdf(invoice(cdr(1, cdr_location=place))))).pages[0].extract_text()

    assert "⚡ ��� � Ж" in page


def test_rows_of_the_annex_stay_beside_each_other() -> None:
    """An empty cell, an id of full length and a sum with many digits: a line each."""
    charges = [
        cdr(1, "0.123456789", id="X" * 39),
        cdr(2, "7", cdr_token={}),
        cdr(3, "8", energy="123.456789", id="W" * 39),
    ]
    rows = pypdf.PdfReader(io.BytesIO(pdf(invoice(*charges)))).pages[1].extract_text()
    for said in ("X" * 39, "W" * 39, "≈\N{NO-BREAK SPACE}0.123457", "–\n", "123.456789"):
        assert said in rows


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtra, match=r"evmesh\[pdf\]"):
        pdf(invoice(cdr(1)))


def test_the_annex_holds_every_digit() -> None:
    assert b",12.345,3.4567\n" in einvoice.annex_csv(invoice(cdr(1)))
