"""Recomputes a device's events from the first changed point; publishes new ones and retracts false ones.

It is one transaction: a reader sees the events before it or after it.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import from_iso
from landbridge.events import positions, publishing, topics
from landbridge.events.queries import events, outbox
from landbridge.features.devices import queries as devices
from landbridge.features.geofences import queries as stored_geofences
from landbridge.features.trips import queries as trips
from landbridge.points import cells, quality
from landbridge.points.queries import points, writes
from landbridge.points.rows import StoredPoint
from landbridge.protocol.event import Event
from landbridge.tracking import geofences, speed
from landbridge.tracking import queries as tracking
from landbridge.tracking.binding import bind
from landbridge.tracking.context import TripContext, context_of
from landbridge.tracking.detect import Pass, State
from landbridge.tracking.queries import SavedState
from landbridge.tracking.trip_end import ON_TRIP_REOPENED, follow

KEEP_EVERY = 128
"""The state before every point with such a sequence is stored; late points are recomputed from the last one
before."""
_MOST_TURNS = 4
"""Repetitions: the end of a trip moves points to another trip or none, and these may show another end."""

Key = tuple[int, int]
"""(at_s, seq) of a point."""


class Recompute:
    """The events of one device from the point `begin` on; `found` are its events, in order."""

    def __init__(self, connection: Connection, device: str, now_s: int, keep_every: int) -> None:
        self._connection = connection
        self._device = device
        self._now_s = now_s
        self._keep_every = keep_every
        self.begin: Key | None = None
        self.found: list[Event] = []
        self.flags_changed = False
        self._settled: list[StoredPoint] = []
        self._flagged: list[StoredPoint] = []
        """Fixes that were newly flagged."""
        self.tenants: set[str | None] = set()
        """Trips whose points have changed."""
        self.changed_trips: set[int] = set()
        """Trips whose end has changed."""

    def run(self, from_s: int) -> None:
        """Process points from the last state before the change at `from_s`."""
        connection, device = self._connection, self._device
        begin, state = self._last_state(from_s)
        last_good = points.last_fix(connection, device, begin, quality.NOT_LATEST)
        taken = points.from_point(connection, device, begin, quality.NO_TIME)
        begins = last_good is None and not tracking.is_settled(connection, device)
        checked = speed.flag_all(taken, last_good, begins)
        flags = {
            now.point.seq: now.flags
            for was, now in zip(taken, checked, strict=True)
            if was.flags != now.flags
        }
        writes.set_flags(connection, device, flags)
        self._settled += speed.settled(checked, last_good)
        self._flagged += [each for each in checked if speed.is_flagged(each) and each.point.seq in flags]
        self.flags_changed = self.flags_changed or bool(flags)
        self.found = [each for each in self.found if (each.at_s or 0, each.seq or 0) < begin]
        going, kept = Pass(state, _contexts(connection, device)), []
        wanted = _to_keep(checked, begins, self._keep_every)
        for stored in checked:
            if _key(stored) in wanted:
                kept.append(SavedState(*_key(stored), going.state.to_json()))
            self.found += [
                topics.event(stored, each.type, each.details, each.name, inferred=True)
                for each in going.step(stored)
            ]
        tracking.replace_states(connection, device, begin, kept)
        self.begin = begin if self.begin is None else min(begin, self.begin)

    def end_trips(self) -> int | None:
        """End the trips that have arrived, and continue those whose arrival was retracted. Return the time of
        the first point that moved to another trip; None if none has."""
        assert self.begin is not None
        ends = {
            each.trip: (each.at_s or 0) + 1
            for each in self.found
            if each.type == "arrival" and each.content["ends_trip"]
        }
        every = trips.of_device(self._connection, self._device)
        moved_s: list[int] = []
        for row, after in zip(every, [*every[1:], None], strict=False):
            if row.trip in ends:
                if trips.arrive(self._connection, row.trip, ends[row.trip]):
                    moved_s += self._end_moved(row, ends[row.trip])
            elif row.by_arrival and row.ended_s > self.begin[0]:
                ended_s = self._next_began_s(row, after)
                trips.reopen(self._connection, row.trip, ended_s)
                if ended_s != row.ended_s:
                    moved_s += self._end_moved(row, ended_s)
        return min(moved_s, default=None)

    def _end_moved(self, row: Row[Any], ended_s: int | None) -> list[int]:
        """A trip ends at another time, None: not yet. Return the times of the points that moved to another
        trip."""
        self.changed_trips.add(row.trip)
        if row.ended_s is not None and (ended_s is None or ended_s > row.ended_s):
            # Before its points are assigned again, because they may clear these alarms.
            for act in ON_TRIP_REOPENED:
                act(self._connection, row.trip, self._now_s)
        from_s = min(each for each in (row.ended_s, ended_s) if each is not None)
        moved = bind(self._connection, self._device, from_s, self._now_s)
        self.tenants |= moved.tenants
        return moved.times

    def _next_began_s(self, row: Row[Any], after: Row[Any] | None) -> int | None:
        """Return when the next trip of its device, or of its container on another one, began; None if none
        has."""
        container = trips.of_container(self._connection, row.container, row.ended_s)
        others = [each.started_s for each in container if each.device != self._device]
        began = [after.started_s] if after else []
        return min(began + [each for each in others if each >= row.ended_s], default=None)

    def publish(self) -> None:
        """Retract published events that proved false, and publish new or changed ones."""
        assert self.begin is not None
        published = {
            each.id: each for each in events.inferred_from(self._connection, self._device, self.begin)
        }
        true = {each.id: each for each in self.found}
        untrue = [each for each in published.values() if each.id not in true]
        changed = [
            each for each in true.values() if each.id not in published or _differ(each, published[each.id])
        ]
        publishing.correct(self._connection, untrue, changed, self._now_s)
        of_arrival = {each.trip for each in (*untrue, *changed) if each.type in ("eta", "arrival")}
        for trip in of_arrival - {None}:
            self._expect_arrival(trip)
        for trip in sorted(self.changed_trips):
            follow(self._connection, self._device, trip, self._now_s)
        if self.flags_changed:
            self._correct_position()
        positions.correct(self._connection, self._device, self.tenants, self._now_s)

    def _expect_arrival(self, trip: int | None) -> None:
        """Store what lists show: the first and the present ETA of a trip."""
        assert trip is not None
        found = [row for row in events.of_trip(self._connection, trip) if row.type in ("eta", "arrival")]
        expected = [from_iso(json.loads(row.content)["likely"]) for row in found if row.type == "eta"]
        has_arrived = any(row.type == "arrival" for row in found)
        first_s, last_s = (expected[0], expected[-1]) if expected else (None, None)
        trips.expect_arrival(self._connection, trip, first_s, None if has_arrived else last_s)

    def learn(self) -> None:
        """Learn the places of cells from the fixes. This comes last: a transaction that publishes makes
        others wait for its end, and must not itself wait for one that holds a cell."""
        cells.unlearn(self._connection, self._flagged)
        cells.learn(self._connection, self._settled)

    def _last_state(self, from_s: int) -> tuple[Key, State]:
        """Return where to begin, and the state before that point."""
        others = quality.NOT_LATEST & ~quality.IMPLIED_SPEED
        fix = points.last_fix(self._connection, self._device, (from_s, 0), others)
        # The flags of this fix depend on later points.
        return _state_upto(self._connection, self._device, (from_s, 0) if fix is None else _key(fix))

    def _correct_position(self) -> None:
        latest = points.newest_fix(self._connection, self._device, quality.NOT_LATEST)
        if latest and latest.at_s is not None:
            if devices.set_position(self._connection, self._device, latest.point.seq, latest.at_s):
                outbox.post(self._connection, [topics.position(latest)], self._now_s)
                self.tenants.discard(latest.tenant)


def recompute(connection: Connection, device: str, now_s: int, keep_every: int = KEEP_EVERY) -> bool:
    """Recompute what `tracking.mark` has marked; False when nothing was."""
    from_s = tracking.take_mark(connection, device)
    if from_s is None:
        return False
    work = Recompute(connection, device, now_s, keep_every)
    for _ in range(_MOST_TURNS):
        work.run(from_s)
        moved_s = work.end_trips()
        if moved_s is None:
            break
        from_s = moved_s
    work.publish()
    work.learn()
    return True


def settle(connection: Connection, device: str, before_s: int) -> bool:
    """Store the state after the points that arrived before `before_s`, which are about to be removed: no
    later pass begins before it, nor changes their events. False: they are not processed yet."""
    if tracking.is_marked(connection, device):
        return False
    newest_s = points.newest_s(connection, device, before_s, quality.NO_TIME)
    if newest_s is None:
        return True
    end = (newest_s + 1, 0)
    begin, state = _state_upto(connection, device, end)
    if begin < end:
        going = Pass(state, _contexts(connection, device))
        for stored in points.from_point(connection, device, begin, quality.NO_TIME, end):
            going.step(stored)
        tracking.settle(connection, device, SavedState(*end, going.state.to_json()))
    return True


def _to_keep(checked: Sequence[StoredPoint], begins: bool, every: int) -> set[Key]:
    """Return the points before which the state is kept: the last fix, because the next one may flag it, and
    those of each `every`th sequence. While the first fix of all may still be flagged, only the state before
    it is kept."""
    fixes = [_key(each) for each in checked if speed.is_comparable(each)]
    wanted = {_key(each) for each in checked if each.point.seq % every == 0} | set(fixes[-1:])
    if not begins or not fixes:
        return wanted
    settling = fixes[speed.NEXT_OF_FIRST : speed.NEXT_OF_FIRST + 1]
    uncertain = {each for each in wanted if each > fixes[0] and not (settling and each >= settling[0])}
    return wanted - uncertain | {fixes[0]}


def _state_upto(connection: Connection, device: str, upto: Key) -> tuple[Key, State]:
    """Return where to begin so that the state does not depend on points from `upto` on, and the state before
    that point."""
    saved = tracking.last_state(connection, device, upto)
    if saved is None:
        return (0, 0), State()
    return (saved.at_s, saved.seq), State.from_json(saved.state)


def _key(stored: StoredPoint) -> Key:
    return stored.at_s or 0, stored.point.seq


def _differ(a: Event, b: Event) -> bool:
    return (a.trip, a.tenant) != (b.trip, b.tenant) or json.loads(json.dumps(a.content)) != dict(b.content)


def _contexts(connection: Connection, device: str) -> Callable[[int | None], TripContext]:
    """The context of each trip of a device, read once."""
    drawn = tuple(geofences.from_row(row) for row in stored_geofences.every(connection))
    return cache(lambda trip: context_of(connection, device, trip, drawn))
