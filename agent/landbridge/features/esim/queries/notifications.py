"""Notifications of eUICCs, uploaded in pieces, and their delivery to the servers."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from landbridge.db.among import among_given
from landbridge.db.tables import downloads, esim_reports
from landbridge.db.tables import euicc_notifications as table
from landbridge.features.esim.coding import Piece

_IS_WHOLE = func.length(table.c.content) == table.c.total
_ON_CARD = table.c.removed_s.is_(None) & (table.c.posted_s.is_not(None) | table.c.wants_whole)
_REPORTED = select(esim_reports.c.eid).where(esim_reports.c.device == table.c.device).scalar_subquery()
_DOWNLOADED_TO = (
    select(downloads.c.eid)
    .where(downloads.c.device == table.c.device, downloads.c.eid.is_not(None))
    .order_by(downloads.c.download.desc())
    .limit(1)
    .scalar_subquery()
)
"""A device without a profile policy does not report its card."""
_SAME_CARD = table.c.eid == func.coalesce(_REPORTED, _DOWNLOADED_TO)
"""Notifications of the same card only: on another card the number means another notification."""
_WITH_POSTED = select(table.c.device).distinct().where(among_given(table.c.device), _ON_CARD, _SAME_CARD)


def keep(connection: Connection, device: str, piece: Piece, now_s: int, eid: str = "") -> None:
    """Add a piece to its notification; a repeated one changes nothing. `eid`: the card in the same uplink;
    empty if unknown."""
    one = {"seq": piece.seq, "operation": piece.operation, "iccid": piece.iccid, "total": piece.total}
    is_it = table.c.device == device, *(table.c[name] == value for name, value in one.items())
    known = connection.execute(select(table).where(*is_it)).one_or_none()
    if known is None and not piece.offset:
        row = {"device": device, "content": piece.content, "received_s": now_s, "eid": eid or None}
        connection.execute(insert(table).values(**one, **row))
    elif known is not None and len(known.content) == piece.offset:
        longer = {"content": known.content + piece.content, "received_s": now_s}
        connection.execute(update(table).where(*is_it).values(**longer))


def keep_whole(
    connection: Connection,
    device: str,
    what: tuple[int, int, str],
    content: bytes,
    eid: str | None,
    now_s: int,
) -> None:
    """Store a notification that came in one piece; `what`: its number, operation and ICCID."""
    seq, operation, iccid = what
    piece = Piece(seq, operation, iccid, len(content), 0, content)
    keep(connection, device, piece, now_s, eid or "")


def of_device(connection: Connection, device: str) -> list[Row[Any]]:
    """Return all notifications of a device, oldest first."""
    statement = select(table).where(table.c.device == device).order_by(table.c.notification)
    return list(connection.execute(statement))


def find(connection: Connection, notification: int) -> Row[Any] | None:
    """Return one notification."""
    return connection.execute(select(table).where(table.c.notification == notification)).one_or_none()


def to_post(connection: Connection, now_s: int, most: int) -> list[int]:
    """Return the complete, due notifications that their servers do not have."""
    waits = table.c.posted_s.is_(None), ~table.c.wants_whole, table.c.next_s <= now_s, _IS_WHOLE
    statement = select(table.c.notification).where(*waits).order_by(table.c.next_s).limit(most)
    return list(connection.execute(statement).scalars())


def change(connection: Connection, notification: int, **values: Any) -> None:
    """Change columns of a notification."""
    connection.execute(update(table).where(table.c.notification == notification).values(**values))


def devices_with_posted(connection: Connection, devices: Collection[str]) -> set[str]:
    """Return the devices for which `to_ask` finds something."""
    return set(connection.execute(_WITH_POSTED, {"texts": list(devices)}).scalars())


def to_ask(connection: Connection, device: str) -> Row[Any] | None:
    """Return the oldest notification that the device must remove from its card or send whole."""
    mine = select(table).where(table.c.device == device, _ON_CARD, _SAME_CARD)
    return connection.execute(mine.order_by(table.c.notification).limit(1)).one_or_none()
