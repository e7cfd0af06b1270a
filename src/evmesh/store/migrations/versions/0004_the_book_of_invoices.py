"""Entries of the ledger that are taken back, and the CDRs that partners' records of invoices list."""

import json

import sqlalchemy as sa
from alembic import op

from evmesh.store.columns import Json, Moment, Number

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEPT = "id, partner_id, currency, kind, subject, reference, gathered_by, at, postings"


def upgrade() -> None:
    # SQLite cannot drop a constraint: the table is made anew.
    op.execute("CREATE TABLE kept_entries AS SELECT * FROM ledger_entries")
    op.drop_table("ledger_entries")
    op.create_table(
        "ledger_entries",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("gathered_by", Number),
        sa.Column("reversed_by", Number),
        sa.Column("day", sa.Text()),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("postings", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="ledger_entries_pk"),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO ledger_entries ({KEPT}) SELECT {KEPT} FROM kept_entries")
    op.drop_table("kept_entries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('ledger_entries', 'id'), max(id)) "
            "FROM ledger_entries HAVING max(id) > 0"
        )
    op.create_index("ledger_entries_partner_id_currency_id", "ledger_entries", ["partner_id", "currency", "id"])
    for name, columns, where in (
        ("ledger_entries_once", ["partner_id", "kind", "subject"], sa.text("reversed_by IS NULL")),
        ("ledger_entries_gathered", ["gathered_by"], sa.text("gathered_by IS NOT NULL")),
        ("ledger_entries_reference", ["reference"], sa.text("reference IS NOT NULL")),
    ):
        unique = name == "ledger_entries_once"
        op.create_index(name, "ledger_entries", columns, unique=unique, sqlite_where=where, postgresql_where=where)
    recorded_cdrs = op.create_table(
        "recorded_cdrs",
        sa.Column("seq", Number, nullable=False, autoincrement=False),
        sa.Column("folded_id", sa.Text(), nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("folded_invoice", sa.Text(), nullable=False),
        sa.Column("cdr_seq", Number),
        sa.PrimaryKeyConstraint("seq", "folded_id", name="recorded_cdrs_pk"),
    )
    op.create_index("recorded_cdrs_folded_id", "recorded_cdrs", ["folded_id"])
    op.create_index(
        "recorded_cdrs_partner_id_folded_invoice_seq", "recorded_cdrs", ["partner_id", "folded_invoice", "seq"]
    )
    where = sa.text("cdr_seq IS NULL")
    op.create_index("recorded_cdrs_awaited", "recorded_cdrs", ["seq"], sqlite_where=where, postgresql_where=where)
    records = op.get_bind().execute(
        sa.text(
            "SELECT seq, partner_id, document FROM objects "
            "WHERE kind = 'invoicereconciliation' AND partner_id <> 0 AND absent_since IS NULL"
        )
    )
    for seq, partner_id, document in records.all():
        record = json.loads(document)
        # Which CDRs these are is found when the record is next looked at.
        listed = [
            {"seq": seq, "folded_id": id, "partner_id": partner_id, "folded_invoice": record["invoice_id"].casefold()}
            for id in {id.casefold() for id in record["cdrs"]}
        ]
        op.bulk_insert(recorded_cdrs, listed)
