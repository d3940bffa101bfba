"""Notifications of eUICCs, as devices bring them piece by piece."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from landbridge.db.tables import euicc_notifications as table
from landbridge.features.esim.coding import Piece


def keep(connection: Connection, device: str, piece: Piece, now_s: int) -> None:
    """Add a piece to what is there of its notification; one that comes again changes nothing."""
    one = {"seq": piece.seq, "operation": piece.operation, "iccid": piece.iccid, "total": piece.total}
    is_it = table.c.device == device, *(table.c[name] == value for name, value in one.items())
    known = connection.execute(select(table).where(*is_it)).one_or_none()
    if known is None and not piece.offset:
        row = {"device": device, "content": piece.content, "received_s": now_s}
        connection.execute(insert(table).values(**one, **row))
    elif known is not None and len(known.content) == piece.offset:
        longer = {"content": known.content + piece.content, "received_s": now_s}
        connection.execute(update(table).where(*is_it).values(**longer))


def of_device(connection: Connection, device: str) -> list[Row[Any]]:
    """All of them, the oldest first."""
    statement = select(table).where(table.c.device == device).order_by(table.c.notification)
    return list(connection.execute(statement))
