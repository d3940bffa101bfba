"""Devices: identity, key, message numbers, latest reports."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, insert, select, update

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db.among import among
from landbridge.db.tables import alarms, devices, points, trips

_HAS_POINTS = exists().where(points.c.device == devices.c.device)
WINDOW = 64
"""Width of the replay window, its highest number included."""


@dataclass
class Window:
    """The replay window of one device (RFC 8613, 7.4): which numbers were used."""

    top: int
    bits: int
    """Bit i: number top - 1 - i was used (63 bits fit in a database integer)."""

    def is_new(self, number: int) -> bool:
        """Whether `number` is in the window or ahead of it, and was not used."""
        back = self.top - number
        if back < 0:
            return True
        return 0 < back < WINDOW and not self.bits >> (back - 1) & 1

    def add(self, number: int) -> None:
        """Mark `number` as used."""
        back = self.top - number
        if back > 0:
            self.bits |= 1 << (back - 1)
        else:
            seen = (self.bits << 1 | (self.top >= 0)) << (-back - 1) if -back < WINDOW else 0
            self.bits = seen & ((1 << (WINDOW - 1)) - 1)
            self.top = number


def add(
    connection: Connection, device: str, wrapped_key: bytes, now_s: int, tags: Collection[str] = ()
) -> None:
    """Add a device that does not exist yet."""
    values = {"device": device, "wrapped_key": wrapped_key, "created_s": now_s, "tags": _packed(tags)}
    connection.execute(insert(devices).values(values))


def add_all(connection: Connection, keys: Iterable[tuple[str, bytes]], now_s: int) -> None:
    """Add devices that do not exist yet, each with its wrapped key."""
    rows = [{"device": device, "wrapped_key": key, "created_s": now_s} for device, key in keys]
    connection.execute(insert(devices), rows)


def find(connection: Connection, device: str) -> Row[Any] | None:
    """Return the device's row; None if it is unknown."""
    return connection.execute(select(devices).where(devices.c.device == device)).one_or_none()


def known_device(connection: Connection, device: str) -> Row[Any]:
    """Return the row of `device`; `UserError` if there is none."""
    row = find(connection, device)
    if row is None:
        raise UserError(
            _("no device {device}; look its id up in the list of devices", device=device), "device"
        )
    return row


def device_in_use(connection: Connection, device: str) -> Row[Any]:
    """Return the row of `device`; `UserError` if there is none, or it is retired."""
    row = known_device(connection, device)
    if row.retired_s is not None:
        raise UserError(
            _(
                "{device} was retired at {time}; choose one that is in use",
                device=device,
                time=iso(row.retired_s),
            ),
            "device",
        )
    return row


def retire(connection: Connection, device: str, now_s: int) -> None:
    """Delete the key of a device: none of its messages can be read any more."""
    gone = {"wrapped_key": b"", "retired_s": now_s, "next_session_s": None, "silent_due_s": None}
    connection.execute(update(devices).where(devices.c.device == device).values(gone))


def tags(row: Row[Any]) -> list[str]:
    """Return the tags of a device, sorted."""
    found: list[str] = json.loads(row.tags)
    return found


def tag(connection: Connection, device: str, wanted: Collection[str]) -> None:
    """Set the tags of a device."""
    connection.execute(update(devices).where(devices.c.device == device).values(tags=_packed(wanted)))


def _packed(wanted: Collection[str]) -> str:
    return json.dumps(sorted(set(wanted)))


def tagged(connection: Connection, tag: str) -> list[str]:
    """Return the devices in use that have the tag, or whose running trip has it, by id."""
    text = json.dumps(tag)
    on_trip = exists().where(
        trips.c.device == devices.c.device,
        trips.c.ended_s.is_(None),
        trips.c.tags.contains(text, autoescape=True),
    )
    wanted = devices.c.tags.contains(text, autoescape=True) | on_trip
    in_use = select(devices.c.device).where(devices.c.retired_s.is_(None), wanted)
    return list(connection.execute(in_use.order_by(devices.c.device)).scalars())


def chosen(connection: Connection, device: str | None, tag: str | None) -> list[str]:
    """Return the device, or those with the tag; `UserError` unless one of the two is given and found."""
    if (device is None) == (tag is None):
        raise UserError("give a device, or a tag with --tag")
    if device is not None:
        return [device_in_use(connection, device).device]
    found = tagged(connection, str(tag))
    if not found:
        raise UserError(f"no device in use has the tag {tag!r}; `landbridge devices list` shows tags")
    return found


def are_none(connection: Connection) -> bool:
    """Whether there is no device yet."""
    return connection.execute(select(devices.c.device).limit(1)).first() is None


