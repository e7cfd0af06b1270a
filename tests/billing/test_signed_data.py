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


def record(register: str, reason: str, minute: int) -> str:
    reading = {
        "TM": f"2026-03-01T12:{minute:02}:00,000+0000 S", "TX": reason, "RV": "REGISTER", "RI": "01-00:B2.08.00*FF",
        "RU": "kWh", "ST": "G",
    }  # fmt: skip
    head = {"FV": "1.0", "GI": "Box", "GS": "1", "PG": "T1", "MV": "Maker", "MM": "M", "MS": "1", "IS": False}
    body = json.dumps(head | {"IT": "NONE", "RD": [reading]}).replace('"REGISTER"', register)
    signature = KEY.sign(body.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return f"OCMF|{body}|{json.dumps({'SA': 'ECDSA-secp256r1-SHA256', 'SD': signature})}"


def cdr(*records: str, energy: str = "10.5", packed: bool = False, **fields: Any) -> dict[str, Any]:
    def form(text: str) -> str:
        return base64.b64encode(text.encode()).decode() if packed else text

    values = [{"nature": "Start", "plain_data": "", "signed_data": form(text)} for text in records]
    signed = {"encoding_method": "OCMF", "public_key": PUBLIC, "signed_values": values, **fields}
    return {"total_energy": Decimal(energy), "signed_data": signed}


BEGIN, END = record("100.000", "B", 0), record("110.500", "E", 50)


def codes(signed: Signed) -> list[str]:
    return [finding.code for finding in signed.findings]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "Base64"])
def test_good_values_vouch_for_their_energy(packed: bool) -> None:
    found = look_into(cdr(BEGIN, END, packed=packed))

    assert (found.outcome, found.energy, codes(found)) == ("verified", Decimal("10.5"), [])


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
