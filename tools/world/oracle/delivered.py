"""The final contents of the agent's database."""

import time
from dataclasses import dataclass
from pathlib import Path

from landbridge.core.clock import EPOCH
from landbridge.db import tables
from landbridge.db.database import open_database
from landbridge.events.queries import outbox
from landbridge.features.downloads import queries as downloads
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from sqlalchemy import func, select

from tools.world.trip import START_UTC_S

START_S = START_UTC_S - int(EPOCH.timestamp())
"""The beginning of the trip in the agent's epoch seconds."""
POLL_S = 0.02
OUTBOX_POLLS = 3_000


@dataclass(frozen=True)
class Delivered:
    """One device's part of the database. Sessions are in ms since the trip began, in order."""

    points: list[StoredPoint]
    sessions_ms: list[int]
    uplinks: int
    duplicates_removed: int
    """Records that came again and were not stored again."""
    duplicates_stored: int
    """Points that say the same, time included, under another sequence."""
    dead_letters: int
    outbox_left: int
    """Messages for platforms that the broker did not take."""
    downloads_ordered: int = 0
    """Orders of profiles, without those that wait for their country."""
    downloads_installed: int = 0


def await_outbox(database: Path) -> None:
    """Wait, not for ever, until the agent has published all that it has stored."""
    opened = open_database(database)
    try:
        for _ in range(OUTBOX_POLLS):
            with opened.reading() as connection:
                if not outbox.head(connection, 1):
                    break
            time.sleep(POLL_S)
    finally:
        opened.close()


def read(database: Path, device: str) -> Delivered:
    """Read what the agent has of `device`."""
    opened = open_database(database)
    try:
        with opened.reading() as connection:
            stored = points.track(connection, device)
            of_device = select(tables.uplinks).where(tables.uplinks.c.device == device)
            uplinks = connection.execute(of_device.order_by(tables.uplinks.c.received_s)).all()
            dead_letters, outbox_left = (
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (tables.dead_letters, tables.outbox)
            )
            begun = [
                each
                for each in downloads.of_device(connection, device)
                if each.task == downloads.DOWNLOAD and each.stage != downloads.WAITING
            ]
    finally:
        opened.close()
    again = (each.records - each.new_records + each.repeats * each.records for each in uplinks)
    return Delivered(
        points=stored,
        sessions_ms=[(each.received_s - START_S) * 1000 for each in uplinks],
        uplinks=len(uplinks),
        duplicates_removed=sum(again),
        duplicates_stored=len(stored) - len({each.point[1:] for each in stored}),
        dead_letters=dead_letters,
        outbox_left=outbox_left,
        downloads_ordered=len(begun),
        downloads_installed=sum(each.outcome == downloads.INSTALLED for each in begun),
    )
