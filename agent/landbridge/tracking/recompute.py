"""Works a device's journey out again from the first point that has changed; tells what is new or not true.

It is one transaction: whoever reads sees the journey before it or after it.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.events import outbox, positions, topics
from landbridge.events import publish as announce
from landbridge.events import queries as events
from landbridge.features.devices import queries as devices
from landbridge.features.geofences import queries as stored_fences
from landbridge.features.trips import queries as trips
from landbridge.points import cells
from landbridge.points import quality as judge
from landbridge.points import queries as points
from landbridge.points.queries import StoredPoint
from landbridge.protocol.event import Event
from landbridge.tracking import geofences as fences
from landbridge.tracking import queries as journeys
from landbridge.tracking import speed as doubts
from landbridge.tracking.binding import bind
from landbridge.tracking.context import Way, way_of
from landbridge.tracking.detect import State, Walk
from landbridge.tracking.queries import SavedState
from landbridge.tracking.trip_end import ON_TRIP_GOES_ON, follow

KEEP_EVERY = 128
"""The state before the point of each such sequence is kept: what comes late is worked out from the last one
before it."""
_MOST_TURNS = 4
"""The end of a trip moves points to another one or none, and these may tell another end."""

Key = tuple[int, int]
"""(at_s, seq) of a point."""


class Rework:
    """The journey of one device from the point `begin` on; `found` are its events, in their order."""

    def __init__(self, connection: Connection, device: str, now_s: int, keep_every: int) -> None:
        self._connection = connection
        self._device = device
        self._now_s = now_s
        self._keep_every = keep_every
        self.begin: Key | None = None
        self.found: list[Event] = []
        self.judged_again = False
        self._settled: list[StoredPoint] = []
        self._doubted: list[StoredPoint] = []
        """Fixes that are doubtful and were not."""
        self.tenants: set[str | None] = set()
        """Whose points have become others."""
        self.changed_trips: set[int] = set()
        """Those whose end is another one now."""

    def walk(self, from_s: int) -> None:
        """Walk from the last state that does not know what has changed since `from_s`."""
        connection, device = self._connection, self._device
        begin, state = self._last_state(from_s)
        last_good = points.last_fix(connection, device, begin, judge.NOT_LATEST)
        taken = points.from_point(connection, device, begin, judge.NO_TIME)
        begins = last_good is None and not journeys.is_settled(connection, device)
        judged = doubts.judged_all(taken, last_good, begins)
        flags = {
            now.point.seq: now.flags for was, now in zip(taken, judged, strict=True) if was.flags != now.flags
        }
        points.judge_again(connection, device, flags)
        self._settled += doubts.settled(judged, last_good)
        self._doubted += [each for each in judged if doubts.is_doubtful(each) and each.point.seq in flags]
        self.judged_again = self.judged_again or bool(flags)
        self.found = [each for each in self.found if (each.at_s or 0, each.seq or 0) < begin]
        going, kept = Walk(state, _ways(connection, device)), []
        wanted = _to_keep(judged, begins, self._keep_every)
        for stored in judged:
            if _key(stored) in wanted:
                kept.append(SavedState(*_key(stored), going.state.to_json()))
            self.found += [
                topics.event(stored, each.type, each.details, each.name, inferred=True)
                for each in going.step(stored)
            ]
        journeys.replace_states(connection, device, begin, kept)
        self.begin = begin if self.begin is None else min(begin, self.begin)

    def end_trips(self) -> int | None:
        """End the trips that have arrived, take up again those that have not after all. Returns the time of
        the first point that this has moved to another trip; None: it has moved none."""
        assert self.begin is not None
        ends = {
            each.trip: (each.at_s or 0) + 1
            for each in self.found
            if each.type == "arrival" and each.content["ends_trip"]
        }
        every = trips.of_device(self._connection, self._device)
        moved_s: list[int] = []
        for row, after in zip(every, [*every[1:], None], strict=False):
            ended_s: int | None
            if row.trip in ends:
                ended_s = ends[row.trip]
                changed = trips.arrive(self._connection, row.trip, ended_s)
            elif row.by_arrival and row.ended_s > self.begin[0]:
                ended_s = self._next_began_s(row, after)
                changed = ended_s != row.ended_s
                trips.reopen(self._connection, row.trip, ended_s)
            else:
                continue
            if changed:
                self.changed_trips.add(row.trip)
                if row.ended_s is not None and (ended_s is None or ended_s > row.ended_s):
                    # Before its points come back: what they tell may end these alarms.
                    for act in ON_TRIP_GOES_ON:
                        act(self._connection, row.trip, self._now_s)
                from_s = min(each for each in (row.ended_s, ended_s) if each is not None)
                moved = bind(self._connection, self._device, from_s, self._now_s)
                self.tenants |= moved.tenants
                moved_s += moved.times
        return min(moved_s, default=None)

    def _next_began_s(self, row: Row[Any], after: Row[Any] | None) -> int | None:
        """When the next trip of its device, or of its container on another one, began; None: none has."""
        container = trips.of_container(self._connection, row.container, row.ended_s)
        others = [each.started_s for each in container if each.device != self._device]
        began = [after.started_s] if after else []
        return min(began + [each for each in others if each >= row.ended_s], default=None)

    def tell(self) -> None:
        """Take back what was told and is not true, and tell what is new or has changed."""
        assert self.begin is not None
        told = {each.id: each for each in events.inferred_from(self._connection, self._device, self.begin)}
        true = {each.id: each for each in self.found}
        untrue = [each for each in told.values() if each.id not in true]
        news = [each for each in true.values() if each.id not in told or _differ(each, told[each.id])]
        announce.correct(self._connection, untrue, news, self._now_s)
        for trip in sorted(self.changed_trips):
            follow(self._connection, self._device, trip, self._now_s)
        if self.judged_again:
            self._correct_position()
        positions.correct(self._connection, self._device, self.tenants, self._now_s)

    def learn(self) -> None:
        """What the fixes tell of the cells that they were under. Last of all: who tells something has others
        wait for the end of his transaction, and must not wait for one of them that holds a cell."""
        cells.unlearn(self._connection, self._doubted)
        cells.learn(self._connection, self._settled)

    def _last_state(self, from_s: int) -> tuple[Key, State]:
        """Where to begin, and the state before that point."""
        others = judge.NOT_LATEST & ~judge.IMPLIED_SPEED
        fix = points.last_fix(self._connection, self._device, (from_s, 0), others)
        # What is doubtful about this fix depends on what comes after it.
        return _state_upto(self._connection, self._device, (from_s, 0) if fix is None else _key(fix))

    def _correct_position(self) -> None:
        latest = points.newest_fix(self._connection, self._device, judge.NOT_LATEST)
        if latest and latest.at_s is not None:
            if devices.set_position(self._connection, self._device, latest.point.seq, latest.at_s):
                outbox.post(self._connection, [topics.position(latest)], self._now_s)
                self.tenants.discard(latest.tenant)


def work_out(connection: Connection, device: str, now_s: int, keep_every: int = KEEP_EVERY) -> bool:
    """Work out what `journeys.mark` has marked; False when nothing was."""
    from_s = journeys.take_mark(connection, device)
    if from_s is None:
        return False
    rework = Rework(connection, device, now_s, keep_every)
    for _ in range(_MOST_TURNS):
        rework.walk(from_s)
        moved_s = rework.end_trips()
        if moved_s is None:
            break
        from_s = moved_s
    rework.tell()
    rework.learn()
    return True


def settle(connection: Connection, device: str, before_s: int) -> bool:
    """Keep what the journey has come to behind the points that came before `before_s`, which are about to be
    removed: from now on no pass begins before it, nor changes what those have told. False: it is not worked
    out yet."""
    if journeys.is_marked(connection, device):
        return False
    newest_s = points.newest_s(connection, device, before_s, judge.NO_TIME)
    if newest_s is None:
        return True
    end = (newest_s + 1, 0)
    begin, state = _state_upto(connection, device, end)
    if begin < end:
        going = Walk(state, _ways(connection, device))
        for stored in points.from_point(connection, device, begin, judge.NO_TIME, end):
            going.step(stored)
        journeys.settle(connection, device, SavedState(*end, going.state.to_json()))
    return True


def _to_keep(judged: Sequence[StoredPoint], begins: bool, every: int) -> set[Key]:
    """Before which points the state is kept: the last fix, as the next one may put it in doubt, and those of
    each `every`th sequence. None behind the first fix of all as long as the next ones may, but before it."""
    fixes = [_key(each) for each in judged if doubts.is_judged(each)]
    wanted = {_key(each) for each in judged if each.point.seq % every == 0} | set(fixes[-1:])
    if not begins or not fixes:
        return wanted
    settling = fixes[doubts.NEXT_OF_FIRST : doubts.NEXT_OF_FIRST + 1]
    behind = {each for each in wanted if each > fixes[0] and not (settling and each >= settling[0])}
    return wanted - behind | {fixes[0]}


def _state_upto(connection: Connection, device: str, upto: Key) -> tuple[Key, State]:
    """Where to begin so that nothing from `upto` on is known, and the state before that point."""
    saved = journeys.last_state(connection, device, upto)
    if saved is None:
        return (0, 0), State()
    return (saved.at_s, saved.seq), State.from_json(saved.state)


def _key(stored: StoredPoint) -> Key:
    return stored.at_s or 0, stored.point.seq


def _differ(a: Event, b: Event) -> bool:
    return a.trip != b.trip or json.loads(json.dumps(a.content)) != dict(b.content)


def _ways(connection: Connection, device: str) -> Callable[[int | None], Way]:
    """The way of each trip of a device, read once."""
    drawn = tuple(fences.from_row(row) for row in stored_fences.every(connection))
    return cache(lambda trip: way_of(connection, device, trip, drawn))
