"""The words, figures and dates of an invoice in the language of who reads it: English and Swedish.

A language is a table with the same fields; another language is another table, and its letters in `LANGUAGES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

Language = Literal["en", "sv"]
PaidBy = Literal["card", "transfer", "direct_debit", "cash"]

_MINUS = "−"
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """`thousands` and `point` set figures apart; `months` are names, none where dates are written in digits."""

    thousands: str
    point: str
    months: tuple[str, ...] = ()

    titles: Mapping[str, str]
    """By type code."""
    receipt: str
    page: str
    page_of: str
    seller: str
    buyer: str
    registration: str
    vat_number: str
    issued: str
    due: str
    period: str
    until: str
    buyer_reference: str
    order: str
    contract: str
    credits: str
    credits_of: str
    supply: str
    charges: str
    vat: str
    rate: str
    taxable: str
    net: str
    total: str
    rounding: str
    to_pay: str
    to_credit: str
    account: str
    debit: str
    mandate: str
    creditor: str
    collected_on: str
    reference: str
    annex: str
    annex_about: str
    annex_attached: str
    annex_too_long: str
    line: str
    began: str
    ended: str
    component: str
    quantity: str
    price: str
    price_with_vat: str
    before_vat: str
    with_vat: str
    local_times: str
    charging_at: str
    one_charge: str
    many_charges: str
    tariff: str
    payable_until: str
    set_off: str
    paid_by: Mapping[str, str]
    refunded: str
    rounding_difference: str
    components: Mapping[str, str]
    """What a price is made of, by the dimension of a tariff."""
    units: Mapping[str, str]

    def day(self, day: date) -> str:
        return f"{day.day} {self.months[day.month - 1]} {day.year}" if self.months else day.isoformat()

    def days(self, begin: date, end: date) -> str:
        return self.day(begin) if begin == end else f"{self.day(begin)} {self.until} {self.day(end)}"

    def money(self, value: Decimal) -> str:
        """With all decimals of the coin: 12,345.60 or 12 345,60."""
        return f"{value:,f}".translate(self._signs)

    def figure(self, value: Decimal) -> str:
        """Without needless zeros."""
        text = f"{value:,f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).translate(self._signs)

    @property
    def _signs(self) -> dict[int, str]:
        return {ord(","): self.thousands, ord("."): self.point, ord("-"): _MINUS}


ENGLISH = Words(
    thousands=",",
    point=".",
    months=(
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
    titles={
        "380": "Invoice", "381": "Credit note", "389": "Self-billed invoice", "261": "Self-billed credit note",
    },
    receipt="Receipt",
    page="Page",
    page_of="of",
    seller="From",
    buyer="To",
    registration="Reg. no.",
    vat_number="VAT no.",
    issued="Issued",
    due="Due",
    period="Period",
    until="to",
    buyer_reference="Your reference",
    order="Order",
    contract="Contract",
    credits="Credits",
    credits_of="of",
    supply="Supply",
    charges="Charges",
    vat="VAT",
    rate="Rate",
    taxable="Taxable",
    net="Total before VAT",
    total="Total with VAT",
    rounding="Rounding",
    to_pay="To pay",
    to_credit="To your credit",
    account="Account (IBAN)",
    debit="Direct debit from",
    mandate="Mandate",
    creditor="Creditor",
    collected_on="Collected by direct debit on {date}",
    reference="Reference",
    annex="Charge records",
    annex_about="Amounts are before VAT, in {currency}; times are in UTC.",
    annex_attached="{file}, which is attached, has every digit.",
    annex_too_long="The {count} charge records are too many to be printed: {file}, which is attached, has them all.",
    line="Line",
    began="Began",
    ended="Ended",
    component="Price",
    quantity="Quantity",
    price="Per unit",
    price_with_vat="with VAT",
    before_vat="Before VAT",
    with_vat="With VAT",
    local_times="Times are those of the place.",
    charging_at="Charging at {place}",
    one_charge="CDR {id}",
    many_charges="{count} charges",
    tariff="tariff {id}",
    payable_until="Payable until {date}",
    set_off="To be set off against open invoices.",
    paid_by={
        "card": "Paid by card", "transfer": "Paid by bank transfer", "direct_debit": "Paid by direct debit",
        "cash": "Paid in cash",
    },
    refunded="Refunded",
    rounding_difference=(
        "The charge records sum to exactly {exact} {currency} before VAT; rounding difference {difference} {currency}."
    ),
    components={
        "ENERGY": "Energy", "TIME": "Charging time", "PARKING_TIME": "Parking without charging",
        "FLAT": "Once per charge", "RESERVATION": "Reservation", "RESERVATION_TIME": "Reservation",
        "RESERVATION_EXPIRES": "Reservation, not used", "RESERVATION_OVERTIME": "Longer than reserved",
        "LIMIT": "Lowest or highest price", "ROUNDING": "Rounding", "OTHER": "Other",
    },
    units={"kWh": "kWh", "h": "h", "min": "min"},
)  # fmt: skip

SWEDISH = Words(
    thousands=_NO_BREAK,
    point=",",
    titles={
        "380": "Faktura", "381": "Kreditfaktura", "389": "Självfaktura", "261": "Självfakturerad kreditfaktura",
    },
    receipt="Kvitto",
    page="Sida",
    page_of="av",
    seller="Från",
    buyer="Till",
    registration="Org.nr",
    vat_number="Momsreg.nr",
    issued="Datum",
    due="Förfaller",
    period="Period",
    until="till",
    buyer_reference="Er referens",
    order="Order",
    contract="Avtal",
    credits="Krediterar",
    credits_of="av den",
    supply="Leverans",
    charges="Laddningar",
    vat="Moms",
    rate="Sats",
    taxable="Underlag",
    net="Summa före moms",
    total="Summa med moms",
    rounding="Öresutjämning",
    to_pay="Att betala",
    to_credit="Er till godo",
    account="Konto (IBAN)",
    debit="Autogiro från",
    mandate="Medgivande",
    creditor="Betalningsmottagare",
    collected_on="Dras via autogiro den {date}",
    reference="Referens",
    annex="Laddningar i detalj",
    annex_about="Belopp är före moms, i {currency}; tider i UTC.",
    annex_attached="Den bifogade filen {file} har alla siffror.",
    annex_too_long="De {count} laddningarna är för många att skriva ut: den bifogade filen {file} har dem alla.",
    line="Rad",
    began="Började",
    ended="Slutade",
    component="Pris",
    quantity="Mängd",
    price="Per enhet",
    price_with_vat="med moms",
    before_vat="Före moms",
    with_vat="Med moms",
    local_times="Tiderna är platsens egna.",
    charging_at="Laddning på {place}",
    one_charge="CDR {id}",
    many_charges="{count} laddningar",
    tariff="prislista {id}",
    payable_until="Betalas senast {date}",
    set_off="Kvittas mot öppna fakturor.",
    paid_by={
        "card": "Betalt med kort", "transfer": "Betalt med banköverföring", "direct_debit": "Betalt med autogiro",
        "cash": "Betalt kontant",
    },
    refunded="Återbetalt",
    rounding_difference=(
        "Laddningarna uppgår till exakt {exact} {currency} före moms; avrundningsskillnad {difference} {currency}."
    ),
    components={
        "ENERGY": "Energi", "TIME": "Laddtid", "PARKING_TIME": "Parkering utan laddning", "FLAT": "Fast avgift",
        "RESERVATION": "Reservation", "RESERVATION_TIME": "Reservation",
        "RESERVATION_EXPIRES": "Outnyttjad reservation", "RESERVATION_OVERTIME": "Längre än reserverat",
        "LIMIT": "Lägsta eller högsta pris", "ROUNDING": "Avrundning", "OTHER": "Övrigt",
    },
    units={"kWh": "kWh", "h": "tim", "min": "min"},
)  # fmt: skip

LANGUAGES: Mapping[Language, Words] = {"en": ENGLISH, "sv": SWEDISH}
