"""ISO 4217: the currencies there are, and how many digits behind the point their coins have."""

from __future__ import annotations

_WITHOUT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_TWO = """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"""

MINOR_UNITS: dict[str, int] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_WITHOUT.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
}

_EURO = "AND AUT BEL CYP DEU ESP EST FIN FRA GRC HRV IRL ITA LTU LUX LVA MCO MLT MNE NLD PRT SMR SVK SVN"

# Where EUR is not what a driver pays with, for the checks that compare a place with a currency.
CURRENCY_OF_COUNTRY: dict[str, str] = {
    "AUS": "AUD", "BGR": "EUR", "BRA": "BRL", "CAN": "CAD", "CHE": "CHF", "CHN": "CNY", "CZE": "CZK", "DNK": "DKK",
    "GBR": "GBP", "HUN": "HUF", "IND": "INR", "ISL": "ISK", "ISR": "ILS", "JPN": "JPY", "LIE": "CHF", "MEX": "MXN",
    "NOR": "NOK", "NZL": "NZD", "POL": "PLN", "ROU": "RON", "SGP": "SGD", "SRB": "RSD", "SWE": "SEK", "TUR": "TRY",
    "UKR": "UAH", "USA": "USD", "ZAF": "ZAR",
    **dict.fromkeys(_EURO.split(), "EUR"),
}  # fmt: skip


def minor_unit(currency: str) -> int | None:
    """Digits behind the point of the currency's smallest coin; None for a currency that does not exist."""
    return MINOR_UNITS.get(currency)
