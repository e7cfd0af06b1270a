"""The invoice reconciliation chapter: which CDRs stand on an invoice. [mod_invoice_reconciliation_module]"""

from __future__ import annotations

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import CdrReference, CiString2, CiString3, CiString36, CiString255, DateTime, Object, Some


class InvoiceReconciliationRecord(Object, kw_only=True):
    """[mod_invoicereconciliation_invoice_reconciliation_record_object]

    The specification allows ids of 36 characters in `cdrs`, but those of credit CDRs have up to 39: they are taken.
    """

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    invoice_id: CiString255
    cdrs: Some[CdrReference]
    last_updated: DateTime


OPERATIONS = (
    Operation(
        "invoicereconciliation.sender.list",
        "GET",
        "",
        answer="InvoiceReconciliationRecord",
        paged=True,
        releases=("2.3.0",),
    ),
    Operation(
        "invoicereconciliation.receiver.get",
        "GET",
        "/{country_code}/{party_id}/{id}",
        answer="InvoiceReconciliationRecord",
        releases=("2.3.0",),
    ),
    Operation(
        "invoicereconciliation.receiver.post",
        "POST",
        "",
        body="InvoiceReconciliationRecord",
        releases=("2.3.0",),
    ),
    Operation(
        "invoicereconciliation.receiver.put",
        "PUT",
        "/{country_code}/{party_id}/{id}",
        body="InvoiceReconciliationRecord",
        releases=("2.3.0",),
    ),
    Operation(
        "invoicereconciliation.receiver.delete",
        "DELETE",
        "/{country_code}/{party_id}/{id}",
        releases=("2.3.0",),
    ),
)
