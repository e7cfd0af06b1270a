"""Why there is no invoice."""

from __future__ import annotations

import msgspec


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


class Breach(msgspec.Struct, frozen=True):
    """A rule that a document breaks. `rule` is its official name, such as BR-CO-10, or XSD."""

    rule: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


class BreaksRules(BillingError):
    """The document is not what EN 16931 lets pass."""

    def __init__(self, what: str, breaches: list[Breach]) -> None:
        told = "; ".join(str(each) for each in breaches[:3])
        super().__init__(f"{what} breaks {len(breaches)} official rule(s): {told}")
        self.breaches = breaches
