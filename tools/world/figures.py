"""The figures of one trip, and what each of them must be."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from tools.world.delivered import Delivered
from tools.world.diary import DAY_MS, Diary
from tools.world.lockstep import Counters
from tools.world.rules import Bar
from tools.world.traffic import CountedNetwork
from tools.world.trip import Crossing, Trip
from tools.world.truth import Settlement

HOUR_MS = 3_600_000
CELL_V = 3.6
LEAST_POINTS_A_DAY = 20.0
LONGEST_SILENCE_H = 24.0
MOST_CODE_PERCENT = 5.0
MOST_BYTES_A_POINT = 60.0
MOST_MAH_A_DAY = {"bg95": 30.0, "sim7600": 60.0}
"""docs/budgets.md"""


@dataclass(frozen=True)
class Border:
    """A border and how long after it the agent heard from the device again; None: never."""

    name: str
    first_uplink_h: float | None


@dataclass(frozen=True)
class Figures:
    """Units are in the names; ages are from taking a point to its storage by the agent."""

    days: float
    points_taken: int
    points_stored: int
    still_in_flash: int
    thinned: int
    lost: int
    wrong: list[str]
    duplicates_removed: int
    duplicates_stored: int
    dead_letters: int
    outbox_left: int
    """Messages for platforms that did not leave the agent."""
    uploads_tried: int
    uploads_failed: int
    connections: int
    bytes_up: int
    bytes_down: int
    bytes_a_point: float
    """Payload both ways for each stored point."""
    joules: dict[str, float]
    mah_a_day: float
    battery_left_percent: float
    lowest_battery_mv: int
    lowest_battery_c: float
    brown_outs: int
    radio_on_h: float
    radio_waits_percent: float
    """Of the time that the radio is on: CPU time of our code, in which the modem waits for it."""
    bars: int
    """Times that an operator barred the card's data."""
    longest_silence_h: float
    median_age_h: float | None
    age_95_h: float | None
    borders: list[Border]
    points_a_day: float
    wakes: int
    crashes: int
    stalls: int
    digest: str


def measure(
    trip: Trip,
    diary: Diary,
    settlement: Settlement,
    delivered: Delivered,
    network: CountedNetwork,
    counters: Counters,
    digest: str,
) -> Figures:
    """Put the figures together at the end of the trip, `trip.env.now`."""
    days = trip.env.now / DAY_MS
    lowest = trip.battery.lowest
    ages_h = sorted(ages(delivered))
    return Figures(
        days=days,
        points_taken=settlement.taken,
        points_stored=settlement.stored,
        still_in_flash=settlement.in_flash,
        thinned=settlement.thinned,
        lost=settlement.lost,
        wrong=settlement.wrong,
        duplicates_removed=delivered.duplicates_removed,
        duplicates_stored=delivered.duplicates_stored,
        dead_letters=delivered.dead_letters,
        outbox_left=delivered.outbox_left,
        uploads_tried=diary.uploads_tried,
        uploads_failed=diary.uploads_failed,
        connections=network.traffic.connections,
        bytes_up=network.traffic.bytes_up,
        bytes_down=network.traffic.bytes_down,
        bytes_a_point=(network.traffic.bytes_up + network.traffic.bytes_down) / max(1, settlement.stored),
        joules=trip.meter.joules_by_part(),
        mah_a_day=trip.meter.total_j() / CELL_V / 3.6 / days,
        battery_left_percent=100 * trip.battery.left(),
        lowest_battery_mv=lowest.battery_mv,
        lowest_battery_c=lowest.temp_dc / 10,
        brown_outs=len(trip.brown_outs),
        radio_on_h=trip.meter.radio_on_ms() / HOUR_MS,
        radio_waits_percent=100 * trip.meter.radio_on_ms("active") / max(1, trip.meter.radio_on_ms()),
        bars=len(trip.bars()),
        longest_silence_h=longest_silence_h(
            [0, *delivered.contacts_ms, int(trip.env.now)], excused(trip.bars(), trip.crossings)
        ),
        median_age_h=median(ages_h) if ages_h else None,
        age_95_h=ages_h[math.ceil(0.95 * len(ages_h)) - 1] if ages_h else None,
        borders=borders(trip, delivered.contacts_ms),
        points_a_day=settlement.stored / days,
        wakes=counters.wakes,
        crashes=counters.crashes + counters.hangs,
        stalls=network.stalls,
        digest=digest,
    )


