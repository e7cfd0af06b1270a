"""Who offers which interface."""

from evmesh.ocpi.roles import OPPOSITE, RECEIVERS, SENDERS, interfaces
from evmesh.ocpi.schema import CHAPTERS


def test_a_cpo_sends_what_it_owns_and_receives_what_drivers_bring() -> None:
    offered = set(interfaces("CPO"))
    assert {("locations", "SENDER"), ("sessions", "SENDER"), ("cdrs", "SENDER"), ("tariffs", "SENDER")} <= offered
    assert {("tokens", "RECEIVER"), ("commands", "RECEIVER"), ("chargingprofiles", "RECEIVER")} <= offered
    assert ("locations", "RECEIVER") not in offered


def test_an_emsp_is_the_other_side() -> None:
    offered = set(interfaces("EMSP"))
    assert {("tokens", "SENDER"), ("commands", "SENDER"), ("locations", "RECEIVER"), ("cdrs", "RECEIVER")} <= offered
    assert ("tokens", "RECEIVER") not in offered


def test_who_only_looks_sends_nothing() -> None:
    assert {interface for _, interface in interfaces("NSP")} == {"RECEIVER"}
    assert interfaces("OTHER") == []


def test_a_connection_of_2_1_1_has_two_ends() -> None:
    assert {OPPOSITE[end]: end for end in OPPOSITE} == OPPOSITE


def test_every_module_with_interfaces_has_its_roles() -> None:
    modules = set()
    for chapter in CHAPTERS:
        operations = getattr(__import__(f"evmesh.ocpi.{chapter}", fromlist=["OPERATIONS"]), "OPERATIONS", ())
        modules |= {operation.module for operation in operations if operation.interface}
    assert modules == SENDERS.keys() == RECEIVERS.keys()
