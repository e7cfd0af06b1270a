"""Reading and writing as such: hostile text, what a reader gets, what a writer refuses."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import NEWEST, RELEASES
from evmesh.ocpi.status_codes import NotJson
from tests.ocpi.documents import context_of, own, spelled

TODAY = dialect(NEWEST)
each_release = pytest.mark.parametrize("release", RELEASES)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "not JSON"),
        (b"<html><body>502 Bad Gateway</body></html>", "not JSON"),
        (b'{"id": "1"', "not JSON"),
        (b'{"id": "1"} {}', "not JSON"),
        (b"{'id': 1}", "not JSON"),
        (b"NaN", "not JSON"),
        (b'{"kwh": Infinity}', "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[" * 10_000 + b"]" * 10_000, "too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too deeply"),
        (b'{"kwh": 1e999999999}', "no number is like 1e999999999"),
        (b'{"kwh": -1E-999999999}', "no number is like -1E-999999999"),
        (b'{"kwh": 1e99999999999999999999999}', "not JSON"),
        (b"9" * 5000, "out of range"),
    ],
)
def test_what_is_not_json_is_refused_with_a_reason(text: bytes, complaint: str) -> None:
    with pytest.raises(NotJson, match=complaint) as refused:
        wire.decode(text)
    assert refused.value.http_status == 400
    with pytest.raises(NotJson):
        wire.read("Session", text, TODAY)


def test_numbers_are_kept_digit_by_digit() -> None:
    text = b"[1.10,0.1,100,1E+2,12345678901234.1234567,-0.0,1000000000000000000000]"
    assert wire.encode(wire.decode(text)) == text
    assert [type(n) for n in wire.decode(b"[1,1.0]")] == [int, Decimal]


def test_of_the_same_key_twice_the_last_counts() -> None:
    read = wire.read(
        "StopSession", b'{"response_url":"x","response_url":"https://e.example/1","session_id":"S"}', TODAY
    )
    assert read.document == {"response_url": "https://e.example/1", "session_id": "S"}


def test_a_byte_order_mark_is_skipped() -> None:
    text = b'\xef\xbb\xbf{"result":"ACCEPTED"}'
    assert wire.decode(text) == {"result": "ACCEPTED"}
    assert wire.read("CommandResult", text, TODAY).document == {"result": "ACCEPTED"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (rb'"cut \ud83d"', "cut �"),
        (rb'"\udd0c cut"', "� cut"),
        (rb'"\ud83d\ud83d\udd0c"', "�🔌"),
        (rb'"\ud83d\udd0c"', "🔌"),
        (rb'"\\ud83d \ud83d"', "\\ud83d �"),
        (rb'"\uD83Dx"', "�x"),
    ],
)
def test_half_an_emoji_costs_one_character(text: bytes, meant: str) -> None:
    assert wire.decode(text) == wire.decode(text.decode()) == meant


def test_an_escape_hides_nothing() -> None:
    """The fast check looks at the text; a text may spell its characters otherwise."""
    session = wire.encode(own(NEWEST, "Session"))
    odd = session.replace(b"2026-05-11T08:00:00Z", rb"2026-05-11T08:00:00\u002b00:00")
    assert [f.code for f in wire.read("Session", odd, TODAY).findings] == ["timestamp_form"] * 2
    assert wire.read("Session", session.replace(b"Z", rb"\u005a"), TODAY).findings == []
    assert [f.code for f in wire.read("Session", session.replace(b"S-2026", b"S\x7f2026"), TODAY).findings] == [
        "not_ascii"
    ]


@each_release
@pytest.mark.parametrize("body", [None, True, 1, "text", [], [{}], Decimal("1.5")])
def test_what_is_no_object_is_refused(release: str, body: Any) -> None:
    read = wire.read("Location", wire.encode(body), dialect(release))
    assert read.document is None
    assert "Location expected" in read.why()


def test_what_is_missing_is_named() -> None:
    read = wire.read("Session", own(NEWEST, "Session", kwh=None, status=None), TODAY)
    assert read.document is None
    assert [(f.pointer, f.code, f.fatal) for f in read.findings] == [
        ("/kwh", "missing", True),
        ("/status", "missing", True),
    ]
    assert read.why() == "/kwh: Session.kwh is required; /status: Session.status is required"


def test_a_reader_gets_what_the_partner_said_beside_what_it_means() -> None:
    document = own(NEWEST, "Session", kwh="12.50")
    read = wire.read("Session", document, TODAY)
    assert read.wire["kwh"] == "12.50"
    assert read.document is not None
    assert spelled(read.document["kwh"]) == "<12.50>"


def test_unknown_fields_are_kept_and_said_to_those_who_must_take_them() -> None:
    document = own(NEWEST, "Token", x_colour="blue")
    read = wire.read("Token", document, TODAY)
    assert read.findings == []
    assert read.document == document
    assert wire.write("Token", document, TODAY).document == document
    for older in ("2.2.1", "2.1.1"):
        written = wire.write("Token", document, dialect(older))
        assert "x_colour" not in written.document
        assert ("lost", "/x_colour") in [(f.code, f.pointer) for f in written.findings]


def test_unknown_fields_of_older_releases_come_through_too() -> None:
    read = wire.read("Token", own("2.1.1", "Token", x_colour="blue"), dialect("2.1.1"), context_of({}))
    assert read.document is not None
    assert read.document["x_colour"] == "blue"


def test_a_field_of_a_later_release_is_taken_for_what_it_says() -> None:
    """Partners send fields of releases to come. They count when they can; nothing is built on what they cannot be."""
    help_phone = "+46 8 555 010 20"
    read = wire.read("Location", own("2.2.1", "Location", help_phone=help_phone), dialect("2.2.1"))
    assert read.document is not None
    assert read.document["help_phone"] == help_phone
    read = wire.read("Connector", own("2.1.1", "Connector", tariff_ids={"no": "list"}), dialect("2.1.1"))
    assert read.document is not None
    assert "tariff_ids" not in read.document
    assert ("left_out", "/tariff_ids") in [(f.code, f.pointer) for f in read.findings]
    written = wire.write("Connector", own(NEWEST, "Connector", tariff_id=["no", "id"]), dialect("2.1.1"))
    assert "tariff_id" not in written.document


def test_the_context_of_one_translation_leaves_no_trace_in_the_next() -> None:
    session = own(NEWEST, "Session", location_id="KAJ-1")
    place = own(NEWEST, "Location", publish=False)
    context = context_of(session, ("Location", place))
    first = wire.write("Session", session, dialect("2.1.1"), context)
    assert first.findings != []
    with pytest.raises(wire.Unsayable, match="not for everybody"):
        wire.write("Location", place, dialect("2.1.1"), context)
    assert context.findings == []
    assert context.embedding is False


def test_what_breaks_a_rule_is_not_sent() -> None:
    with pytest.raises(wire.Unsayable, match=r"/kwh: Session.kwh is required"):
        wire.write("Session", own(NEWEST, "Session", kwh=None), TODAY)
    with pytest.raises(wire.Unsayable, match="/status"):
        wire.write("Session", own(NEWEST, "Session", status="NAPPING"), TODAY)


def test_an_id_is_never_cut() -> None:
    """A part of an id is another id; a part of a name is still for people."""
    for release in RELEASES:
        with pytest.raises(wire.Unsayable, match="at most 36"):
            wire.write("Token", own(NEWEST, "Token", uid="U" * 37), dialect(release))
    with pytest.raises(wire.Unsayable, match="at most 64"):
        wire.write("Credentials", own(NEWEST, "Credentials", token="t" * 65), TODAY)
    written = wire.write("Token", own(NEWEST, "Token", issuer="i" * 65), TODAY)
    assert written.document["issuer"] == "i" * 64
    assert [(f.code, f.pointer, f.severity) for f in written.findings] == [("cut", "/issuer", "warning")]


def test_what_tells_which_tokens_may_charge_is_not_cut_either() -> None:
    private = own(NEWEST, "Location", publish=False, publish_allowed_to=[{"visual_number": "1", "issuer": "i" * 65}])
    with pytest.raises(wire.Unsayable, match="/publish_allowed_to/0/issuer"):
        wire.write("Location", private, TODAY)


def test_a_broken_ornament_is_left_out_rather_than_the_object() -> None:
    operator = {"name": "Volta", "website": "www.volta.example", "logo": {"url": "logo.png", "type": "png"}}
    directions = [{"language": "sve", "text": "Vänster"}, {"language": "sv", "text": "Höger"}]
    location = own(NEWEST, "Location", operator=operator, directions=directions, help_phone="0" * 26)
    read = wire.read("Location", location, TODAY)
    assert read.document is not None
    written = wire.write("Location", read.document, TODAY)
    assert written.document["operator"] == {"name": "Volta"}
    assert written.document["directions"] == directions[1:]
    assert "help_phone" not in written.document
    left_out = {f.pointer for f in written.findings if f.code == "left_out"}
    assert left_out >= {"/directions/0", "/help_phone", "/operator/website"}
    assert {f.severity for f in written.findings} == {"warning"}


def test_a_dimension_that_releases_lost_is_read_and_not_said() -> None:
    """2.1.1 has a dimension FLAT, and 2.2.1 has not."""
    energy, flat = {"type": "ENERGY", "volume": 1}, {"type": "FLAT", "volume": 1}
    periods = [
        {"start_date_time": "2026-05-11T08:00:00Z", "dimensions": [energy, flat]},
        {"start_date_time": "2026-05-11T08:10:00Z", "dimensions": [flat]},
    ]
    cdr = own(NEWEST, "CDR", charging_periods=periods)
    read = wire.read("CDR", cdr, TODAY)
    assert read.document == cdr
    for release in ("2.3.0", "2.2.1"):
        written = wire.write("CDR", cdr, dialect(release))
        assert written.document["charging_periods"] == [{**periods[0], "dimensions": [energy]}]
    with pytest.raises(wire.Unsayable, match="/charging_periods"):
        wire.write("CDR", cdr | {"charging_periods": periods[1:]}, TODAY)


def test_what_is_no_document_is_unsayable_and_no_crash() -> None:
    for strange in ({"coordinates": 5}, {"evses": [1]}, {"evses": 5}, {"id": None}):
        for release in RELEASES:
            with pytest.raises(wire.Unsayable):
                wire.write("Location", own(NEWEST, "Location") | strange, dialect(release))
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(wire.Unsayable, match="too deeply"):
        wire.write("Token", own(NEWEST, "Token", x=deep), TODAY)
    with pytest.raises(NotJson, match="too deeply"):
        wire.read("Token", own(NEWEST, "Token", x=deep), TODAY)


def test_what_a_document_lacks_is_named_in_the_words_of_the_reader() -> None:
    session = own(NEWEST, "Session", cdr_token=None, total_cost={"taxes": []})
    place = own(NEWEST, "Location", coordinates={"latitude": "north", "longitude": "18.07020"})
    with pytest.raises(wire.Unsayable, match=r"Session.auth_id is required"):
        wire.write("Session", session, dialect("2.1.1"), context_of(session, ("Location", place | {"id": "HAMN-4"})))
    with pytest.raises(wire.Unsayable, match=r"/total_cost/excl_vat: Price.excl_vat is required"):
        wire.write("Session", session, dialect("2.2.1"))
    with pytest.raises(wire.Unsayable, match=r"/coordinates/latitude: 'north' has not the form"):
        wire.write("Location", place, dialect("2.1.1"))


def test_a_lookup_that_finds_nonsense_is_no_crash() -> None:
    nonsense: Any = ["not", "a", "token"]
    context = wire.Context(lookup=lambda kind, *key: nonsense)
    read = wire.read("Session", own("2.1.1", "Session"), dialect("2.1.1"), context)
    assert read.document is None
    assert [f.code for f in read.findings] == ["cannot_be_lifted"]


def test_texts_beyond_ascii_go_out_as_they_are_with_a_word_about_it() -> None:
    token = own(NEWEST, "Token", type="RFID", issuer="Föreningen")
    assert wire.write("Token", token, dialect("2.2.1")).findings == []
    written = wire.write("Token", token, dialect("2.1.1"))
    assert written.document["issuer"] == "Föreningen"
    assert "Föreningen".encode() in written.text
    assert [(f.severity, f.code) for f in written.findings] == [("info", "not_ascii")]


def test_what_can_be_mended_is_sent_mended() -> None:
    place = own(NEWEST, "Location", coordinates={"latitude": Decimal("60.67488"), "longitude": 17})
    for release, decimals in (("2.3.0", "00"), ("2.1.1", "000")):
        written = wire.write("Location", place, dialect(release))
        assert written.document["coordinates"] == {
            "latitude": f"60.67488{decimals[2:]}",
            "longitude": f"17.000{decimals}",
        }
        assert {"text_as_number", "form"} <= {f.code for f in written.findings}


def test_a_cdr_takes_over_a_longer_address_than_it_has_room_for() -> None:
    """Addresses of Locations grew to 255 characters; those of CDRs were forgotten."""
    cdr = own(NEWEST, "CDR")
    cdr["cdr_location"] |= {"address": "A" * 255, "state": "S" * 45}
    read = wire.read("CDR", cdr, TODAY)
    assert read.document == cdr
    assert [(f.code, f.fatal) for f in read.findings] == [("too_long", False)] * 2
    written = wire.write("CDR", cdr, TODAY)
    assert len(written.document["cdr_location"]["address"]) == 45
    assert len(written.document["cdr_location"]["state"]) == 20
    assert [f.code for f in written.findings] == ["cut", "cut"]


def test_checking_names_objects_as_the_release_does() -> None:
    assert wire.check("CommandResult", {"result": "ACCEPTED"}, "2.1.1") == []
    with pytest.raises(KeyError, match="no object Booking"):
        wire.check("Booking", {}, "2.2.1")
    with pytest.raises(KeyError):
        wire.check("Location", {}, "2.0")


def test_a_part_of_an_object_is_checked_for_what_it_shows() -> None:
    assert wire.check("Session", {"kwh": 12, "status": "ACTIVE"}, NEWEST, partial=True) == []
    assert [f.pointer for f in wire.check("Session", {"kwh": "12"}, NEWEST, partial=True)] == ["/kwh"]
    nested = {"cdr_token": {"uid": "1"}}
    assert len(wire.check("Session", nested, NEWEST, partial=True)) == 4
