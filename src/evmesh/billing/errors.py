"""Why there is no invoice."""

from __future__ import annotations


class BillingError(Exception):
    """What the user is told in one sentence."""


class CannotInvoice(BillingError):
    """These charges, or these settings, make no invoice; the sentence names the place."""


class NoVatRule(CannotInvoice):
    """The settings do not say which VAT a supply bears. It is never guessed."""


class MissingExtra(BillingError):
    """The document needs a package that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra}: pip install 'evmesh[{extra}]'")
