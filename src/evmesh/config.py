"""The settings of a node: `evmesh.toml` in its folder, and the environment over it.

`EVMESH_<KEY>` overrides a top-level key (`EVMESH_DATABASE`, `EVMESH_URL`, `EVMESH_SECRET_KEY`, ...), so that a secret
need not lie in the file. A misspelt key is an error that names the nearest one: a setting that is silently ignored is
worse than none.
"""

from __future__ import annotations

import base64
import difflib
import os
import re
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from evmesh.billing.contracts import Contract
from evmesh.billing.errors import CannotInvoice
from evmesh.billing.settings import Billing, Customer, NumberPatterns, checked
from evmesh.billing.vat import VatRule
from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import OcpiError
from evmesh.ports import Document
from evmesh.pricing.plan import read_plan
from evmesh.pricing.policy import policy_from
from evmesh.roaming.node import OurParty, Roaming
from evmesh.transport.limits import Limits

FILE = "evmesh.toml"
ROLES = ("CPO", "EMSP")
"""The roles whose behaviour is built."""
OVERRIDABLE = ("url", "name", "database", "secret_key")


class SettingsError(Exception):
    """A setting is missing or wrong; the sentence names the file and the key."""


class PartyTable(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    country_code: str
    party_id: str
    name: str | None = None
    website: str | None = None


class NetworkTable(msgspec.Struct, forbid_unknown_fields=True):
    """`allow`: networks (10.1.0.0/16), addresses or host names that partners may be at although they are private."""

    allow: list[str] = []
    timeout: float = 20.0


class RoamingTable(msgspec.Struct, forbid_unknown_fields=True):
    pull_every: float = 6 * 3600
    authorise_timeout: float = 4.0
    command_timeout: float = 30.0
    session_update_every: float = 60.0
    page_limits: dict[str, int] = {}


class LimitsTable(msgspec.Struct, forbid_unknown_fields=True):
    body_bytes: int | None = None


class StationsTable(msgspec.Struct, forbid_unknown_fields=True):
    """`simulate`: every EVSE of ours is a simulated station. `speed`: how many seconds pass there in one of ours."""

    simulate: bool = False
    speed: float = 1.0


class MetricsTable(msgspec.Struct, forbid_unknown_fields=True):
    """Where Prometheus may read figures: an address and port of this machine, apart from where partners call."""

    host: str = "127.0.0.1"
    port: int = 9464


class ContractTable(msgspec.Struct, forbid_unknown_fields=True):
    """What was agreed with a partner about its CDRs. `tolerance`: money that nobody argues about, as text or number.
    `tariffs`: files with Tariffs of the newest release, the price list. `policy`: fields of a pricing policy."""

    partner: str
    tolerance: str | float | int | None = None
    tariffs: list[str] = []
    policy: dict[str, Any] = {}
    late_after_days: int = 30
    answer_within_days: int = 30


class File(msgspec.Struct, forbid_unknown_fields=True):
    """The file as it stands."""

    url: str
    party: list[PartyTable]
    secret_key: str
    database: str = "sqlite:///evmesh.db"
    name: str = ""
    network: NetworkTable = msgspec.field(default_factory=NetworkTable)
    roaming: RoamingTable = msgspec.field(default_factory=RoamingTable)
    limits: LimitsTable = msgspec.field(default_factory=LimitsTable)
    stations: StationsTable = msgspec.field(default_factory=StationsTable)
    metrics: MetricsTable | None = None
    billing: Billing = msgspec.field(default_factory=Billing)
    contract: list[ContractTable] = []


TABLES = (
    File, PartyTable, NetworkTable, RoamingTable, LimitsTable, StationsTable, MetricsTable, Billing, Customer,
    NumberPatterns, VatRule, ContractTable,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """What a node is built from. `database` is absolute; `secret_key` 32 bytes."""

    url: str
    name: str
    parties: tuple[OurParty, ...]
    database: str
    secret_key: bytes
    folder: Path
    network: NetworkTable = field(default_factory=NetworkTable)
    roaming: Roaming = field(default_factory=Roaming)
    limits: Limits = field(default_factory=Limits)
    stations: StationsTable = field(default_factory=StationsTable)
    metrics: MetricsTable | None = None
    billing: Billing = field(default_factory=Billing)
    driver_tariffs: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    """What the files hold that `billing` names, by their names."""

    @property
    def listen(self) -> tuple[str, int]:
        """Where to listen unless told otherwise: what the URL says."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)


def load(folder: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the node in this folder. SettingsError says what to mend."""
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"there is no node here: {path} does not exist (evmesh init makes one)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    for key in OVERRIDABLE:
        if value := environment.get(f"EVMESH_{key.upper()}"):
            table[key] = value
    return _settings(_convert(table, path), folder.resolve(), path)


def _convert(table: dict[str, Any], path: Path) -> File:
    try:
        return msgspec.convert(table, File)
    except msgspec.ValidationError as error:
        message = str(error)
        unknown = re.search(r"unknown field `(\w+)`", message)
        if unknown:
            known = {name for cls in TABLES for name in cls.__struct_fields__}
            near = difflib.get_close_matches(unknown[1], known, 1)
            message = f"no setting is called {unknown[1]}" + (f", did you mean {near[0]}?" if near else "")
        raise SettingsError(f"{path}: {message}") from None


def _settings(file: File, folder: Path, path: Path) -> Settings:
    try:
        url = checked_url(file.url)
        parties = tuple(
            replace(parse_party(f"{p.role}:{p.country_code}:{p.party_id}", p.name or file.name), website=p.website)
            for p in file.party
        )
        billing = checked(file.billing)
    except (ValueError, CannotInvoice) as error:
        raise SettingsError(f"{path}: {error}") from None
    if not parties:
        raise SettingsError(f"{path}: at least one [[party]] is needed")
    try:
        key = base64.urlsafe_b64decode(file.secret_key)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SettingsError(f"{path}: secret_key must be 32 bytes in URL-safe Base64")
    limits = replace(Limits(), answer_seconds=file.network.timeout)
    if file.limits.body_bytes is not None:
        limits = replace(limits, body_bytes=file.limits.body_bytes)
    return Settings(
        url=url,
        name=file.name,
        parties=parties,
        database=absolute_database(file.database, folder),
        secret_key=key,
        folder=folder,
        network=file.network,
        roaming=Roaming(
            page_limits=file.roaming.page_limits,
            pull_every=file.roaming.pull_every,
            authorise_timeout=file.roaming.authorise_timeout,
            command_timeout=file.roaming.command_timeout,
            session_update_every=file.roaming.session_update_every,
            contracts=_contracts(file.contract, folder, path),
        ),
        limits=limits,
        stations=file.stations,
        metrics=file.metrics,
        billing=billing,
        driver_tariffs=_driver_tariffs(billing, folder, path),
    )


def _driver_tariffs(billing: Billing, folder: Path, path: Path) -> dict[str, list[Document]]:
    names = {*billing.driver_tariffs, *(name for each in billing.customer for name in each.tariffs)}
    return {name: _tariffs(folder / name, f"{path}: billing") for name in sorted(names)}


def _tariffs(file: Path, where: str) -> list[Document]:
    """What the file holds: one Tariff of the newest release, or a list of them."""
    try:
        document = wire.decode(file.read_bytes())
    except (OSError, ValueError, OcpiError) as error:
        raise SettingsError(f"{where}: {file.name}: {error}") from None
    tariffs: list[Document] = document if isinstance(document, list) else [document]
    for tariff in tariffs:
        if read_plan(tariff)[0] is None:
            raise SettingsError(f"{where}: {file.name}: a tariff cannot be priced by; evmesh lint says why")
    return tariffs


def _contracts(tables: list[ContractTable], folder: Path, path: Path) -> dict[str, Contract]:
    found: dict[str, Contract] = {}
    for table in tables:
        if table.partner in found:
            raise SettingsError(f"{path}: there are two contracts with {table.partner}")
        found[table.partner] = _contract(table, folder, path)
    return found


def _contract(table: ContractTable, folder: Path, path: Path) -> Contract:
    where = f"{path}: [[contract]] {table.partner}"
    try:
        tolerance = None if table.tolerance is None else Decimal(str(table.tolerance))
        if tolerance is not None and not (tolerance.is_finite() and tolerance >= 0):
            raise ValueError(f"{tolerance} is no tolerance")
        policy_from(table.policy)
    except InvalidOperation:
        raise SettingsError(f"{where}: {table.tolerance!r} is no amount of money") from None
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from None
    return Contract(
        tolerance=tolerance,
        tariffs=tuple(tariff for name in table.tariffs for tariff in _tariffs(folder / name, where)),
        policy=table.policy,
        late_after=timedelta(days=table.late_after_days),
        answer_within=timedelta(days=table.answer_within_days),
    )


def checked_url(url: str) -> str:
    """Our own base URL without a trailing slash; ValueError when it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{url!r} is not a URL that partners could call, such as https://ocpi.example.com")
    return url.rstrip("/")


def parse_party(text: str, name: str = "") -> OurParty:
    """`ROLE:CC:PID` as it is given on the command line; ValueError says what is wrong."""
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"a party is written ROLE:CC:PID, such as CPO:SE:VLT, not {text!r}")
    role, country, party_id = parts[0].upper(), parts[1].upper(), parts[2].upper()
    if role not in ROLES:
        raise ValueError(f"the role must be one of {', '.join(ROLES)}, not {parts[0]!r}")
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise ValueError(f"a country code has two letters (ISO 3166-1), not {parts[1]!r}")
    if not re.fullmatch(r"[A-Z0-9]{3}", party_id):
        raise ValueError(f"a party id has three letters or digits (ISO 15118), not {parts[2]!r}")
    return OurParty(role, country, party_id, name or f"{country}*{party_id}")


def absolute_database(database: str, folder: Path) -> str:
    """A relative SQLite path is relative to the node's folder."""
    prefix = "sqlite:///"
    if database.startswith(prefix) and not database.startswith(prefix + "/"):
        return prefix + str(folder / database.removeprefix(prefix))
    return database


def new_secret_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def write(folder: Path, *, url: str, parties: list[OurParty], name: str, database: str | None) -> Path:
    """A commented file for a new node, readable by its owner alone. SettingsError when there is one already."""
    path = folder / FILE
    tables = "\n".join(
        f'[[party]]\nrole = "{p.role}"\ncountry_code = "{p.country_code}"\nparty_id = "{p.party_id}"\n'
        f"name = {_quoted(name or p.name)}\n"
        for p in parties
    )
    template = resources.files("evmesh").joinpath("evmesh.toml.template").read_text(encoding="utf-8")
    text = template.format(
        url=url, name=_quoted(name), database=database or "sqlite:///evmesh.db", key=new_secret_key(), parties=tables
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be made a folder: {error.strerror}") from None
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(f"{path} exists already; remove it first if you mean to start anew") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
