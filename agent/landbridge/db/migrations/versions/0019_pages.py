"""Who did what; passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

Integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EARLIER = (
    "SELECT given_s, given_by, device, 'command ' || verb FROM commands",
    "SELECT set_s, set_by, device, 'settings, revision ' || revision FROM settings",
    "SELECT set_s, set_by, device, 'profile ' || wish FROM card_policies",
    "SELECT added_s, added_by, NULL, 'token ' || name || ' added' FROM tokens",
    "SELECT shares.added_s, shares.added_by, trips.device, 'link ' || share || ' made' FROM shares"
    " JOIN trips ON trips.trip = shares.trip",
)
"""What was done before this list began: (time, who, device, what)."""


def upgrade() -> None:
    """Apply."""
    op.add_column("tokens", sa.Column("password", sa.Text()))
    op.create_table(
        "audit",
        sa.Column("entry", Integer, primary_key=True),
        sa.Column("at_s", Integer, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("device", sa.String(32)),
        sa.Column("what", sa.Text(), nullable=False),
    )
    op.create_index("ix_audit_at_s", "audit", ["at_s"])
    op.create_index("ix_audit_device", "audit", ["device"])
    for each in _EARLIER:
        op.execute(f"INSERT INTO audit (at_s, who, device, what) {each} ORDER BY 1")
