"""Tokens, sessions and shared links of the pages; whose a trip is."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    op.add_column("trips", sa.Column("tenant", sa.Text()))
    op.create_table(
        "tokens",
        sa.Column("token", sa.Integer(), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", sa.Integer(), nullable=False),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("revoked_s", sa.Integer()),
    )
    op.create_index("ix_tokens_hash", "tokens", ["hash"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("token", sa.Integer(), sa.ForeignKey("tokens.token"), nullable=False),
        sa.Column("ends_s", sa.Integer(), nullable=False),
    )
    op.create_table(
        "shares",
        sa.Column("share", sa.Integer(), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("trip", sa.Integer(), sa.ForeignKey("trips.trip"), nullable=False),
        sa.Column("from_s", sa.Integer(), nullable=False),
        sa.Column("until_s", sa.Integer(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", sa.Integer(), nullable=False),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("revoked_s", sa.Integer()),
    )
    op.create_index("ix_shares_hash", "shares", ["hash"], unique=True)
