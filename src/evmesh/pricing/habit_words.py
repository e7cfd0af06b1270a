"""Habits in other languages than English, in which they tell themselves."""

from __future__ import annotations

from collections.abc import Mapping

SWEDISH: Mapping[str, str] = {
    "tax_on_rounded_total": "moms räknad på den avrundade summan",
    "periods_rounded_tax_on_sum": "varje period avrundad till ören, moms på den avrundade summan",
    "lines_rounded_tax_on_sum": "varje rad avrundad till ören, moms på summan",
    "periods_rounded": "varje period avrundad till ören före och efter moms",
    "lines_rounded": "varje rad avrundad till ören före och efter moms",
    "rounded_half_even": "halvor avrundade till jämnt öre",
    "rounded_down": "summan avkortad, inte avrundad",
    "rounded_up": "summan avrundad uppåt",
    "printed_hours_literally": "de utskrivna timmarna tagna bokstavligt",
    "step_size_per_period": "step_size tillämpad på varje period",
    "step_size_per_price": "step_size tillämpad på det som varje pris gäller",
    "step_size_ignored": "step_size inte tillämpad",
    "both_times_rounded": "step_size tillämpad på både laddtid och parkeringstid",
    "last_time_rounded": "step_size tillämpad på det sista slaget av tid, inte på parkering",
    "step_counts_unpriced": "step_size räknar även det som inte hade något pris",
    "wrong_zone_utc": "lokala tider tagna som UTC",
    "summer_time_ignored": "sommartid bortglömd",
    "zone_of_country": "landets tidszon i stället för platsens",
    "price_limits_ignored": "lägsta och högsta pris utelämnade",
    "each_flat_charged": "varje fast avgift (FLAT) som gällde debiterad",
    "last_flat_charged": "den sista fasta avgiften (FLAT) debiterad, inte den första",
    "no_flat_charged": "den fasta avgiften (FLAT) utelämnad",
    "no_reservation_flat": "reservationens fasta avgift (FLAT) utelämnad",
    "reservation_not_expired": "en ensam reservation prissatt som utnyttjad eller avbokad",
    "first_element_only": "bara det första passande elementet räknat",
    "tariff_of_each_period": "taxan vald på nytt för varje period",
    "period_without_tariff_priced": "även perioder utan tariff_id prissatta",
    "duration_from_reservation": "varaktigheter räknade från reservationen",
    "band_any_moment": "effekt eller ström inom gränserna vid något ögonblick",
    "power_limit_passes": "effektgränser anses uppfyllda där ingen effekt angavs",
    "power_limit_fails": "effektgränser anses inte uppfyllda där ingen effekt angavs",
    "equal_window_never": "ett tidsfönster som börjar när det slutar gäller aldrig",
    "weekday_of_evening": "tidsfönster över midnatt hör till kvällens veckodag",
    "nothing_without_energy": "ingen debitering där ingen energi flödade",
    "fed_in_energy_unpaid": "energi som flödade tillbaka inte betald",
    "time_from_clock": "timmar tagna från klockan där CDR:en inte har några",
    "tax_left_out": "ingen skatt tillagd",
    "gross_as_net": "beloppet efter skatt angivet som det före",
}

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": {}, "sv": SWEDISH}


def in_words(code: str, text: str, language: str) -> str:
    """A habit, of this code and English text, in a language."""
    return LANGUAGES[language].get(code, text)
