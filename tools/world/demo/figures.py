"""The figures of one trip, and the limit of each."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from tools.world import worlds
from tools.world.demo import newest
from tools.world.demo.diary import DAY_MS, Diary
from tools.world.device import battery
from tools.world.device.lockstep import Counters
from tools.world.nature import weather
from tools.world.oracle.delivered import Delivered
from tools.world.oracle.records import RecordCounts
from tools.world.radio.rules import Bar
from tools.world.radio.traffic import CountedNetwork, Traffic
from tools.world.trip import Crossing, Trip

HOUR_MS = 3_600_000
CELL_V = 3.6
LEAST_POINTS_A_DAY = {"bg95": 22.0, "sim7600": 12.0}
BUDGET_HELD = 1.05
"""A device spends no more than this fraction of its joules a day."""
LONGEST_SILENCE_H = 24.0
LEAST_COLD_H = 24.0
MOST_CODE_PERCENT = 5.0
MOST_BYTES_A_POINT = 125.0
MOST_MB_A_MONTH = 4.2
CONNECTION_BYTES = 6_000
"""Beside the payload, for each connection: handshakes of TCP and of TLS 1.2 with a chain of two RSA
certificates, MQTT's own packets, headers of a few turns [C]. TLS 1.3 with an ECDSA one takes 2,200."""
MONTH_DAYS = 30
MOST_MAH_A_DAY = {"bg95": 30.0, "sim7600": 60.0}
"""docs/reference/budgets.md"""


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
    mb_a_month: float
    """The data that the card's operator counts, at this rate: payload and connections."""
    joules: dict[str, float]
    account_percent: float
    """The part of it in the device's energy account."""
    mah_a_day: float
    battery_left_percent: float
    lowest_battery_mv: int
    lowest_battery_c: float
    lowest_left_percent: float
    """The part of the capacity that was available at the lowest voltage: neither drawn nor withheld by the
    cold."""
    below_35_h: float
    """In which the battery was colder than -35 C."""
    brown_outs: int
    radio_on_h: float
    radio_waits_percent: float
    """The part of the radio-on time in which the modem waits for CPU time of our code."""
    bars: int
    """Times that an operator barred the card's data."""
    longest_silence_h: float
    silent_at_end_h: float
    """From the last uplink to the end of the trip."""
    median_age_h: float | None
    age_95_h: float | None
    newest_age_h: float
    """Median over the trip of the age of the newest position that the agent had."""
    borders: list[Border]
    points_a_day: float
    wakes: int
    crashes: int
    stalls: int
    digest: str
    refused_h: float = 0.0
    """In which networks were heard and none took the card."""
    switches: int = 0
    """Switches of profiles or identities of the card."""
    back_h: list[float | None] = field(default_factory=list)
    """After each time without any network: from when one could be used again to the next uplink, without
    the bar of data that it began with; None: never."""
    downloads_wanted: int = 0
    """Profiles that the card did not have and the policy prefers in countries that were reached."""
    downloads_ordered: int = 0
    downloads_installed: int = 0

    @property
    def border_h(self) -> float | None:
        """Median of the hours from a border to the first uplink; a border that none followed counts as the
        whole trip. None: no border was passed."""
        each = [24 * self.days if one.first_uplink_h is None else one.first_uplink_h for one in self.borders]
        return median(each) if each else None


