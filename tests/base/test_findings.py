from evmesh.base.findings import Finding, fatal, pointer


def test_a_pointer_escapes_what_a_pointer_is_made_of() -> None:
    assert pointer("evses", 0, "a/b~c") == "/evses/0/a~1b~0c"
    assert pointer() == ""


def test_a_finding_reads_as_one_line() -> None:
    finding = Finding("error", "too_long", "/id", "40 characters, at most 36 are allowed")
    assert str(finding) == "error: /id: 40 characters, at most 36 are allowed [too_long]"
    assert str(Finding("info", "no_zone", "", "read as UTC")).startswith("info: /: ")


def test_a_finding_can_be_seen_from_further_out() -> None:
    finding = Finding("error", "missing", "/id", "needed", True)
    assert finding.below("/data/3") == Finding("error", "missing", "/data/3/id", "needed", True)


def test_one_fatal_finding_is_enough() -> None:
    harmless, deadly = Finding("info", "x", "", ""), Finding("error", "x", "", "", True)
    assert not fatal([])
    assert not fatal([harmless])
    assert fatal([harmless, deadly])
