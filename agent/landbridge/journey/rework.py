"""Works a device's journey out again from the first point that has changed; tells what is new or not true.

It is one transaction: whoever reads sees the journey before it or after it.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache

from sqlalchemy import Connection

from landbridge.alarms import engine
from landbridge.coverage import cells
from landbridge.ingest import judge
from landbridge.journey import fences
from landbridge.journey.walk import State, Step, walk
from landbridge.journey.way import Way, way_of
from landbridge.outbound import announce, positions, topics
from landbridge.store import devices, events, journeys, outbox, points, trips
from landbridge.store import fences as stored_fences
from landbridge.store.events import Event
from landbridge.store.journeys import SavedState

KEEP_EVERY = 128
"""Points between two states that are kept: what comes late is worked out from the last one before it."""
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
        self._way = _ways(connection)
        self.begin: Key | None = None
        self.found: list[Event] = []
        self.judged_again = False
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
        steps = list(walk(taken, state, last_good, self._way, self._keep_every))
        flags = {
            step.stored.point.seq: step.stored.flags
            for was, step in zip(taken, steps, strict=True)
            if was.flags != step.stored.flags
        }
        points.judge_again(connection, device, flags)
        cells.learn(connection, [step.stored for step in steps])
        kept = [SavedState(*_key(step), step.before) for step in steps if step.before is not None]
        journeys.replace_states(connection, device, begin, kept)
        self.judged_again = self.judged_again or bool(flags)
        self.found = [each for each in self.found if (each.at_s or 0, each.seq or 0) < begin]
        self.found += [
            topics.event(step.stored, each.type, each.details, each.name, inferred=True)
            for step in steps
            for each in step.found
        ]
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
        every, moved_s = trips.of_device(self._connection, self._device), []
        for row, after in zip(every, [*every[1:], None], strict=False):
            ended_s: int | None
            if row.trip in ends:
                ended_s = ends[row.trip]
                changed = trips.arrive(self._connection, row.trip, ended_s)
            elif row.by_arrival and row.ended_s > self.begin[0]:
                ended_s = after.started_s if after else None
                changed = ended_s != row.ended_s
                trips.reopen(self._connection, row.trip, ended_s)
            else:
                continue
            if changed:
                self.changed_trips.add(row.trip)
                if row.ended_s is not None and (ended_s is None or ended_s > row.ended_s):
                    # Before its points come back: what they tell may end these alarms.
                    again = engine.take_up(self._connection, row.trip, self._now_s)
                    announce.tell(self._connection, again, self._now_s)
                moved_s += self._bind(min(each for each in (row.ended_s, ended_s) if each is not None))
        return min(moved_s, default=None)

    def tell(self) -> None:
        """Take back what was told and is not true, and tell what is new or has changed."""
        assert self.begin is not None
        told = {each.id: each for each in events.inferred_from(self._connection, self._device, self.begin)}
        true = {each.id: each for each in self.found}
        untrue = self._of_points_there(each for each in told.values() if each.id not in true)
        news = [each for each in true.values() if each.id not in told or _differ(each, told[each.id])]
        announce.retract(self._connection, untrue, self._now_s)
        announce.tell(self._connection, news, self._now_s)
        for trip in sorted(self.changed_trips):
            over = engine.follow_trip(self._connection, trip, self._now_s)
            announce.tell(self._connection, over, self._now_s)
        if self.judged_again:
            self._correct_position()
        positions.correct(self._connection, self._device, self.tenants, self._now_s)

    def _of_points_there(self, untrue: Iterable[Event]) -> list[Event]:
        """Those whose points are still kept: of what store/retention.py has removed nobody can tell."""
        found = list(untrue)
        seqs = [each.seq for each in found if each.seq is not None]
        if not seqs:
            return found
        kept = points.between(self._connection, self._device, min(seqs), max(seqs))
        there = {None, *(each.point.seq for each in kept)}
        return [each for each in found if each.seq in there]

    def _last_state(self, from_s: int) -> tuple[Key, State]:
        """Where to begin, and the state before that point."""
        others = judge.NOT_LATEST & ~judge.IMPLIED_SPEED
        fix = points.last_fix(self._connection, self._device, (from_s, 0), others)
        # What is doubtful about this fix depends on what comes after it.
        upto_s = from_s - 1 if fix is None or fix.at_s is None else fix.at_s
        saved = journeys.last_state(self._connection, self._device, upto_s)
        if saved is None:
            return (0, 0), State()
        return (saved.at_s, saved.seq), State.from_json(saved.state)

    def _bind(self, from_s: int) -> list[int]:
        """Put points to their trips; times of those that moved, which are told again."""
        moved = points.bind(self._connection, self._device, from_s)
        bound = [now for _, now in moved]
        outbox.post(self._connection, topics.tracks(self._device, bound), self._now_s)
        announce.tell(self._connection, topics.alarms(self._device, bound), self._now_s)
        self.tenants |= {each.tenant for pair in moved for each in pair if pair[0].tenant != pair[1].tenant}
        return [now.at_s for now in bound if now.at_s is not None]

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
    return True


def _key(step: Step) -> Key:
    return step.stored.at_s or 0, step.stored.point.seq


def _differ(a: Event, b: Event) -> bool:
    return a.trip != b.trip or json.loads(json.dumps(a.content)) != dict(b.content)


def _ways(connection: Connection) -> Callable[[int | None], Way]:
    """The way of each trip, read once."""
    drawn = tuple(fences.from_row(row) for row in stored_fences.every(connection))
    return cache(lambda trip: way_of(connection, trip, drawn))
