"""The PDF: the same bytes each time, the XML inside, and pages that people can read."""

import io
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest

from evmesh.billing import einvoice, rules
from evmesh.billing.errors import MissingExtra
from evmesh.billing.pdf import pdf
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


def test_another_day_another_process_the_same_bytes() -> None:
    program = (
        "import sys; from tests.billing.charges import cdr, invoice; from evmesh.billing.pdf import pdf\n"
        "sys.stdout.buffer.write(pdf(invoice(cdr(1))))"
    )
    other = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True).stdout
    assert other == pdf(invoice(cdr(1)))


def test_words_are_no_markup() -> None:
    """A name may hold what typst would take for a command."""
    strange = cdr(1, location='#panic("x") *b* $ \\ @here')
    assert '#panic("x") *b* $' in pypdf.PdfReader(io.BytesIO(pdf(invoice(strange)))).pages[0].extract_text()


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
