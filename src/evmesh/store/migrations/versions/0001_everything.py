"""Every table of the first release."""

import sqlalchemy as sa
from alembic import op

from evmesh.store.columns import Json, Moment, Number

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "aside",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("findings", Json(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="aside_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index("aside_partner_id_kind_key", "aside", ["partner_id", "kind", "key"])
    op.create_table(
        "charges",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("country_code", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("evse_uid", sa.Text(), nullable=False),
        sa.Column("connector_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token_uid", sa.Text(), nullable=False),
        sa.Column("token", Json(), nullable=False),
        sa.Column("auth_method", sa.Text(), nullable=False),
        sa.Column("authorization_reference", sa.Text()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("start", Moment(), nullable=False),
        sa.Column("end", Moment()),
        sa.Column("meter_id", sa.Text()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("cdr_location", Json(), nullable=False),
        sa.Column("tariffs", Json(), nullable=False),
        sa.Column("reservation", sa.Text()),
        sa.Column("reserved_from", Moment()),
        sa.Column("preferences", Json()),
        sa.Column("last_updated", Moment(), nullable=False),
        sa.Column("told_at", Moment()),
        sa.Column("due_at", Moment()),
        sa.PrimaryKeyConstraint("session_id", name="charges_pk"),
    )
    op.create_index(
        "charges_due",
        "charges",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("charges_location_id_evse_uid_state", "charges", ["location_id", "evse_uid", "state"])
    op.create_index("charges_token_uid_created_at", "charges", ["token_uid", "created_at"])
    op.create_table(
        "commands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("request", Json(), nullable=False),
        sa.Column("response_url", sa.Text()),
        sa.Column("correlation_id", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("response", Json()),
        sa.Column("result", Json()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment()),
        sa.PrimaryKeyConstraint("id", name="commands_pk"),
    )
    op.create_index("commands_partner_id_created_at", "commands", ["partner_id", "created_at"])
    op.create_index("commands_state_expires_at", "commands", ["state", "expires_at"])
    op.create_table(
        "counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", Number, nullable=False),
        sa.PrimaryKeyConstraint("id", name="counter_pk"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("wanted_change", Number, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("lacked_since", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("leased_until", Moment()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="deliveries_pk"),
        sa.UniqueConstraint("seq", "partner_id", name="deliveries_seq_partner_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "deliveries_leased",
        "deliveries",
        ["leased_until"],
        sqlite_where=sa.text("state = 'trying'"),
        postgresql_where=sa.text("state = 'trying'"),
    )
    op.create_index("deliveries_partner_id_state_due_at_id", "deliveries", ["partner_id", "state", "due_at", "id"])
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["due_at", "partner_id"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "faults",
        sa.Column("id", Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("partner_id", Number),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("closed_at", Moment()),
        sa.PrimaryKeyConstraint("id", name="faults_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "faults_open",
        "faults",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("faults_opened_at", "faults", ["opened_at"])
    op.create_table(
        "marks",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("change", Number, nullable=False),
        sa.Column("edition", Number, nullable=False),
        sa.PrimaryKeyConstraint("kind", "release", name="marks_pk"),
    )
    op.create_table(
        "objects",
        sa.Column("seq", Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("country_code", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("last_updated", Moment(), nullable=False),
        sa.Column("change", Number, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("wire", sa.Text()),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("token_party", sa.Text()),
        sa.Column("absent_since", Moment()),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("folded_id", sa.Text(), nullable=False),
        sa.Column("folded_contract", sa.Text()),
        sa.Column("first_change", Number, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="objects_pk"),
        sa.UniqueConstraint("kind", "key", "partner_id", name="objects_kind_key_partner_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "objects_contract",
        "objects",
        ["folded_contract"],
        sqlite_where=sa.text("folded_contract IS NOT NULL"),
        postgresql_where=sa.text("folded_contract IS NOT NULL"),
    )
    op.create_index("objects_kind_folded_id_partner_id", "objects", ["kind", "folded_id", "partner_id"])
    op.create_index("objects_kind_partner_id_change", "objects", ["kind", "partner_id", "change"])
    op.create_table(
        "partner_tokens",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("used_at", Moment()),
        sa.Column("retired_at", Moment()),
        sa.PrimaryKeyConstraint("hash", name="partner_tokens_pk"),
    )
    op.create_index("partner_tokens_partner_id", "partner_tokens", ["partner_id"])
    op.create_table(
        "partners",
        sa.Column("id", Number, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("release", sa.Text()),
        sa.Column("our_role", sa.Text()),
        sa.Column("our_party", sa.Text()),
        sa.Column("roles", Json(), nullable=False),
        sa.Column("endpoints", Json(), nullable=False),
        sa.Column("versions_url", sa.Text()),
        sa.Column("base64_token", sa.Boolean(), nullable=False),
        sa.Column("hub_party_id", sa.Text()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("their_token", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="partners_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "partners_name",
        "partners",
        ["name"],
        unique=True,
        sqlite_where=sa.text("status <> 'removed'"),
        postgresql_where=sa.text("status <> 'removed'"),
    )
    op.create_table(
        "pulls",
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("completed_at", Moment(), nullable=False),
        sa.Column("watermark", Moment()),
        sa.Column("full_at", Moment()),
        sa.Column("connection", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("partner_id", "module", name="pulls_pk"),
    )
    op.create_table(
        "readings",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("value", Json(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "at", name="readings_pk"),
    )
    op.create_table(
        "reservations",
        sa.Column("id", Number, nullable=False),
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("own_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("evse_uid", sa.Text()),
        sa.Column("connector_id", sa.Text()),
        sa.Column("token", Json(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("response_url", sa.Text()),
        sa.Column("session_key", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="reservations_pk"),
        sa.UniqueConstraint("own_id", name="reservations_own_id"),
        sa.UniqueConstraint("partner_id", "reservation_id", name="reservations_partner_id_reservation_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("reservations_location_id_evse_uid", "reservations", ["location_id", "evse_uid"])
    op.create_index("reservations_state_expires_at", "reservations", ["state", "expires_at"])
    op.create_table(
        "token_limits",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("limits", Json(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="token_limits_pk"),
    )
    op.create_table(
        "told",
        sa.Column("partner_id", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("change", Number, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", "partner_id", name="told_pk"),
    )
    op.create_table(
        "wordings",
        sa.Column("seq", Number, nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("token_party", sa.Text()),
        sa.Column("change", Number, nullable=False),
        sa.Column("changed_at", Moment()),
        sa.Column("text", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("seq", "release", name="wordings_pk"),
    )
    op.create_index("wordings_by_time", "wordings", ["release", "kind", "changed_at", "seq", "owner", "token_party"])
    op.create_index("wordings_listed", "wordings", ["release", "kind", "seq", "changed_at", "owner", "token_party"])
    op.create_index(
        "wordings_of_token_party",
        "wordings",
        ["release", "kind", "token_party", "seq", "changed_at", "owner"],
        sqlite_where=sa.text("token_party IS NOT NULL"),
        postgresql_where=sa.text("token_party IS NOT NULL"),
    )
    op.execute("INSERT INTO counter (id, value) VALUES (1, 0)")
