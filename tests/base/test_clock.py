from datetime import UTC, timedelta

from evmesh.base.clock import utc_now


def test_now_has_a_zone_and_does_not_run_backwards() -> None:
    before, after = utc_now(), utc_now()
    assert before.tzinfo is UTC
    assert after - before >= timedelta(0)
