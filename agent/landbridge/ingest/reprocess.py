"""Decodes stored uplinks again with the present decoder, and corrects points that differ; clears the flag of
points that seemed to lie in the future because the agent's clock was slow."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.db.keys import Keyring
from landbridge.ingest import new_points
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points.quality import AHEAD_S, FUTURE, NO_TIME, check, ended_by
from landbridge.points.queries import points, writes
from landbridge.points.queries import uplinks as kept_uplinks
from landbridge.points.rows import CheckedPoint, StoredPoint, with_trip
from landbridge.protocol import envelope, uplink
from landbridge.protocol.limits import WireError
from landbridge.protocol.point import KIND_FIX, QUALITY_NONE
from landbridge.protocol.uplink import Uplink


class Came(NamedTuple):
    """The result for the uplinks of a device."""

    uplinks: int
    changed: int
    added: int
    unreadable: int


def reprocess(connection: Connection, keyring: Keyring, device: str, since_s: int, now_s: int) -> Came:
    """Decode what `device` has sent since then; changed points are published again like new ones."""
    row = lock_rows(connection, [device])[device]
    trips = points.trips_of(connection, [device]).get(device, ())
    key = keyring.unwrap(row.wrapped_key)
    read: list[tuple[int, Uplink]] = []
    kept = kept_uplinks.kept(connection, device, since_s)
    for received_s, payload in kept:
        try:
            _, text = envelope.open_envelope(key, device, "up", payload)
            read.append((received_s, uplink.decode(text)))
        except WireError:
            continue
    fresh = {
        seq: with_trip(device, checked, received_s, trips)
        for seq, (received_s, checked) in _checked(read).items()
    }
    there = points.between(connection, device, min(fresh), max(fresh)) if fresh else []
    stored = {each.point.seq: each for each in there}
    added = [each for seq, each in fresh.items() if seq not in stored]
    changed = {seq: each for seq, each in fresh.items() if seq in stored and _differs(stored[seq], each)}
    writes.put_right(connection, list(changed.values()))
    writes.insert_all(connection, added)
    if fresh:
        row.has_stored(list(fresh))
    past = _past(connection, device, since_s, now_s)
    cleared = {each.point.seq: each._replace(flags=each.flags & ~FUTURE) for each in past}
    writes.set_flags(connection, device, {seq: each.flags for seq, each in cleared.items()})
    added = [cleared.pop(each.point.seq, each) for each in added]
    were = {each.point.seq: each for each in past if each.point.seq in cleared}
    were |= {seq: stored[seq] for seq in changed}
    changed |= cleared
    found = sorted(changed.values(), key=_seq), sorted(added, key=_seq)
    new_points.post(connection, [new_points.NewPoints(row, list(were.values()), *found)], now_s)
    write(connection, [row])
    return Came(len(kept), len(changed), len(added), len(kept) - len(read))


def _checked(read: Sequence[tuple[int, Uplink]]) -> dict[int, tuple[int, CheckedPoint]]:
    """Return the points of uplinks by sequence, each as first received, with the time of that. As then,
    points without a certain date are dated by the next uplink of their power-on that has a clock."""
    found: dict[int, tuple[int, CheckedPoint]] = {}
    without_clock: dict[int, list[int]] = {}
    for received_s, each in read:
        for point in each.points:
            if point.seq not in found:
                found[point.seq] = received_s, check(point, each.clock, received_s)
                if point.quality == QUALITY_NONE:
                    without_clock.setdefault(point.boot, []).append(point.seq)
        if each.clock:
            ended = ended_by(each.clock, received_s)
            for seq in without_clock.get(each.clock.boot, ()):
                came_s, checked = found[seq]
                if checked.flags & ended:
                    found[seq] = came_s, check(checked.point, each.clock, received_s)
    return found


def _past(connection: Connection, device: str, since_s: int, now_s: int) -> list[StoredPoint]:
    """Return the points received since then that are flagged as dated in the future, whose time has come, and
    before which no later fix is dated. It is for the operator to know that the agent's clock was slow: a
    device whose clock was fast, and was set right since, looks the same."""
    flagged = [each for each in points.flagged(connection, device, FUTURE) if each.received_s >= since_s]
    if not flagged:
        return []
    later = points.times_after(connection, device, flagged[0].point.seq, NO_TIME)
    earliest_s, found = now_s + AHEAD_S, []
    for each in reversed(flagged):
        while later and later[-1][0] > each.point.seq:
            earliest_s = min(earliest_s, later.pop()[1])
        if each.at_s is not None and each.at_s <= earliest_s:
            earliest_s = each.at_s if each.point.kind == KIND_FIX else earliest_s
            found.append(each)
    return found


def _differs(stored: StoredPoint, fresh: StoredPoint) -> bool:
    """Whether the record differs now; a record of a later uplink contradicts the stored one, whose uplink is
    not kept any more."""
    return stored.point != fresh.point and stored.received_s == fresh.received_s


def _seq(stored: StoredPoint) -> int:
    return stored.point.seq
