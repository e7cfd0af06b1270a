"""`evmesh batch`: the same figures as one by one, whoever prices, however the charges are divided."""

from __future__ import annotations

import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evmesh.cli import batch
from evmesh.ocpi import wire
from evmesh.pricing.policy import STANDARD
from evmesh.pricing.portions import Task, price_portion
from evmesh.pricing.price import price
from tests.cli.conftest import Evmesh
from tests.pricing.documents import cdr, component, element, period, tariff

polars = pytest.importorskip("polars")
pytest.importorskip("numpy")
NIGHT = tariff(
    element(component("ENERGY", "0.10", vat=20), start_time="22:00", end_time="06:00"),
    element(component("ENERGY", "0.40", vat=20)),
    id="NIGHT",
)
ZONE = "Europe/Amsterdam"
COUNT = 25


def charge(n: int) -> dict[str, Any]:
    start = f"2026-05-01T{n % 24:02}:00:00Z"
    made = cdr(period(start, "OLD", ENERGY=Decimal(n) / 8 + 1), end=start.replace("00:00Z", "59:59Z"), id=f"C{n}")
    if n == 7:
        # Not for the fast engines: a number in quotes.
        made["charging_periods"][0]["dimensions"][0]["volume"] = "1.5"
    return made | ({"credit": True} if n == 3 else {})


CHARGES = [charge(n) for n in range(COUNT)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    texts = [wire.encode(each).decode() for each in CHARGES]
    path = tmp_path / "cdrs.parquet"
    polars.DataFrame({"document": texts}).write_parquet(path)
    (tmp_path / "tariff.json").write_bytes(wire.encode(NIGHT))
    return path


def expected() -> list[tuple[Any, ...]]:
    """By the reference engine, one by one."""
    rows = []
    for each in CHARGES:
        periods = [{k: v for k, v in p.items() if k != "tariff_id"} for p in each["charging_periods"]]
        total = price(each | {"charging_periods": periods}, [NIGHT], ZONE).total
        sign = -1 if each.get("credit") else 1
        sides = [None if part is None else Decimal(round(part * 10**4)).scaleb(-4) * sign
                 for part in (total.net, total.gross)]  # fmt: skip
        rows.append((each["id"], each["currency"], *sides))
    return rows


def test_on_all_cores_the_figures_are_those_of_the_reference(
    evmesh: Evmesh, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PORTION", 10)
    out = tmp_path / "priced.parquet"
    said = evmesh("batch", source, "--tariff", tmp_path / "tariff.json", "--timezone", ZONE, "--output", out,
                  "--workers", 2)  # fmt: skip
    assert said.status == 0, said
    frame = polars.read_parquet(out)
    assert frame.columns == ["id", "currency", "before_taxes", "after_taxes"]
    assert frame.rows() == expected()


def test_a_portion_does_not_depend_on_how_charges_are_divided() -> None:
    task = Task(wire.encode(NIGHT).decode(), ZONE, STANDARD)
    texts = [wire.encode(each).decode() for each in CHARGES]
    whole = price_portion(task, texts)
    assert whole == [answer for text in texts for answer in price_portion(task, [text])]
    assert price_portion(task, []) == []


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="needs evmesh[cluster]: dask and distributed"
)
@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_a_cluster_find_the_same_figures(
    evmesh: Evmesh, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(batch, "PORTION", 5)
    out = tmp_path / "priced.parquet"
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        said = evmesh("batch", source, "--tariff", tmp_path / "tariff.json", "--timezone", ZONE, "--output", out,
                      "--engine", "dask", "--scheduler", cluster.scheduler_address)  # fmt: skip
    assert said.status == 0, said
    assert polars.read_parquet(out).rows() == expected()


def test_what_cannot_be_is_said(evmesh: Evmesh, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by = ("--tariff", tmp_path / "tariff.json", "--output", tmp_path / "out.parquet")
    assert "name a time zone" in evmesh("batch", source, *by).sentence
    assert "no time zone" in evmesh("batch", source, *by, "--timezone", "Europe/Nowhere").sentence
    there = (*by, "--timezone", ZONE)
    assert "no column 'cdr'" in evmesh("batch", source, *there, "--column", "cdr").sentence
    # The last --output counts.
    assert "another file" in evmesh("batch", source, *there, "--output", source).sentence
    assert "no such folder" in evmesh("batch", source, *there, "--output", tmp_path / "away" / "out.parquet").sentence
    assert "no such file" in evmesh("batch", tmp_path / "none.parquet", *there).sentence
    assert "tariff.json" in evmesh("batch", tmp_path / "tariff.json", *there).sentence
    assert "belong together" in evmesh("batch", source, *there, "--engine", "dask").misuse
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = evmesh("batch", source, *there, "--engine", "dask", "--scheduler", "tcp://127.0.0.1:1").sentence
    assert "evmesh[cluster]" in said
    assert json.dumps(said)
