"""Bringing a database's schema up to date when it is opened.

Alembic walks the revisions in `versions/`, but importing it costs more than starting a node may take, and nearly
every start finds a schema that is at its head already. So the version is asked in plain SQL first; an empty database
gets its tables from `schema` directly, with the version written beside them; Alembic is imported only to upgrade.
Tests hold the two roads to the same schema.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from evmesh.store.errors import SchemaTooNew
from evmesh.store.schema import counter, metadata

HEAD = "0005"
"""The newest revision."""

version_table = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))


def version_of(tx: Connection) -> str | None:
    """The revision that the schema is at; None where there is no schema."""
    if not inspect(tx).has_table(version_table.name):
        return None
    return tx.scalars(select(version_table.c.version_num)).one_or_none()


def migrate(tx: Connection) -> None:
    """Create or upgrade the schema; the caller holds a lock that keeps others from doing the same at once.

    Raises `SchemaTooNew` for a revision that this evmesh does not know.
    """
    version = version_of(tx)
    if version is None:
        metadata.create_all(tx, checkfirst=False)
        version_table.create(tx)
        tx.execute(counter.insert().values(id=1, value=0))
        tx.execute(version_table.insert().values(version_num=HEAD))
    elif version != HEAD:
        upgrade(tx, version)


def upgrade(tx: Connection, version: str | None) -> None:
    """Walk from `version` (None: from nothing) to the head."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "evmesh.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise SchemaTooNew(
            f"this database is at revision {version}, which this evmesh does not know (it knows up to {HEAD}): "
            "use the evmesh that wrote it, or a newer one"
        )
    command.upgrade(config, "head")
