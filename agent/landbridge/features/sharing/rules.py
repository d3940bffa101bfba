"""Share links, which show a shipper the position of a container: one trip, one time range."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.config import Web, base_url
from landbridge.core import secret
from landbridge.core.clock import iso
from landbridge.core.durations import seconds
from landbridge.core.errors import UserError
from landbridge.core.labels import actor
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.sharing import queries as share_links
from landbridge.features.trips import queries as trips

SHARE_PATH = "/s/"
"""Path of share links on the pages."""


class Made(NamedTuple):
    """A new link."""

    share: int
    secret: str
    """The last part of its address; it is not stored."""
    until_s: int | None
    """None: until the trip ends."""


def add(
    connection: Connection, trip: Row[Any], length: str, who: str, now_s: int, embedded: bool = False
) -> Made:
    """Share `trip` from its start (older points belong to others) until it ends, or for a `length` like 12h;
    `UserError` if that is no duration. If `embedded`, other sites may show the page within theirs."""
    until_s = now_s + seconds(length, share_links.LONGEST_S, "length") if length else None
    made, hashed = secret.make()
    kept_s = share_links.WHOLE_TRIP_S if until_s is None else until_s
    share = share_links.add(connection, hashed, trip.trip, trip.started_s, kept_s, who, now_s, embedded)
    what = _("share link created: {container}", container=trip.container)
    audit.add(connection, who, what, now_s, trip.device)
    return Made(share, made, until_s)


def revoke(connection: Connection, share: int, who: str, now_s: int) -> Row[Any]:
    """Revoke a link; return it as it was. `UserError` if there is none, or it has expired."""
    row = share_links.find(connection, share)
    if row is None:
        raise UserError(_("no share link {number}; `landbridge share-links list` lists them", number=share))
    if row.revoked_s is not None:
        raise UserError(
            _("share link {number} was revoked by {who}", number=share, who=actor(row.revoked_by))
        )
    share_links.revoke(connection, share, who, now_s)
    shared = trips.find(connection, row.trip)
    named = _("share link revoked: {container}", container=shared.container if shared else share)
    audit.add(connection, who, named, now_s, shared.device if shared else None)
    return row


def serialize(row: Row[Any], now_s: int) -> dict[str, Any]:
    """Return a link, with columns of its trip, for API and pages."""
    return {
        "link": row.share_link, "trip": row.trip, "device": row.device, "container": row.container,
        "until": iso(until_s(row)), "by": row.added_by, "made": iso(row.added_s), "state": state(row, now_s),
    }  # fmt: skip


def state(row: Row[Any], now_s: int) -> str:
    """Return the state of a link, in words."""
    if row.revoked_s is not None:
        return "revoked"
    return "open" if now_s < share_links.ends_s(row) else "over"


def until_s(row: Row[Any]) -> int | None:
    """Return the expiry date of a link; None: the end of its trip."""
    return None if row.until_s == share_links.WHOLE_TRIP_S else row.until_s


def share_url(web: Web, secret: str) -> str:
    """Return the link that `secret` opens."""
    return f"{base_url(web)}{SHARE_PATH}{secret}"
