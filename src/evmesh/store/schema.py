"""Every table, once, for both databases.

`seq` numbers objects in the order of their creation; a page of a list is a stretch of it. `change` numbers what
happened, over all tables: the one row of `counter` is updated inside each transaction that changes anything, and
whoever writes holds that row until the commit, so a lower number never becomes visible after a higher one.

Where an index looks odd, its comment names the question that it answers.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from evmesh.store.columns import Json, Moment, Number

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s",
    }
)

OURS = 0
"""The `partner_id` of what is our own."""

counter = Table(
    "counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", Number, nullable=False),
)

objects = Table(
    "objects",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("partner_id", Number, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("party_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("last_updated", Moment, nullable=False),
    Column("change", Number, nullable=False),
    Column("document", Text, nullable=False),
    Column("wire", Text),
    Column("release", Text, nullable=False),
    Column("token_party", Text),
    Column("absent_since", Moment),
    Column("owner", Text, nullable=False),
    Column("folded_id", Text, nullable=False),
    Column("folded_contract", Text),
    Column("first_change", Number, nullable=False),
    # The partner stands last, so that a key is also found without knowing whose it is.
    UniqueConstraint("kind", "key", "partner_id"),
    # What changed since a mark; what does this partner have.
    Index(None, "kind", "partner_id", "change"),
    # A kind in the order of creation, page by page.
    Index(None, "kind", "seq", "partner_id"),
    # A token by its uid alone, whoever issued it; `show KIND ID`. The partner stands last to have the rows in order:
    # SQLite would rather walk a whole kind by the index above than sort these few.
    Index(None, "kind", "folded_id", "partner_id"),
    sqlite_autoincrement=True,
)
# A token by its contract, which is all that a Session of 2.1.1 names.
Index(
    "objects_contract",
    objects.c.folded_contract,
    sqlite_where=text("folded_contract IS NOT NULL"),
    postgresql_where=text("folded_contract IS NOT NULL"),
)

wordings = Table(
    "wordings",
    metadata,
    Column("seq", Number, nullable=False),
    Column("release", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("token_party", Text),
    Column("change", Number, nullable=False),
    # NULL where the text is: a moment that never comes, so that no list shows what is withheld.
    Column("changed_at", Moment),
    Column("text", Text),
    Column("reason", Text),
    PrimaryKeyConstraint("seq", "release"),
)

# All columns that a list's filters ask for stand in each index, so that counting, and finding a place in a list, read
# no text. A list in the order of creation:
Index(
    "wordings_listed",
    wordings.c.release,
    wordings.c.kind,
    wordings.c.seq,
    wordings.c.changed_at,
    wordings.c.owner,
    wordings.c.token_party,
)
# The same for one eMSP's sessions among those of hundreds.
Index(
    "wordings_of_token_party",
    wordings.c.release,
    wordings.c.kind,
    wordings.c.token_party,
    wordings.c.seq,
    wordings.c.changed_at,
    wordings.c.owner,
    sqlite_where=text("token_party IS NOT NULL"),
    postgresql_where=text("token_party IS NOT NULL"),
)
# What changed lately; what becomes sayable next.
Index(
    "wordings_by_time",
    wordings.c.release,
    wordings.c.kind,
    wordings.c.changed_at,
    wordings.c.seq,
    wordings.c.owner,
    wordings.c.token_party,
)

marks = Table(
    "marks",
    metadata,
    Column("kind", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("change", Number, nullable=False),
    # Counts every rewording, so that a remembered total knows that it is out of date.
    Column("edition", Number, nullable=False),
    PrimaryKeyConstraint("kind", "release"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("kind", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("wanted_change", Number, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("lacked_since", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("leased_until", Moment),
    Column("error", Text),
    # By the object first: who is concerned by a change?
    UniqueConstraint("seq", "partner_id"),
    # The oldest that is due, of each partner.
    Index(None, "partner_id", "state", "due_at", "id"),
    sqlite_autoincrement=True,
)
Index(
    "deliveries_waiting",
    deliveries.c.due_at,
    deliveries.c.partner_id,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "deliveries_leased",
    deliveries.c.leased_until,
    sqlite_where=text("state = 'trying'"),
    postgresql_where=text("state = 'trying'"),
)

told = Table(
    "told",
    metadata,
    Column("partner_id", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("change", Number, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("seq", "partner_id"),
)

partners = Table(
    "partners",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("release", Text),
    Column("our_role", Text),
    Column("our_party", Text),
    Column("roles", Json, nullable=False),
    Column("endpoints", Json, nullable=False),
    Column("versions_url", Text),
    Column("base64_token", Boolean, nullable=False),
    Column("hub_party_id", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("their_token", Text),
    sqlite_autoincrement=True,
)
# A name is free again once its partner was removed.
Index(
    "partners_name",
    partners.c.name,
    unique=True,
    sqlite_where=text("status <> 'removed'"),
    postgresql_where=text("status <> 'removed'"),
)

partner_tokens = Table(
    "partner_tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("retired_at", Moment),
    Index(None, "partner_id"),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("direction", Text, nullable=False),
    Column("partner_id", Number, nullable=False),
    Column("command", Text, nullable=False),
    Column("request", Json, nullable=False),
    Column("response_url", Text),
    Column("correlation_id", Text),
    Column("state", Text, nullable=False),
    Column("response", Json),
    Column("result", Json),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Index(None, "state", "expires_at"),
    Index(None, "partner_id", "created_at"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", Number, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("reservation_id", Text, nullable=False),
    Column("own_id", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("evse_uid", Text),
    Column("connector_id", Text),
    Column("token", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("response_url", Text),
    Column("session_key", Text),
    UniqueConstraint("own_id"),
    UniqueConstraint("partner_id", "reservation_id"),
    Index(None, "location_id", "evse_uid"),
    Index(None, "state", "expires_at"),
    sqlite_autoincrement=True,
)

charges = Table(
    "charges",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("country_code", Text, nullable=False),
    Column("party_id", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("evse_uid", Text, nullable=False),
    Column("connector_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("token_uid", Text, nullable=False),
    Column("token", Json, nullable=False),
    Column("auth_method", Text, nullable=False),
    Column("authorization_reference", Text),
    Column("created_at", Moment, nullable=False),
    Column("start", Moment, nullable=False),
    Column("end", Moment),
    Column("meter_id", Text),
    Column("currency", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("cdr_location", Json, nullable=False),
    Column("tariffs", Json, nullable=False),
    Column("reservation", Text),
    Column("reserved_from", Moment),
    Column("preferences", Json),
    Column("last_updated", Moment, nullable=False),
    Column("told_at", Moment),
    Column("due_at", Moment),
    # What goes on at an EVSE; what was authorised there lately.
    Index(None, "location_id", "evse_uid", "state"),
    Index(None, "token_uid", "created_at"),
)
# What has something to do at a moment: a state that was held back, a driver who never plugged in.
Index(
    "charges_due",
    charges.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)

readings = Table(
    "readings",
    metadata,
    Column("session_id", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("value", Json, nullable=False),
    PrimaryKeyConstraint("session_id", "at"),
)

token_limits = Table(
    "token_limits",
    metadata,
    Column("key", Text, primary_key=True),
    Column("limits", Json, nullable=False),
)

aside = Table(
    "aside",
    metadata,
    Column("id", Number, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text),
    Column("text", Text, nullable=False),
    Column("findings", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "partner_id", "kind", "key"),
    sqlite_autoincrement=True,
)

pulls = Table(
    "pulls",
    metadata,
    Column("partner_id", Number, nullable=False),
    Column("module", Text, nullable=False),
    Column("completed_at", Moment, nullable=False),
    Column("watermark", Moment),
    Column("full_at", Moment),
    Column("connection", Text),
    Column("outcome", Text, nullable=False),
    Column("detail", Text),
    PrimaryKeyConstraint("partner_id", "module"),
)

faults = Table(
    "faults",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("partner_id", Number),
    Column("detail", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Index(None, "opened_at"),
    sqlite_autoincrement=True,
)
# One open fault of a kind on a subject, however often it is noticed.
Index(
    "faults_open",
    faults.c.kind,
    faults.c.subject,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)

# Every version of a tariff that was told, by us or by a partner; nothing is ever changed here.
tariff_versions = Table(
    "tariff_versions",
    metadata,
    Column("id", Number, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("owner", Text, nullable=False),
    Column("folded_id", Text, nullable=False),
    # When it came to be known here; `last_updated` is the owner's word.
    Column("at", Moment, nullable=False),
    Column("last_updated", Moment, nullable=False),
    Column("release", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "folded_id", "owner", "partner_id", "at"),
    sqlite_autoincrement=True,
)

# What was found about a CDR of a partner; `seq` is that of the object. Tokens, EVSEs and sessions are folded.
cdr_verdicts = Table(
    "cdr_verdicts",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("partner_id", Number, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("start", Moment, nullable=False),
    Column("end", Moment, nullable=False),
    Column("token", Text),
    Column("evse", Text),
    Column("session", Text),
    Column("is_credit", Boolean, nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("report", Json, nullable=False),
    # What else a card was charged for, what else an EVSE was billed for, at that time; what else bills a session.
    Index(None, "token", "start"),
    Index(None, "evse", "start"),
    Index(None, "partner_id", "session"),
    # What is there to look at.
    Index(None, "verdict", "seq"),
)

# Double entry: the postings of an entry add up to nothing.
ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("currency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reference", Text),
    # The entry of the invoice that a CDR is billed by.
    Column("gathered_by", Number),
    # Of two entries that take each other back, each names the other.
    Column("reversed_by", Number),
    # ISO text.
    Column("day", Text),
    Column("at", Moment, nullable=False),
    Column("postings", Json, nullable=False),
    Index(None, "partner_id", "currency", "id"),
    sqlite_autoincrement=True,
)
# What an invoice gathered. Most entries are written while none has.
Index(
    "ledger_entries_gathered",
    ledger_entries.c.gathered_by,
    sqlite_where=text("gathered_by IS NOT NULL"),
    postgresql_where=text("gathered_by IS NOT NULL"),
)
# The same thing is posted once, and once more when it was taken back.
Index(
    "ledger_entries_once",
    ledger_entries.c.partner_id,
    ledger_entries.c.kind,
    ledger_entries.c.subject,
    unique=True,
    sqlite_where=text("reversed_by IS NULL"),
    postgresql_where=text("reversed_by IS NULL"),
)
# What was paid of an invoice.
Index(
    "ledger_entries_reference",
    ledger_entries.c.reference,
    sqlite_where=text("reference IS NOT NULL"),
    postgresql_where=text("reference IS NOT NULL"),
)

# The CDRs that partners' records list, by the record's number. `cdr_seq` is NULL while we wait for the CDR.
recorded_cdrs = Table(
    "recorded_cdrs",
    metadata,
    Column("seq", Number, nullable=False, autoincrement=False),
    Column("folded_id", Text, nullable=False),
    Column("partner_id", Number, nullable=False),
    Column("folded_invoice", Text, nullable=False),
    Column("cdr_seq", Number),
    PrimaryKeyConstraint("seq", "folded_id"),
    # Who waits for this CDR, and who else lists it.
    Index(None, "folded_id"),
    # The records of an invoice.
    Index(None, "partner_id", "folded_invoice", "seq"),
)
Index(
    "recorded_cdrs_awaited",
    recorded_cdrs.c.seq,
    sqlite_where=text("cdr_seq IS NULL"),
    postgresql_where=text("cdr_seq IS NULL"),
)

disputes = Table(
    "disputes",
    metadata,
    Column("id", Number, primary_key=True),
    Column("partner_id", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("cdr", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("currency", Text, nullable=False),
    # Amounts as exact text.
    Column("claimed", Text),
    Column("expected", Text),
    Column("opened_at", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    # The CDR that takes the disputed one back, and the one that bills the session anew.
    Column("credit_seq", Number),
    Column("new_seq", Number),
    Column("evidence", Json, nullable=False),
    Column("history", Json, nullable=False),
    Index(None, "seq"),
    Index(None, "state", "deadline"),
    sqlite_autoincrement=True,
)

# Amounts as exact text, days as ISO text. `model` is the whole invoice, from which its documents are made.
invoices = Table(
    "invoices",
    metadata,
    Column("id", Number, primary_key=True),
    Column("number", Text, nullable=False),
    Column("series", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("type_code", Text, nullable=False),
    Column("direction", Text, nullable=False),
    # 0 where it is no partner but a driver.
    Column("partner_id", Number, nullable=False),
    Column("other_party", Text, nullable=False),
    Column("issued_on", Text, nullable=False),
    Column("period_begin", Text, nullable=False),
    Column("period_end", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net", Text, nullable=False),
    Column("tax", Text, nullable=False),
    Column("total", Text, nullable=False),
    Column("payable", Text, nullable=False),
    Column("rounding_difference", Text, nullable=False),
    Column("charges", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("number"),
    # The newest of a series.
    UniqueConstraint("series", "count"),
    Index(None, "partner_id", "id"),
    sqlite_autoincrement=True,
)

# A CDR stands on one invoice of a side at most: between the partners, and for the driver. `seq` is that of the object.
invoiced_cdrs = Table(
    "invoiced_cdrs",
    metadata,
    Column("seq", Number, nullable=False),
    Column("side", Text, nullable=False),
    Column("invoice_id", Number, nullable=False),
    PrimaryKeyConstraint("seq", "side"),
    Index(None, "invoice_id"),
)

invoice_documents = Table(
    "invoice_documents",
    metadata,
    Column("invoice_id", Number, nullable=False),
    Column("format", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("invoice_id", "format"),
)