def measure(
    trip: Trip,
    diary: Diary,
    counts: RecordCounts,
    delivered: Delivered,
    network: CountedNetwork,
    counters: Counters,
    digest: str,
    switches: int = 0,
    downloads_wanted: int = 0,
) -> Figures:
    """Put the figures together at the end of the trip, `trip.env.now`."""
    days = trip.env.now / DAY_MS
    lowest = trip.battery.lowest
    ages_h = sorted(ages(delivered))
    return Figures(
        days=days,
        points_taken=counts.taken,
        points_stored=counts.stored,
        still_in_flash=counts.in_flash,
        thinned=counts.thinned,
        lost=counts.lost,
        wrong=counts.wrong,
        duplicates_removed=delivered.duplicates_removed,
        duplicates_stored=delivered.duplicates_stored,
        dead_letters=delivered.dead_letters,
        outbox_left=delivered.outbox_left,
        uploads_tried=diary.uploads_tried,
        uploads_failed=diary.uploads_failed,
        connections=network.traffic.connections,
        bytes_up=network.traffic.bytes_up,
        bytes_down=network.traffic.bytes_down,
        bytes_a_point=(network.traffic.bytes_up + network.traffic.bytes_down) / max(1, counts.stored),
        mb_a_month=megabytes(network.traffic) * MONTH_DAYS / days,
        joules=trip.meter.joules_by_part(),
        account_percent=100 * diary.account_j / trip.meter.total_j(),
        mah_a_day=trip.meter.total_j() / CELL_V / 3.6 / days,
        battery_left_percent=100 * trip.battery.left(),
        lowest_battery_mv=lowest.battery_mv,
        lowest_battery_c=lowest.temp_dc / 10,
        lowest_left_percent=100 * lowest.left,
        below_35_h=trip.weather.hours_below(-35.0, int(trip.env.now)),
        brown_outs=len(trip.brown_outs),
        radio_on_h=trip.meter.radio_on_ms() / HOUR_MS,
        radio_waits_percent=100
        * trip.meter.radio_on_ms(while_computing=True)
        / max(1, trip.meter.radio_on_ms()),
        bars=len(trip.bars()),
        longest_silence_h=longest_silence_h(
            [0, *delivered.sessions_ms, int(trip.env.now)], excused(trip.bars(), trip.crossings)
        ),
        silent_at_end_h=(trip.env.now - max([0, *delivered.sessions_ms])) / HOUR_MS,
        median_age_h=median(ages_h) if ages_h else None,
        newest_age_h=newest.median_age_h(trip, delivered.points),
        age_95_h=ages_h[math.ceil(0.95 * len(ages_h)) - 1] if ages_h else None,
        borders=borders(trip, delivered.sessions_ms),
        points_a_day=counts.stored / days,
        wakes=counters.wakes,
        crashes=counters.crashes + counters.hangs,
        stalls=network.stalls,
        digest=digest,
        refused_h=diary.refused_ms / HOUR_MS,
        switches=switches,
        back_h=back_h(trip.back_ms(), delivered.sessions_ms, trip.bars()),
        downloads_wanted=downloads_wanted,
        downloads_ordered=delivered.downloads_ordered,
        downloads_installed=delivered.downloads_installed,
    )


def megabytes(traffic: Traffic) -> float:
    """Payload both ways, and what its connections cost in addition."""
    return (traffic.bytes_up + traffic.bytes_down + CONNECTION_BYTES * traffic.connections) / 1e6


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


def longest_silence_h(sessions_ms: Sequence[int], barred: Sequence[Bar]) -> float:
    """The longest time between two sessions, without what of it was `barred`; bars do not overlap."""

    def silence_ms(earlier: int, later: int) -> int:
        overlaps = (min(later, bar.end_ms) - max(earlier, bar.start_ms) for bar in barred)
        return later - earlier - sum(max(0, overlap) for overlap in overlaps)

    return max(silence_ms(*pair) for pair in pairwise(sessions_ms)) / HOUR_MS


def back_h(backs_ms: Sequence[int], sessions_ms: Sequence[int], bars: Sequence[Bar]) -> list[float | None]:
    """Hours from each time at which coverage was back to the first session after it; the first bar between
    them is excused: no device can avoid it."""

    def hours(back_ms: int) -> float | None:
        after = bisect_left(sessions_ms, back_ms)
        if after == len(sessions_ms):
            return None
        session_ms = sessions_ms[after]
        bar = next((each for each in sorted(bars) if back_ms <= each.start_ms < session_ms), None)
        return (session_ms - back_ms - (min(bar.end_ms, session_ms) - bar.start_ms if bar else 0)) / HOUR_MS

    return [hours(each) for each in backs_ms]


def borders(trip: Trip, sessions_ms: Sequence[int]) -> list[Border]:
    """For each border passed, the hours to the first session after it."""
    passed = []
    for crossing in trip.crossings:
        after = bisect_left(sessions_ms, crossing.ms)
        heard = after < len(sessions_ms)
        hours = (sessions_ms[after] - crossing.ms) / HOUR_MS if heard else None
        passed.append(Border(f"{crossing.left}-{crossing.entered}", hours))
    return passed


