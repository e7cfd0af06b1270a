"""Tariffs as they were, what was found about partners' CDRs, what is owed, and what is disputed."""

import sqlalchemy as sa
from alembic import op

from evmesh.store.columns import Json, Moment, Number

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tariff_versions",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("folded_id", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("last_updated", Moment(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="tariff_versions_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "tariff_versions_folded_id_owner_partner_id_at",
        "tariff_versions",
        ["folded_id", "owner", "partner_id", "at"],
    )
    op.create_table(
        "cdr_verdicts",
        sa.Column("seq", Number, nullable=False, autoincrement=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("start", Moment(), nullable=False),
        sa.Column("end", Moment(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("evse", sa.Text()),
        sa.Column("session", sa.Text()),
        sa.Column("is_credit", sa.Boolean(), nullable=False),
        sa.Column("checked_at", Moment(), nullable=False),
        sa.Column("report", Json(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="cdr_verdicts_pk"),
    )
    op.create_index("cdr_verdicts_evse_start", "cdr_verdicts", ["evse", "start"])
    op.create_index("cdr_verdicts_partner_id_session", "cdr_verdicts", ["partner_id", "session"])
    op.create_index("cdr_verdicts_token_start", "cdr_verdicts", ["token", "start"])
    op.create_index("cdr_verdicts_verdict_seq", "cdr_verdicts", ["verdict", "seq"])
    op.create_table(
        "ledger_entries",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("gathered_by", Number),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("postings", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="ledger_entries_pk"),
        sa.UniqueConstraint("partner_id", "kind", "subject", name="ledger_entries_partner_id_kind_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("ledger_entries_gathered_by", "ledger_entries", ["gathered_by"])
    op.create_index("ledger_entries_partner_id_currency_id", "ledger_entries", ["partner_id", "currency", "id"])
    op.create_table(
        "disputes",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("cdr", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("claimed", sa.Text()),
        sa.Column("expected", sa.Text()),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("deadline", Moment(), nullable=False),
        sa.Column("credit_seq", Number),
        sa.Column("new_seq", Number),
        sa.Column("evidence", Json(), nullable=False),
        sa.Column("history", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="disputes_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index("disputes_seq", "disputes", ["seq"])
    op.create_index("disputes_state_deadline", "disputes", ["state", "deadline"])
