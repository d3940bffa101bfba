"""A month of a fleet: what its trackers report and what its operators do, by chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from landbridge.core.clock import iso
from landbridge.protocol.event import Event

HOUR_S, DAY_S = 3_600, 86_400
_A_MONTH = {
    "light": 1.2, "shock": 3, "temperature": 1.5, "battery": 0.3, "tilt": 1, "gnss": 1, "tamper": 0.2,
    "card": 0.1, "dwell": 4, "off-route": 0.5, "border": 4, "arrival": 0.3,
}  # fmt: skip
"""Events of a tracker, on average."""
_ENDS = {
    "temperature": ("alarm", "temperature-back"), "dwell": ("departure", ""), "off-route": ("off-route", "")
}  # fmt: skip
_RETRACTED = 0.05
CRITICAL = ("tamper", "card")


class Tracker(NamedTuple):
    """A tracker on a container."""

    device: str
    container: str
    trip: int


class Step(NamedTuple):
    """An event of the month and its time."""

    at_s: int
    does: str
    """publish, retract, or handle: an operator acknowledges and clears what is critical."""
    event: Event


def month(trackers: list[Tracker], begin_s: int, days: int, seed: int) -> list[Step]:
    """Return all that happens, in order."""
    chance = random.Random(seed)
    steps = [step for tracker in trackers for step in _of(tracker, begin_s, days, chance)]
    return sorted(steps, key=lambda step: step.at_s)


def _of(tracker: Tracker, begin_s: int, days: int, chance: random.Random) -> Iterator[Step]:
    number = 0
    for kind, average in _A_MONTH.items():
        for _ in range(_count(average * days / 30, chance)):
            number += 1
            at_s = begin_s + chance.randrange(days * DAY_S)
            event = _event(tracker, number, kind, at_s, chance)
            yield Step(at_s, "publish", event)
            if kind in CRITICAL:
                yield Step(at_s + chance.randrange(2 * HOUR_S, 30 * HOUR_S), "handle", event)
            elif chance.random() < _RETRACTED:
                yield Step(at_s + chance.randrange(60, HOUR_S), "retract", event)
            elif kind in _ENDS:
                number += 1
                later_s = at_s + chance.randrange(HOUR_S // 4, 30 * HOUR_S)
                yield Step(later_s, "publish", _end(tracker, number, kind, later_s, chance))


def _count(average: float, chance: random.Random) -> int:
    """A number by chance with this average (Poisson)."""
    count, left = 0, chance.expovariate(1.0)
    while left < average:
        count, left = count + 1, left + chance.expovariate(1.0)
    return count


def _event(tracker: Tracker, seq: int, kind: str, at_s: int, chance: random.Random) -> Event:
    if kind in ("dwell", "border", "arrival"):
        return _made(tracker, seq, kind, at_s, chance)
    if kind == "off-route":
        return _made(tracker, seq, kind, at_s, chance, action="leave")
    return _made(tracker, seq, "alarm", at_s, chance, alarm=kind)


def _end(tracker: Tracker, seq: int, kind: str, at_s: int, chance: random.Random) -> Event:
    type_, alarm = _ENDS[kind]
    more = {"alarm": alarm} if alarm else {"action": "return"} if type_ == "off-route" else {}
    return _made(tracker, seq, type_, at_s, chance, **more)


def _made(tracker: Tracker, seq: int, kind: str, at_s: int, chance: random.Random, **more: Any) -> Event:
    event_id = f"{tracker.device}/{seq}/{kind}"
    content = {
        "id": event_id, "type": kind, "device": tracker.device, "container": tracker.container,
        "trip": tracker.trip, "seq": seq, "time": iso(at_s), "received": iso(at_s),
        "latitude": round(30 + 20 * chance.random(), 5), "longitude": round(10 + 90 * chance.random(), 5),
    }  # fmt: skip
    return Event(event_id, tracker.device, kind, kind != "alarm", tracker.trip, seq, at_s, content | more)
