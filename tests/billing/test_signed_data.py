"""Signed meter values: opened, verified, and held against what is billed."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from evmesh.billing.signed_data import Signed, look_into

pytest.importorskip("pyocmf", reason="the extra ocmf is not installed")

KEY = ec.derive_private_key(7, ec.SECP256R1())
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo).hex()
)


def record(*readings: tuple[str, str, int], unit: str = "kWh") -> str:
    """A signed record of readings: each a register, a reason (B begins, E ends) and a minute."""
    kept = [
        {"TM": f"2026-03-01T12:{minute:02}:00,000+0000 S", "TX": reason, "RV": f"<{register}>",
         "RI": "01-00:B2.08.00*FF", "RU": unit, "ST": "G"}
        for register, reason, minute in readings
    ]  # fmt: skip
    head = {"FV": "1.0", "GI": "Box", "GS": "1", "PG": "T1", "MV": "Maker", "MM": "M", "MS": "1", "IS": False}
    body = json.dumps(head | {"IT": "NONE", "RD": kept}).replace('"<', "").replace('>"', "")
    signature = KEY.sign(body.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return f"OCMF|{body}|{json.dumps({'SA': 'ECDSA-secp256r1-SHA256', 'SD': signature})}"


def cdr(*records: str, energy: str = "10.5", packed: bool = False, **fields: Any) -> dict[str, Any]:
    def form(text: str) -> str:
        return base64.b64encode(text.encode()).decode() if packed else text

    values = [{"nature": "Start", "plain_data": "", "signed_data": form(text)} for text in records]
    signed = {"encoding_method": "OCMF", "public_key": PUBLIC, "signed_values": values, **fields}
    return {"total_energy": Decimal(energy), "signed_data": signed}


BEGIN, END = record(("100.000", "B", 0)), record(("110.500", "E", 50))


def codes(signed: Signed) -> list[str]:
    return [finding.code for finding in signed.findings]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "Base64"])
def test_good_values_vouch_for_their_energy(packed: bool) -> None:
    found = look_into(cdr(BEGIN, END, packed=packed))

    assert (found.outcome, found.energy, codes(found)) == ("verified", Decimal("10.5"), [])


@pytest.mark.parametrize(
    "records",
    [
        [record(("100.000", "B", 0), ("110.500", "E", 50))],
        [record(("100.000", "B", 0), ("104.000", "C", 20)), record(("110.500", "E", 50))],
        [BEGIN, record(("103.000", "C", 10)), record(("107.000", "C", 30)), END],
        [END, BEGIN],
        [record(("100000", "B", 0), unit="Wh"), record(("110500", "E", 50), unit="Wh")],
        [record(("100000", "B", 0), unit="Wh"), END],
    ],
    ids=["both in one", "two in the first", "four", "the end first", "in Wh", "in Wh, then kWh"],
)
def test_the_energy_is_that_between_the_first_and_the_last_reading(records: list[str]) -> None:
    found = look_into(cdr(*records))

    assert (found.outcome, found.energy, codes(found)) == ("verified", Decimal("10.5"), [])


@pytest.mark.parametrize(
    "records", [[BEGIN], [record(("100.000", "B", 0), unit="A"), record(("110", "E", 9), unit="A")]]
)
def test_one_reading_or_none_of_energy_tells_no_energy(records: list[str]) -> None:
    found = look_into(cdr(*records))

    assert (found.outcome, found.energy, codes(found)) == ("verified", None, ["signed_energy_unknown"])


def test_the_digits_of_a_register_may_be_lost() -> None:
    """Registers are printed with two or three digits: what differs by less than 10 Wh is the same."""
    assert codes(look_into(cdr(BEGIN, END, energy="10.509"))) == []
    assert codes(look_into(cdr(BEGIN, END, energy="10.51"))) == ["signed_energy_differs"]


def test_the_key_of_another_meter_vouches_for_nothing() -> None:
    other = ec.derive_private_key(8, ec.SECP256R1()).public_key()
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    found = look_into(cdr(BEGIN, END, public_key=other.public_bytes(*form).hex()))

    assert (found.outcome, set(codes(found))) == ("forged", {"signature_wrong"})


def test_one_forged_value_spoils_all() -> None:
    found = look_into(cdr(BEGIN.replace("100.000", "100.001"), "nothing", END))

    assert found.outcome == "forged"
    assert set(codes(found)) >= {"signature_wrong", "signature_unreadable"}


def test_other_energy_than_the_priced_one_is_said() -> None:
    found = look_into(cdr(BEGIN, END, energy="12"))

    assert (found.outcome, codes(found)) == ("verified", ["signed_energy_differs"])


def test_a_changed_register_is_a_forgery() -> None:
    found = look_into(cdr(BEGIN, END.replace("110.500", "120.500"), energy="20.5"))

    assert (found.outcome, codes(found)) == ("forged", ["signature_wrong"])


@pytest.mark.parametrize(
    "document",
    [
        cdr(BEGIN, "OCMF|{|{"),
        cdr(BEGIN, "nothing"),
        cdr(),
        cdr(BEGIN, END, public_key=None),
        cdr(BEGIN, END, public_key="00"),
        cdr(BEGIN, END, signed_values=[7, None]),
    ],
)
def test_what_cannot_be_read_is_said_and_never_raises(document: dict[str, Any]) -> None:
    found = look_into(document)

    assert (found.outcome, set(codes(found))) == ("unreadable", {"signature_unreadable"})


def test_other_encodings_are_named() -> None:
    found = look_into(cdr(BEGIN, encoding_method="Alfen Eichrecht"))

    assert (found.outcome, found.encoding, codes(found)) == (
        "not_checked",
        "Alfen Eichrecht",
        ["signature_not_checked"],
    )


def test_without_signed_data_there_is_nothing_to_say() -> None:
    assert look_into({"total_energy": 1}) == Signed("absent", None, None, ())
