"""The payments package: payment terminals and what they captured. [mod_payments_module]"""

from __future__ import annotations

from evmesh.ocpi.locations import GeoLocation
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import (
    CiString2,
    CiString3,
    CiString10,
    CiString20,
    CiString36,
    CiString45,
    ClosedEnum,
    DateTime,
    NonEmptyCiString255,
    Object,
    Price,
    Some,
    Url,
)


class CaptureStatusCode(ClosedEnum):
    """[mod_payments_capture_status_code_enum]"""

    SUCCESS = "SUCCESS"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    FAILED = "FAILED"


class InvoiceCreator(ClosedEnum):
    """[mod_payments_invoice_creator_enum]"""

    CPO = "CPO"
    PTP = "PTP"


class FinancialAdviceConfirmation(Object, kw_only=True):
    """[mod_payments_financial_advice_confirmation_object]"""

    id: CiString36
    authorization_reference: CiString36
    total_costs: Price
    currency: CiString3
    eft_data: Some[NonEmptyCiString255]
    capture_status_code: CaptureStatusCode
    capture_status_message: NonEmptyCiString255 | None = None
    last_updated: DateTime


class Terminal(Object, kw_only=True):
    """[mod_payments_terminal_object]"""

    terminal_id: CiString36
    customer_reference: CiString36 | None = None
    party_id: CiString3 | None = None
    country_code: CiString2 | None = None
    address: CiString45 | None = None
    city: CiString45 | None = None
    postal_code: CiString10 | None = None
    state: CiString20 | None = None
    country: CiString3 | None = None
    coordinates: GeoLocation | None = None
    invoice_base_url: Url | None = None
    invoice_creator: InvoiceCreator | None = None
    reference: CiString36 | None = None
    location_ids: list[CiString36] = []
    evse_uids: list[CiString36] = []
    last_updated: DateTime


OPERATIONS = (
    Operation(
        "payments.sender.terminals.list",
        "GET",
        "/terminals",
        answer="Terminal",
        paged=True,
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.terminals.get",
        "GET",
        "/terminals/{terminal_id}",
        answer="Terminal",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.terminals.activate",
        "POST",
        "/terminals/activate",
        body="Terminal",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.terminals.deactivate",
        "POST",
        "/terminals/{terminal_id}/deactivate",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.terminals.put",
        "PUT",
        "/terminals/{terminal_id}",
        body="Terminal",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.terminals.patch",
        "PATCH",
        "/terminals/{terminal_id}",
        body="Terminal",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.fac.list",
        "GET",
        "/financial-advice-confirmations",
        answer="FinancialAdviceConfirmation",
        paged=True,
        releases=("2.3.0",),
    ),
    Operation(
        "payments.sender.fac.get",
        "GET",
        "/financial-advice-confirmations/{financial_advice_confirmation_id}",
        answer="FinancialAdviceConfirmation",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.receiver.terminals.get",
        "GET",
        "/terminals/{terminal_id}",
        answer="Terminal",
        releases=("2.3.0",),
    ),
    Operation("payments.receiver.terminals.post", "POST", "/terminals", body="Terminal", releases=("2.3.0",)),
    Operation(
        "payments.receiver.fac.get",
        "GET",
        "/financial-advice-confirmations/{financial_advice_confirmation_id}",
        answer="FinancialAdviceConfirmation",
        releases=("2.3.0",),
    ),
    Operation(
        "payments.receiver.fac.post",
        "POST",
        "/financial-advice-confirmations",
        body="FinancialAdviceConfirmation",
        releases=("2.3.0",),
    ),
)
