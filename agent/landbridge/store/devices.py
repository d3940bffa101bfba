"""Devices: identity, key, message numbers, what they last said of themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from landbridge.store.tables import devices
from landbridge.wire.limits import MAX_PARTIAL_IV

WINDOW = 64
"""Numbers the replay window looks back, its top included."""


@dataclass
class Window:
    """The replay window of one device (RFC 8613, 7.4): which numbers were seen."""

    top: int
    bits: int
    """Bit i: number top - 1 - i was seen (63 bits: they fit in a database's integer)."""

    def is_new(self, number: int) -> bool:
        """True when `number` is in the window or ahead of it, and was not seen."""
        back = self.top - number
        if back < 0:
            return True
        return 0 < back < WINDOW and not self.bits >> (back - 1) & 1

    def add(self, number: int) -> None:
        """Note that `number` was seen."""
        back = self.top - number
        if back > 0:
            self.bits |= 1 << (back - 1)
        else:
            seen = (self.bits << 1 | (self.top >= 0)) << (-back - 1) if -back < WINDOW else 0
            self.bits = seen & ((1 << (WINDOW - 1)) - 1)
            self.top = number


def add(connection: Connection, device: str, wrapped_key: bytes, now_s: int) -> None:
    """Add a device that is not there yet."""
    values = {"device": device, "wrapped_key": wrapped_key, "created_s": now_s}
    connection.execute(insert(devices).values(values))


def find(connection: Connection, device: str) -> Row[Any] | None:
    """The device's row, None if it is unknown."""
    return connection.execute(select(devices).where(devices.c.device == device)).one_or_none()


def every(connection: Connection) -> list[Row[Any]]:
    """All devices by id."""
    return list(connection.execute(select(devices).order_by(devices.c.device)))


def contact(connection: Connection, device: str, window: Window, now_s: int) -> None:
    """Note that a message was accepted."""
    values = {"window_top": window.top, "window_bits": window.bits, "last_contact_s": now_s}
    connection.execute(update(devices).where(devices.c.device == device).values(values))


def says(
    connection: Connection,
    device: str,
    next_contact_s: int | None,
    status: Mapping[str, object],
    identity: Mapping[str, object],
) -> None:
    """Keep what the device says of itself; parts that it left out stay as they were."""
    values: dict[str, object] = {}
    if next_contact_s is not None:
        values["next_contact_s"] = next_contact_s
    if status:
        values["status"] = json.dumps(status)
    if identity:
        values["identity"] = json.dumps(identity)
    if values:
        connection.execute(update(devices).where(devices.c.device == device).values(values))


def expect_nothing(connection: Connection, device: str) -> None:
    """The device has said that it will be silent: no next contact is due."""
    connection.execute(update(devices).where(devices.c.device == device).values(next_contact_s=None))


def take_down_number(connection: Connection, device: str, now_s: int) -> int:
    """The number of the next reply to the device; the same is never given twice.

    It starts from the clock, 256 numbers a second: a database restored from a backup has forgotten
    its last numbers, and with AES-CCM none may come again.
    """
    next_number = devices.c.next_down_number
    stored = connection.execute(select(next_number).where(devices.c.device == device)).scalar_one()
    number = max(int(stored), now_s << 8)
    if number > MAX_PARTIAL_IV:
        raise ValueError(f"no reply numbers are left for {device}: was the clock far ahead?")
    of_device = update(devices).where(devices.c.device == device)
    connection.execute(of_device.values(next_down_number=number + 1))
    return number


def next_seq(connection: Connection, device: str) -> int:
    """The next capture sequence, as the device has told it last; 0 if it never has."""
    row = find(connection, device)
    told = json.loads(row.status).get("next_seq", 0) if row else 0
    return int(told)


def set_position(connection: Connection, device: str, seq: int, at_s: int) -> bool:
    """Make the point `seq`, taken at `at_s`, the latest position; True if that changed something."""
    stored_seq, stored_at_s = devices.c.position_seq, devices.c.position_at_s
    is_another = stored_seq.is_distinct_from(seq) | stored_at_s.is_distinct_from(at_s)
    moved = connection.execute(
        update(devices)
        .where(devices.c.device == device, is_another)
        .values(position_seq=seq, position_at_s=at_s)
    )
    return moved.rowcount == 1


def move_position(connection: Connection, device: str, seq: int, at_s: int) -> bool:
    """Make the point `seq`, taken at `at_s`, the latest position, if it is the newest by time."""
    moved = connection.execute(
        update(devices)
        .where(devices.c.device == device)
        .where(devices.c.position_at_s.is_(None) | (devices.c.position_at_s < at_s))
        .values(position_seq=seq, position_at_s=at_s)
    )
    return moved.rowcount == 1
