"""A thousand devices reconnect after an outage of the broker: do they arrive all at once?

`python -m tools.verify.kill.crowd [--fleets N] [--seed N]` runs the firmware's scheduler for each device,
half of them on the move, from a moment of its own on; the broker is killed, and is back after a minute, ten
minutes or four hours. Devices know nothing of each other, and hold no connection. Prints how many had been
turned away and how they came, writes out/crowd.json, and exits with 1 when too many come together.

A thousand devices connect every four seconds: a second in which one comes has four times the mean by itself.
So several fleets are laid over each other, and what comes within ten seconds is held against the mean.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from locator import settings as cfg
from locator import state as st
from locator.hal import DEEPSLEEP_RESET, WAKE_TIMER
from locator.modem import REGISTERED
from locator.scheduler import (
    ATTACH,
    FIX,
    RECORD,
    SCAN,
    SESSION,
    SLEEP,
    Action,
    ahead,
    budget,
    decide,
    networks,
)
from rich.console import Console
from rich.progress import track

from tools.options import whole

OUT = Path("out/crowd.json")
DEVICES = 1_000
OUTAGES_S = (60, 600, 4 * 3_600)
MOST_OF_MEAN = 3.0
TOGETHER_S = 10
WATCHED_S = 6 * 3_600
_DAY_S = 86_400
_DIES_S = 33 * _DAY_S
_BEFORE_S = (_DAY_S, 3 * _DAY_S)
"""Range of the time before a device begins, drawn for each."""
_PLMN, _RSRP_DBM, _REPORT_MJ = 262_001, -85, 3_000
_RUNS = 900
"""Counts of an accelerometer on the move."""


@dataclass
class Came:
    """The result of one outage."""

    outage_s: int
    turned_away: int
    """Devices of a fleet, on average."""
    connects_a_second: float
    worst_second: int
    """The most connections in a second, of one fleet."""
    worst_of_mean: float
    """The most connections within TOGETHER_S, of all fleets together, as a multiple of the mean."""


class Device:
    """The plan of one device, with a network everywhere and a broker that is away from `_DIES_S` on, for
    `outage_s`. `connects` are the seconds at which it asks for a connection, the virtual clock's."""

    def __init__(self, seed: str, moving: bool, outage_s: int) -> None:
        self._rng = random.Random(seed)
        self._away = range(_DIES_S, _DIES_S + outage_s)
        self._motion = _RUNS if moving else 0
        self._now_s = _DIES_S - self._rng.randint(*_BEFORE_S)
        self._pending = 0
        self._settings = cfg.defaults()
        self._state: Any = st.new()
        self._state[st.NETWORK], self._state[st.MCC] = _PLMN, _PLMN // 1_000
        self._state[st.BEGAN] = self._now_s
        self.connects: list[int] = []

    def run(self, until_s: int) -> None:
        """Wakes up to a time."""
        while self._now_s < until_s:
            self._wake()

    def _wake(self) -> None:
        senses = (self._now_s, WAKE_TIMER, DEEPSLEEP_RESET, 3_600, -50, self._motion, 0, 0, 0, 0)
        st.feel(self._state, senses)
        costs, forecast = ahead.begin(self._state, "bg95", self._settings, -50, 3_600, "/no route data")
        while True:
            action = decide.next(self._state, senses, (self._pending, self._settings, costs, forecast))
            if action.kind == SLEEP:
                break
            self._do(action, costs)
        self._state[st.ASLEEP_SINCE] = self._now_s
        self._now_s += action.limit_s

    def _do(self, action: Action, costs: Any) -> None:
        if action.kind == ATTACH:
            budget.begin_attempt(self._state, self._now_s, self._rng.randrange(256))
            self._now_s += self._rng.randint(4, 20)
            budget.end_attempt(self._state, self._now_s)
            st.learn_attach(self._state, REGISTERED, _PLMN)
        elif action.kind == FIX:
            self._now_s += self._rng.randint(5, 40)
            st.learn_fix(self._state, True)
        elif action.kind == SCAN:
            self._now_s += self._rng.randint(2, 10)
            budget.begin_scan(self._state, self._now_s)
            networks.learn_scan(self._state, costs, _PLMN, _RSRP_DBM)
        elif action.kind == RECORD:
            st.learn_record(self._state)
            self._pending += 1
        else:
            assert action.kind == SESSION
            self._session(costs)

    def _session(self, costs: Any) -> None:
        """As `pacing.Pace.reported` and `wake.Wake` do it, with no signal to learn from."""
        self.connects.append(self._now_s)
        done = self._now_s not in self._away
        self._state[st.HEARD_DBM], self._state[st.DID_SCAN] = _RSRP_DBM, st.YES
        networks.learn_session(self._state, costs, done, _PLMN, _REPORT_MJ)
        st.learn_session(self._state, done)
        self._pending = 0 if done else self._pending


def fleet(seed: str, outage_s: int, devices: int = DEVICES) -> tuple[int, list[int]]:
    """How many devices of one fleet were turned away, and the seconds since the broker is back at which they
    came."""
    back_s = _DIES_S + outage_s
    away, came = 0, []
    for number in range(devices):
        device = Device(f"{seed}/{outage_s}/{number}", number % 2 == 1, outage_s)
        device.run(back_s + WATCHED_S)
        away += any(_DIES_S <= each < back_s for each in device.connects)
        came += [each - back_s for each in device.connects if back_s <= each < back_s + WATCHED_S]
    return away, came


def came(outage_s: int, fleets: Iterable[tuple[int, list[int]]]) -> Came:
    """The figures of one outage."""
    all_away, all_came = zip(*fleets, strict=True)
    together = Counter(each // TOGETHER_S for of_fleet in all_came for each in of_fleet)
    a_second = sum(map(len, all_came)) / len(all_came) / WATCHED_S
    mean = a_second * len(all_came) * TOGETHER_S
    worst = max(max(Counter(of_fleet).values()) for of_fleet in all_came)
    away = round(sum(all_away) / len(all_away))
    return Came(outage_s, away, round(a_second, 3), worst, round(max(together.values()) / mean, 2))


def run(fleets: int, seed: int) -> Iterator[Came]:
    """Each of the outages."""
    with ProcessPoolExecutor() as pool:
        for outage_s in track(OUTAGES_S, "outages", console=Console(stderr=True)):
            seeds = [f"{seed}/{number}" for number in range(fleets)]
            yield came(outage_s, pool.map(partial(fleet, outage_s=outage_s), seeds))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.kill.crowd", description=__doc__)
    parser.add_argument("--fleets", type=whole(1), default=6)
    parser.add_argument("--seed", type=whole(0), default=1)
    arguments = parser.parse_args()
    found = list(run(arguments.fleets, arguments.seed))
    short = [each for each in found if each.worst_of_mean > MOST_OF_MEAN]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    for each in found:
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(each).items()))
    print(f"short {len(short)}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
