"""Signed meter values of a partner's CDR: carried as they came, and each finding is a level of the verdict."""

from typing import Any

import pytest

from evmesh.ports import Document, Partner
from evmesh.roaming.cdrs import disputes
from evmesh.roaming.node import Node
from evmesh.store import objects
from tests.billing.test_signed_data import PUBLIC, record
from tests.roaming.calls import document_of
from tests.roaming.cdrs.received import bill, codes, send

GOOD = [record(("100.000", "B", 0)), record(("101.000", "E", 50))]
TAMPERED = [GOOD[0], GOOD[1].replace("101.000", "100.500")]
OTHER_ENERGY = [record(("100.000", "B", 0), ("103.000", "E", 50))]


def signed(*records: str, encoding: str = "OCMF") -> Document:
    values = [{"nature": "Start", "plain_data": "as it was", "signed_data": each} for each in records]
    return {"signed_data": {"encoding_method": encoding, "public_key": PUBLIC, "signed_values": values}}


@pytest.mark.parametrize(
    ("given", "outcome", "found"),
    [
        (signed(*GOOD), None, set()),
        (signed(record(("100.000", "B", 0), ("101.000", "E", 50))), None, set()),
        (signed(*TAMPERED), "failed", {"signature_wrong", "signed_energy_differs"}),
        (signed(*OTHER_ENERGY), "failed", {"signed_energy_differs"}),
        (signed("nothing"), "noted", {"signature_unreadable"}),
        (signed(GOOD[0]), "noted", {"signed_energy_unknown"}),
        (signed(*GOOD, encoding="Alfen Eichrecht"), None, set()),
    ],
    ids=["good", "both in one", "tampered", "other energy", "unreadable", "begin alone", "another encoding"],
)
async def test_each_is_said_where_the_price_agrees(
    node: Node,
    cpo: Partner,
    given: Document,
    outcome: str | None,
    found: set[str],
) -> None:
    verdict = await send(node, cpo, bill(**given))

    assert verdict.verdict == "agrees"
    assert (verdict.report["levels"].get("signed_values") or {}).get("outcome") == outcome
    assert {code for code in codes(verdict) if code.startswith("sign")} == found
    (held,) = await node.store.read(lambda tx: objects.find(tx, "cdrs", "C1"))
    assert document_of(held)["signed_data"] == given["signed_data"]


async def test_a_forged_signature_is_a_reason_to_dispute_a_right_price(node: Node, cpo: Partner) -> None:
    await send(node, cpo, bill(**signed(*TAMPERED)))

    def run(tx: Any) -> Any:
        return disputes.open_dispute(tx, node, objects.find(tx, "cdrs", "C1")[0])

    assert (await node.store.write(run)).reason == "signature_wrong"


async def test_where_the_price_differs_too_the_level_names_what_was_found(node: Node, cpo: Partner) -> None:
    verdict = await send(node, cpo, bill(net=7, **signed(*GOOD, encoding="EDL40")))

    level = verdict.report["levels"]["signed_values"]
    assert (verdict.verdict, level["outcome"], level["found"], level["encoding"]) == (
        "differs", "not_checked", "not_checked", "EDL40",
    )  # fmt: skip
    assert [each["code"] for each in level["findings"]] == ["signature_not_checked"]
