"""Links to show a shipper where his container is: one trip, one time range."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.errors import UserError
from landbridge.fleet import secret
from landbridge.store import audit, shares, trips


class Made(NamedTuple):
    """A new link."""

    share: int
    secret: str
    """The last part of its address, kept nowhere."""
    until_s: int


def add(connection: Connection, trip: Row[Any], length_s: int, who: str, now_s: int) -> Made:
    """Share `trip` from its start (what is older belongs to others) for `length_s` from now on."""
    made, hashed = secret.make()
    until_s = now_s + length_s
    share = shares.add(connection, hashed, trip.trip, trip.started_s, until_s, who, now_s)
    audit.add(connection, who, f"link {share} made", now_s, trip.device)
    return Made(share, made, until_s)


def revoke(connection: Connection, share: int, who: str, now_s: int) -> Row[Any]:
    """End a link at once; returns it as it was. `UserError` if there is none, or it is over."""
    row = shares.find(connection, share)
    if row is None:
        raise UserError(f"no link {share}; `landbridge share list` shows those there are")
    if row.revoked_s is not None:
        raise UserError(f"link {share} was revoked by {row.revoked_by}")
    shares.revoke(connection, share, who, now_s)
    shared = trips.find(connection, row.trip)
    audit.add(connection, who, f"link {share} revoked", now_s, shared.device if shared else None)
    return row


def state(row: Row[Any], now_s: int) -> str:
    """What has become of a link, in words."""
    if row.revoked_s is not None:
        return "revoked"
    return "open" if now_s < row.until_s else "over"