@dataclass(frozen=True)
class Demand:
    """The limit of one figure."""

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
    Demand("account_percent", "90 to 110", lambda value: 90 <= value <= 110),
    Demand("brown_outs", "0", lambda value: value == 0),
    Demand("battery_left_percent", "more than 0", lambda value: value > 0),
    Demand("radio_waits_percent", f"below {MOST_CODE_PERCENT:g}", lambda value: value < MOST_CODE_PERCENT),
    Demand("longest_silence_h", f"at most {LONGEST_SILENCE_H:g}", lambda value: value <= LONGEST_SILENCE_H),
    Demand("bytes_a_point", f"at most {MOST_BYTES_A_POINT:g}", lambda value: value <= MOST_BYTES_A_POINT),
    Demand("mb_a_month", f"at most {MOST_MB_A_MONTH:g}", lambda value: value <= MOST_MB_A_MONTH),
)

LEAST_INSTALLED = 0.9
"""The least fraction of the profiles to be downloaded."""
NOT_HARD = ("brown_outs", "longest_silence_h", "account_percent")
"""What a wake has spent in which the supply fails is in no account of the device."""
ALIVE = Demand("silent_at_end_h", f"at most {LONGEST_SILENCE_H:g}", lambda value: value <= LONGEST_SILENCE_H)
BACK_H, LEAN_BACK_H, LEAN_J = 6.0, 24.0, 65.0
"""A device is heard of within this time after coverage is back; the second is for budgets up to this many
joules a day."""
COLD = Demand("below_35_h", f"at least {LEAST_COLD_H:g}", lambda value: value >= LEAST_COLD_H)
"""Requirement for the season "extreme"."""


def demands(
    modem: str,
    season: str = weather.USUAL,
    battery_kind: str = battery.USUAL,
    budget_j: float = math.inf,
    world: str = worlds.USUAL,
) -> tuple[Demand, ...]:
    """All demands on a trip with this modem and so many joules a day; in another season, or on another
    battery than the usual one, the supply may give way and the device may be silent for longer, but it must
    live and lose nothing. In another world it must be heard of again soon after each time without a
    network."""
    if world != worlds.USUAL:
        forgiven = NOT_HARD if worlds.WORLDS[world].charge < 1 else ("longest_silence_h",)
        return (*(each for each in DEMANDS if each.figure not in forgiven), ALIVE, back(budget_j))
    if (season, battery_kind) != (weather.USUAL, battery.USUAL):
        hard = (each for each in DEMANDS if each.figure not in NOT_HARD)
        return (*hard, ALIVE, COLD) if season == "extreme" else (*hard, ALIVE)
    most = round(min(MOST_MAH_A_DAY[modem], BUDGET_HELD * budget_j / CELL_V / 3.6), 1)
    least = LEAST_POINTS_A_DAY[modem]
    return (
        *DEMANDS,
        Demand("points_a_day", f"at least {least:g}", lambda value: value >= least),
        Demand("mah_a_day", f"at most {most:g}", lambda value: value <= most),
    )


def back(budget_j: float) -> Demand:
    """How soon a device with so many joules a day must be heard of once coverage is back."""
    most_h = LEAN_BACK_H if budget_j <= LEAN_J else BACK_H
    return Demand(
        "back_h",
        f"at most {most_h:g} each",
        lambda value: all(each is not None and each <= most_h for each in value),
    )


def fell_short(figures: Figures, demands: Sequence[Demand] = DEMANDS) -> list[str]:
    """One line for each demand that is not met."""
    values = asdict(figures)
    done, wanted = figures.downloads_installed, figures.downloads_wanted
    few = [f"profile downloads: {done} of {wanted} installed"] if done < LEAST_INSTALLED * wanted else []
    return few + [
        f"{demand.figure.replace('_', ' ')} {_short(values[demand.figure])}, must be {demand.words}"
        for demand in demands
        if not demand.met(values[demand.figure])
    ]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join("never" if each is None else _short(each) for each in value)
    return f"{value:.1f}" if isinstance(value, float) else str(value)
