"""Which devices a card was in is asked with each uplink of one with a quota."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Apply. There is a row for each change of a card, not for each uplink."""
    op.create_index("ix_card_identities_iccid", "card_identities", ["iccid"])
