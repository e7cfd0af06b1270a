"""Invoices, the CDRs that stand on them, and their documents."""

import sqlalchemy as sa
from alembic import op

from evmesh.store.columns import Moment, Number

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", Number, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("other_party", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Text(), nullable=False),
        sa.Column("period_begin", sa.Text(), nullable=False),
        sa.Column("period_end", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net", sa.Text(), nullable=False),
        sa.Column("tax", sa.Text(), nullable=False),
        sa.Column("total", sa.Text(), nullable=False),
        sa.Column("payable", sa.Text(), nullable=False),
        sa.Column("rounding_difference", sa.Text(), nullable=False),
        sa.Column("charges", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="invoices_pk"),
        sa.UniqueConstraint("number", name="invoices_number"),
        sa.UniqueConstraint("series", "count", name="invoices_series_count"),
        sqlite_autoincrement=True,
    )
    op.create_index("invoices_partner_id_id", "invoices", ["partner_id", "id"])
    op.create_table(
        "invoiced_cdrs",
        sa.Column("seq", Number, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("invoice_id", Number, nullable=False),
        sa.PrimaryKeyConstraint("seq", "side", name="invoiced_cdrs_pk"),
    )
    op.create_index("invoiced_cdrs_invoice_id", "invoiced_cdrs", ["invoice_id"])
    op.create_table(
        "invoice_documents",
        sa.Column("invoice_id", Number, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", "format", name="invoice_documents_pk"),
    )