def ages(delivered: Delivered) -> list[float]:
    """Hours from taking a point to its storage; points without a date are left out."""
    dated = (each for each in delivered.points if each.at_s is not None)
    return [(each.received_s - (each.at_s or 0)) / 3600 for each in dated]


def excused(bars: Sequence[Bar], crossings: Sequence[Crossing]) -> list[Bar]:
    """The first bar after each border: no device can avoid it. Those that follow it has brought about."""
    ends_ms = [*(crossing.ms for crossing in crossings[1:]), math.inf]
    firsts = (
        next((bar for bar in sorted(bars) if crossing.ms <= bar.start_ms < end_ms), None)
        for crossing, end_ms in zip(crossings, ends_ms, strict=False)
    )
    return [bar for bar in firsts if bar]


def longest_silence_h(contacts_ms: Sequence[int], barred: Sequence[Bar]) -> float:
    """The longest time between two contacts, without what of it was `barred`; bars do not overlap."""

    def silence_ms(earlier: int, later: int) -> int:
        overlaps = (min(later, bar.end_ms) - max(earlier, bar.start_ms) for bar in barred)
        return later - earlier - sum(max(0, overlap) for overlap in overlaps)

    return max(silence_ms(*pair) for pair in pairwise(contacts_ms)) / HOUR_MS


def borders(trip: Trip, contacts_ms: Sequence[int]) -> list[Border]:
    """For each border passed, the hours to the first contact after it."""
    passed = []
    for crossing in trip.crossings:
        after = bisect_left(contacts_ms, crossing.ms)
        heard = after < len(contacts_ms)
        hours = (contacts_ms[after] - crossing.ms) / HOUR_MS if heard else None
        passed.append(Border(f"{crossing.left}-{crossing.entered}", hours))
    return passed


@dataclass(frozen=True)
class Demand:
    """What one figure must be."""

    figure: str
    words: str
    met: Callable[[Any], bool]


DEMANDS = (
    Demand("lost", "0", lambda value: value == 0),
    Demand("duplicates_stored", "0", lambda value: value == 0),
    Demand("thinned", "0", lambda value: value == 0),
    Demand("dead_letters", "0", lambda value: value == 0),
    Demand("outbox_left", "0", lambda value: value == 0),
    Demand("stalls", "0", lambda value: value == 0),
    Demand("crashes", "0", lambda value: value == 0),
    Demand("brown_outs", "0", lambda value: value == 0),
    Demand("battery_left_percent", "more than 0", lambda value: value > 0),
    Demand("radio_waits_percent", f"below {MOST_CODE_PERCENT:g}", lambda value: value < MOST_CODE_PERCENT),
    Demand("points_a_day", f"at least {LEAST_POINTS_A_DAY:g}", lambda value: value >= LEAST_POINTS_A_DAY),
    Demand("longest_silence_h", f"at most {LONGEST_SILENCE_H:g}", lambda value: value <= LONGEST_SILENCE_H),
    Demand("bytes_a_point", f"at most {MOST_BYTES_A_POINT:g}", lambda value: value <= MOST_BYTES_A_POINT),
)


def demands(modem: str) -> tuple[Demand, ...]:
    """All demands on a trip with this modem."""
    most = MOST_MAH_A_DAY[modem]
    return (*DEMANDS, Demand("mah_a_day", f"at most {most:g}", lambda value: value <= most))


def fell_short(figures: Figures, demands: Sequence[Demand] = DEMANDS) -> list[str]:
    """One line for each demand that is not met."""
    values = asdict(figures)
    return [
        f"{demand.figure.replace('_', ' ')} {_short(values[demand.figure])}, must be {demand.words}"
        for demand in demands
        if not demand.met(values[demand.figure])
    ]


def _short(value: float) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
