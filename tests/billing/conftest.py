"""What needs an extra says so loudly when it is absent."""

import importlib.util

import pytest


@pytest.fixture(scope="session")
def einvoice_extra() -> None:
    if not all(importlib.util.find_spec(name) for name in ("facturx", "saxonche")):
        pytest.skip("needs evmesh[einvoice]: factur-x and saxonche")


@pytest.fixture(scope="session")
def pdf_extra(einvoice_extra: None) -> None:
    if not importlib.util.find_spec("typst"):
        pytest.skip("needs evmesh[pdf]: typst")
