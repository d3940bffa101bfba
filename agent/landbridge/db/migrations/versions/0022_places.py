"""Positions wait in the outbox as points, as tracks do: an agent of before, which would publish them as they
lie, does not open the database any more."""

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """No table changes. What waits as JSON already goes out as it is."""
