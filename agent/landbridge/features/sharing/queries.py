"""Share links: a row each, with author and time. None is ever removed."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update

from landbridge.db.tables import share_links, trips

WHOLE_TRIP_S = 2**31 - 1
"""`until_s` of a link that works until its trip ends."""
LONGEST_S = 366 * 86_400
"""The longest validity of a link: a trip may never be ended."""


class Wanted(NamedTuple):
    """Which links; None: of all."""

    tenant: str | None = None
    device: str | None = None
    only_open: bool = False


def add(
    connection: Connection,
    hashed: str,
    trip: int,
    from_s: int,
    until_s: int,
    who: str,
    now_s: int,
    embedded: bool = False,
) -> int:
    """Add a link, which other sites may embed if `embedded`; return its number."""
    values = {"hash": hashed, "trip": trip, "from_s": from_s, "until_s": until_s, "embedded": embedded}
    statement = insert(share_links).values(**values, added_by=who, added_s=now_s)
    return int(connection.execute(statement.returning(share_links.c.share_link)).scalar_one())


def every(connection: Connection, device: str | None = None) -> list[Row[Any]]:
    """Return all links, or those to trips of one device, with columns of their trips, oldest first."""
    statement = _with_trip().order_by(share_links.c.share_link)
    return list(
        connection.execute(statement if device is None else statement.where(trips.c.device == device))
    )


def newest(connection: Connection, of_trips: Collection[int], before: int, limit: int) -> list[Row[Any]]:
    """Return the newest links to these trips with numbers below `before`, with columns of their trips."""
    mine = _with_trip().where(share_links.c.trip.in_(of_trips), share_links.c.share_link < before)
    return list(connection.execute(mine.order_by(share_links.c.share_link.desc()).limit(limit)))


def listed(connection: Connection, wanted: Wanted, now_s: int, before: int, limit: int) -> list[Row[Any]]:
    """Return the newest links with numbers below `before`, with columns of their trips."""
    statement = _with_trip().where(share_links.c.share_link < before)
    if wanted.tenant is not None:
        statement = statement.where(trips.c.tenant == wanted.tenant)
    if wanted.device is not None:
        statement = statement.where(trips.c.device == wanted.device)
    if wanted.only_open:
        statement = statement.where(_is_open(now_s))
    return list(connection.execute(statement.order_by(share_links.c.share_link.desc()).limit(limit)))


def _is_open(now_s: int) -> ColumnElement[bool]:
    """As `ends_s` has it."""
    of_whole = share_links.c.until_s == WHOLE_TRIP_S
    goes_on = trips.c.ended_s.is_(None) | (trips.c.ended_s > now_s)
    lasts = of_whole & (share_links.c.added_s > now_s - LONGEST_S) & goes_on
    return share_links.c.revoked_s.is_(None) & (lasts | (~of_whole & (share_links.c.until_s > now_s)))


def find(connection: Connection, share: int) -> Row[Any] | None:
    """Return a link with columns of its trip; None if there is none."""
    return connection.execute(_with_trip().where(share_links.c.share_link == share)).one_or_none()


def opened_by(connection: Connection, hashed: str, now_s: int) -> Row[Any] | None:
    """Return the link with this hash, with columns of its trip, if it is valid now."""
    row = connection.execute(_with_trip().where(share_links.c.hash == hashed)).one_or_none()
    return row if row and row.revoked_s is None and row.from_s <= now_s < ends_s(row) else None


def ends_s(row: Row[Any]) -> int:
    """Return when a link, with columns of its trip, expires unless it is revoked; a running trip may end it
    earlier."""
    if row.until_s != WHOLE_TRIP_S:
        return int(row.until_s)
    longest_s = int(row.added_s) + LONGEST_S
    return longest_s if row.ended_s is None else min(longest_s, int(row.ended_s))


def revoke(connection: Connection, share: int, who: str, now_s: int) -> None:
    """Revoke a link."""
    connection.execute(
        update(share_links).where(share_links.c.share_link == share).values(revoked_by=who, revoked_s=now_s)
    )


def _with_trip() -> Select[Any]:
    names = ("device", "container", "route", "destination", "started_s", "ended_s", "tenant")
    of_trip = (trips.c[name] for name in names)
    return select(share_links, *of_trip).join(trips)
