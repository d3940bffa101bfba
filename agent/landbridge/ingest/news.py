"""What an uplink brings that platforms have to hear: new points, and stored ones now dated."""

from sqlalchemy import Connection

from landbridge.ingest import judge
from landbridge.outbound import topics
from landbridge.store import devices, outbox, points
from landbridge.store.points import StoredPoint
from landbridge.wire.limits import MAX_RECORDS
from landbridge.wire.uplink import DeviceClock

_DRIFT_S = 3600
"""More than any clock of ours drifts between two contacts, less than what brokers hold back."""
_DRIFT_PART = 20
"""An RC oscillator gains or loses a few hundredths of what has passed."""


def date_earlier(
    connection: Connection, device: str, clock: DeviceClock | None, now_s: int
) -> list[StoredPoint]:
    """Date the stored points of this power-on that have no time; return them as they are now.

    A clock that knows the time also corrects those that were dated by the arrival of an uplink, when
    they came late: a smaller difference is the drift of the device's clock since then.
    """
    if clock is None:
        return []
    doubts = judge.BY_ARRIVAL if judge.knows_time(clock, now_s) else 0
    waiting = points.to_date(connection, device, clock.boot, doubts)
    judged = [judge.judge(each.point, clock, now_s) for each in waiting]
    told = [
        (old, new)
        for old, new in zip(waiting, judged, strict=True)
        if _differs(old.at_s, new.at_s, clock.since_power_on_s - old.point.time)
    ]
    return points.date(connection, [old for old, _ in told], [new for _, new in told])


def _differs(before_s: int | None, after_s: int | None, elapsed_s: int) -> bool:
    """Whether a date is news: more than the device's clock can have drifted since the point."""
    if before_s is None or after_s is None:
        return True
    return abs(after_s - before_s) > max(_DRIFT_S, elapsed_s // _DRIFT_PART)


def post(connection: Connection, device: str, dated: list[StoredPoint], new: list[StoredPoint]) -> None:
    """Put what `dated` and `new` points have to say to the platforms into the outbox."""
    all_points = dated + new
    if not all_points:
        return
    parts = [all_points[i : i + MAX_RECORDS] for i in range(0, len(all_points), MAX_RECORDS)]
    messages = [topics.track(device, part) for part in parts]
    messages += topics.events(device, all_points)
    latest = _moved_position(connection, device, dated, new)
    if latest:
        messages.append(topics.position(latest))
    outbox.post(connection, messages)


def _moved_position(
    connection: Connection, device: str, dated: list[StoredPoint], new: list[StoredPoint]
) -> StoredPoint | None:
    """The latest position, if it is another one now."""
    if dated:
        # The latest position may have got another time itself.
        latest = points.newest_fix(connection, device, judge.NOT_LATEST)
        moves = devices.set_position
    else:
        latest = topics.newest(new)
        moves = devices.move_position
    if latest and latest.at_s is not None and moves(connection, device, latest.point.seq, latest.at_s):
        return latest
    return None