def keys(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Return each device in use with its wrapped key, by id."""
    statement = select(devices.c.device, devices.c.wrapped_key).order_by(devices.c.device)
    statement = statement.where(devices.c.retired_s.is_(None))
    for row in connection.execution_options(yield_per=1000).execute(statement):
        yield row.device, row.wrapped_key


def last_session(connection: Connection) -> int | None:
    """Return when any device last reported."""
    return connection.execute(select(func.max(devices.c.last_session_s))).scalar()


def first_added(connection: Connection) -> int | None:
    """Return when the first device was added."""
    return connection.execute(select(func.min(devices.c.created_s))).scalar()


def names(connection: Connection) -> list[str]:
    """Return the ids of all devices."""
    return list(connection.execute(select(devices.c.device).order_by(devices.c.device)).scalars())


def in_use(connection: Connection) -> list[str]:
    """Return the ids of the devices that are not retired."""
    statement = select(devices.c.device).where(devices.c.retired_s.is_(None))
    return list(connection.execute(statement.order_by(devices.c.device)).scalars())


def every(connection: Connection) -> list[Row[Any]]:
    """Return all devices by id."""
    return list(connection.execute(select(devices).order_by(devices.c.device)))


def identity(row: Row[Any]) -> dict[str, Any]:
    """Return the reported identity of a device: imei, iccid, imsi, modem, as far as known."""
    found: dict[str, Any] = json.loads(row.identity)
    return found


def expect_nothing(connection: Connection, device: str) -> None:
    """Note that the device will be silent (shipping mode): no next session is due."""
    connection.execute(update(devices).where(devices.c.device == device).values(next_session_s=None))


def devices_to_report(connection: Connection, before_s: int) -> set[str]:
    """Devices that are `overdue`, `heard_again` or `silent_on_another_trip`."""
    kinds = (_overdue(before_s), _heard_again(), _silent_on_another_trip())
    names = (kind.with_only_columns(devices.c.device) for kind in kinds)
    return {name for each in names for name in connection.execute(each).scalars()}


def overdue(connection: Connection, names: Collection[str], before_s: int) -> list[Row[Any]]:
    """Return those of these devices whose next session was due before a time, if that has not been published;
    devices without a point are left out."""
    return _among(connection, names, _overdue(before_s))


def heard_again(connection: Connection, names: Collection[str]) -> list[Row[Any]]:
    """Return those that were published as silent and have reported since; devices without a stored point are
    left out."""
    return _among(connection, names, _heard_again())


def silent_on_another_trip(connection: Connection, names: Collection[str]) -> list[Row[Any]]:
    """Return the silent devices whose silence was published under another trip, or under none; devices
    without a stored point are left out."""
    return _among(connection, names, _silent_on_another_trip())


def _among(connection: Connection, names: Collection[str], wanted: Select[Any]) -> list[Row[Any]]:
    return list(connection.execute(wanted.where(among(devices.c.device, names))))


def _overdue(before_s: int) -> Select[Any]:
    due = devices.c.next_session_s
    late = select(devices).where(due < before_s, devices.c.last_session_s < due, _HAS_POINTS)
    return late.where(devices.c.silent_due_s.is_distinct_from(due))


def _heard_again() -> Select[Any]:
    since = devices.c.last_session_s > devices.c.silent_due_s
    return select(devices).where(devices.c.silent_due_s.is_not(None), since, _HAS_POINTS)


def _silent_on_another_trip() -> Select[Any]:
    running = select(trips.c.trip).where(trips.c.device == devices.c.device, trips.c.ended_s.is_(None))
    # Alarms are between it and the devices, and SQLAlchemy would correlate it with those only.
    trip = running.correlate(devices).scalar_subquery()
    mine = alarms.c.device == devices.c.device, alarms.c.name == "silent"
    of_trip = alarms.c.trip.is_not_distinct_from(trip)
    of_this_time = alarms.c.last_s >= devices.c.silent_due_s
    reported = exists().where(*mine, of_trip, of_this_time)
    return select(devices).where(devices.c.silent_due_s.is_not(None), ~reported, _HAS_POINTS)


def silent(connection: Connection, device: str, due_s: int | None) -> None:
    """Note that the session due then was published as missed; None: that the device reported again."""
    connection.execute(update(devices).where(devices.c.device == device).values(silent_due_s=due_s))


def next_seq(connection: Connection, device: str) -> int:
    """Return the next capture sequence that the device reported; 0 if it never did."""
    row = find(connection, device)
    reported = json.loads(row.status).get("next_seq", 0) if row else 0
    return int(reported)


def newest_s(connection: Connection) -> int | None:
    """Return the newest time that a device has reported itself: of its latest position, or of a stay there;
    None if there is none. Without a fix the time on a device may come from the agent."""
    row = connection.execute(
        select(func.max(devices.c.position_at_s), func.max(devices.c.stationary_until_s))
    ).one()
    return max((each for each in row if each is not None), default=None)


def set_position(connection: Connection, device: str, seq: int, at_s: int) -> bool:
    """Make the point `seq`, taken at `at_s`, the latest position; return whether that changed anything."""
    stored_seq, stored_at_s = devices.c.position_seq, devices.c.position_at_s
    is_another = stored_seq.is_distinct_from(seq) | stored_at_s.is_distinct_from(at_s)
    moved = connection.execute(
        update(devices)
        .where(devices.c.device == device, is_another)
        .values(position_seq=seq, position_at_s=at_s, stationary_until_s=None)
    )
    return moved.rowcount == 1
