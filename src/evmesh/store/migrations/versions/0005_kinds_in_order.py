"""Every kind of object can be walked in the order of creation without sorting all that is left."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("objects_kind_seq_partner_id", "objects", ["kind", "seq", "partner_id"])
