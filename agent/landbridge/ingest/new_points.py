"""The messages for platforms about an uplink: new points, and stored points that now have a time."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.events import positions, publishing, topics
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import NewMessage
from landbridge.ingest.queries.device_rows import DeviceRow
from landbridge.points import quality
from landbridge.points.queries import points, stationary, writes
from landbridge.points.rows import StoredPoint, StoredPoints
from landbridge.protocol.point import KIND_FIX
from landbridge.protocol.uplink import DeviceClock

_DRIFT_S = 3600
"""More than any clock drifts between two sessions, less than the delays of brokers."""
_DRIFT_PART = 20
"""An RC oscillator drifts by a few hundredths of the elapsed time."""


class NewPoints(NamedTuple):
    """The changes by an uplink of one device."""

    row: DeviceRow
    changed: list[StoredPoint]
    """Changed stored points, as they were: changed in time, or completely after reprocessing."""
    dated: list[StoredPoint]
    """The same points after the change."""
    new: Sequence[StoredPoint]


def date_earlier(
    connection: Connection, device: str, clock: DeviceClock | None, now_s: int
) -> tuple[list[StoredPoint], list[StoredPoint]]:
    """Date the stored points of this power-on that have no time; return them as they were, and as they are.

    A clock that knows the time also corrects those that were dated by the arrival of an uplink, when
    they came late: a smaller difference is the drift of the device's clock since then.
    """
    if clock is None:
        return [], []
    waiting = points.to_date(connection, device, clock.boot, quality.ended_by(clock, now_s))
    checked = [quality.check(each.point, clock, now_s) for each in waiting]
    dated_pairs = [
        (old, new)
        for old, new in zip(waiting, checked, strict=True)
        if _differs(old.at_s, new.at_s, clock.since_power_on_s - old.point.time)
    ]
    changed = [old for old, _ in dated_pairs]
    return changed, writes.date(connection, changed, [new for _, new in dated_pairs])


def _differs(before_s: int | None, after_s: int | None, elapsed_s: int) -> bool:
    """Whether to publish a new date: it differs by more than the device's clock can have drifted since the
    point."""
    if before_s is None or after_s is None:
        return True
    return abs(after_s - before_s) > max(_DRIFT_S, elapsed_s // _DRIFT_PART)


def post(connection: Connection, brought: Sequence[NewPoints], now_s: int) -> None:
    """Add the messages about the points to the outbox."""
    outbox.post(connection, messages(connection, brought, now_s), now_s)


def messages(connection: Connection, brought: Sequence[NewPoints], now_s: int) -> list[NewMessage]:
    """Return the messages about the points: tracks, alarms, latest positions. Those before an alarm are in
    the outbox already, as events are published there. Mark events for recomputation from the first point."""
    found: list[NewMessage] = []
    for each in brought:
        all_points = StoredPoints.of([*each.dated, *each.new] if each.dated else each.new)
        if not all_points:
            continue
        device = each.row.device
        times = _times(all_points)
        each.row.mark_for_recompute(
            [*_times(StoredPoints.of(each.changed)), *times] if each.changed else times
        )
        found += topics.tracks(device, all_points)
        alarms = topics.alarms(device, all_points)
        if alarms:
            outbox.post(connection, found, now_s)
            found = []
            publishing.publish(connection, alarms, now_s)
        latest = _moved_position(connection, each)
        if _stands(connection, each, latest):
            latest = latest or points.latest_position(connection, device)
        if latest:
            found.append(topics.position(latest, each.row.stationary_until_s))
        found += positions.late(connection, device, all_points, latest)
    return found


def _times(stored: StoredPoints) -> Sequence[int]:
    """Return the times of the points that have one."""
    times, flags = stored.column("at_s"), stored.column("flags")
    if not any(flags):
        return times
    return [at_s for at_s, each in zip(times, flags, strict=True) if not each & quality.NO_TIME]


def _stands(connection: Connection, brought: NewPoints, moved: StoredPoint | None) -> bool:
    """Note whether the device was still there later than known; return that."""
    row = brought.row
    if row.position_seq is None:
        return False
    new = StoredPoints.of(brought.new)
    kinds, motions = new.column("kind"), new.column("motion")
    has_stationary = kinds.count(KIND_FIX) < len(new) and any(
        kind != KIND_FIX and motion == 0 for kind, motion in zip(kinds, motions, strict=True)
    )
    was_before = moved is not None and row.highest_seq > row.position_seq  # before the fix arrived
    if not (has_stationary or was_before):
        return False
    return row.move_stationary_until(stationary.until_s(connection, row.device, row.position_seq))


def _moved_position(connection: Connection, brought: NewPoints) -> StoredPoint | None:
    """Return the latest position, if it has changed."""
    row = brought.row
    if brought.dated:
        # The latest position itself may have got another time or place.
        latest = points.newest_fix(connection, row.device, quality.NOT_LATEST)
        is_same = latest and (latest.point.seq, latest.at_s) == (row.position_seq, row.position_at_s)
        others = {each.point.seq for each in brought.dated}
        moves = latest is not None and (not is_same or latest.point.seq in others)
    else:
        latest = topics.newest(brought.new)
        moves = latest is not None and (row.position_at_s is None or row.position_at_s < (latest.at_s or 0))
    if not moves or latest is None:
        return None
    row.set_position(latest.point.seq, latest.at_s)
    return latest
