"""One trip: the tracker's surroundings as functions of virtual time.

Implements `tools.modem.network.air.Air` for the modem and what `tools.world.device.lockstep` needs for the
device. All times are virtual milliseconds since the trip began at `START_UTC_S` (`env.now`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

import simpy

from tools.modem.card.card import Card
from tools.modem.network.air import Cell, Fix, Sky
from tools.modem.registry import Dialect
from tools.world import worlds
from tools.world.device import battery
from tools.world.device.battery import MINIMUM_V, START_V, Battery
from tools.world.device.meter import ESP32_W, NOMINAL_V, Meter
from tools.world.device.rtc import GAIN_PPM, Rtc
from tools.world.nature import weather
from tools.world.nature.satellites import Satellites
from tools.world.nature.weather import Weather
from tools.world.radio.coverage import USABLE_DBM, Coverage
from tools.world.radio.harsh import MILD, Harshness, Spells
from tools.world.radio.rules import CONGESTION, Admission, Bar, DataBar
from tools.world.rail.doors import Doors
from tools.world.rail.handling import Handling
from tools.world.rail.motion import Motion
from tools.world.rail.route import Route
from tools.world.rail.train import Train
from tools.world.worlds import World

START_UTC_S = 1_767_592_800
"""2026-01-05T06:00:00Z: the coldest weeks fall on the steppe."""

DAY_MS = 86_400_000
MARGIN_MS = 3 * DAY_MS
"""The world goes on for so long after the last day."""
POLL_MS = 60_000
"""Coverage that is back is looked for so often."""


class Sense(NamedTuple):
    """The device's inputs at one moment."""

    ms: int
    battery_mv: int
    temp_dc: int
    motion: int
    light: int
    shock_mg: int = 0
    tilt_deg: int = 0
    lid_open: int = 0
    loaded: bool = False
    """The modem is on."""


class SeenCell(NamedTuple):
    """A cell the modem was shown."""

    ms: int
    plmn: str
    rat: str
    tac: int
    cell_id: int
    rsrp_dbm: int


class Crossing(NamedTuple):
    """The container passed a border."""

    ms: int
    left: str
    entered: str


class BrownOut(NamedTuple):
    """The supply fell below the minimum of the board."""

    ms: int
    battery_mv: int
    temp_dc: int


@dataclass
class Given:
    """What the world gave to the device; whatever the agent stores must be in here."""

    fixes: list[Fix] = field(default_factory=list)
    senses: list[Sense] = field(default_factory=list)
    cells: list[SeenCell] = field(default_factory=list)
    ahead_ms: int = 0
    """Gain of the device's own clock at the last fix."""


class Trip:
    """The world of one seed and one class of modem, `days` long; it goes on for `MARGIN_MS` more.

    `battery` has the remaining energy (`left()`), the charge drawn (`used_mah`) and the `lowest` voltage;
    `rtc` is the device's own clock; `forbidden` are the networks on the card's list when the trip begins;
    `agreements` as in `rules.Admission`; `season` of `weather.SEASONS`, `battery_kind` of `battery.KINDS`.
    `shuttles` as `times` of `Train.shuttle`, 0: the trip of the `world`. `declared_mah`: the charge that
    the device is configured with, where that is not the capacity of its kind of battery.
    """

    def __init__(
        self,
        seed: int,
        modem: Dialect,
        days: int = 45,
        harshness: Harshness = MILD,
        agreements: Mapping[str, frozenset[str]] | None = None,
        season: str = weather.USUAL,
        battery_kind: str = battery.USUAL,
        shuttles: int = 0,
        world: World = worlds.WORLDS[worlds.USUAL],
        declared_mah: float | None = None,
    ) -> None:
        self.seed = seed
        self.env = simpy.Environment(initial_time=0)
        self.meter = Meter(self.env, modem)
        self.end_ms = days * DAY_MS
        self.given = Given()
        self.brown_outs: list[BrownOut] = []
        route, rng = Route.read(), worlds.rng(seed)
        self.train = Train.shuttle(route, rng, shuttles) if shuttles else world.train(route, rng)
        self.route = self.train.route
        self.silences = world.silences(self.train)
        self.operator_ends_ms = world.ends_ms(self.train)
        """When the operator ends the trip; None: not before all is over."""
        last_ms = self.end_ms + MARGIN_MS
        rng = random.Random(f"{seed}/weather")
        cold = weather.SEASONS[season]
        self.weather = Weather(rng, self.train.position, START_UTC_S, last_ms, cold)
        kind = battery.KINDS[battery_kind]
        if world.charge != 1.0:
            kind = kind.holding(world.charge * (declared_mah or kind.capacity_mah))
        self.battery = Battery(self.weather.battery_c, kind)
        self.rtc = Rtc(random.Random(f"{seed}/rtc").uniform(*GAIN_PPM), self.weather.battery_c)
        self.motion = Motion(self.train, last_ms, random.Random(f"{seed}/motion"))
        self.doors = Doors(self.train, START_UTC_S, random.Random(f"{seed}/doors"))
        self.handling = Handling(self.train, self.motion, random.Random(f"{seed}/handling"))
        self.satellites = Satellites(self.train, seed)
        self._draw_coverage = partial(
            Coverage, self.route, modem, seed, harshness.usable_fraction, self.silences
        )
        self._admission = Admission(seed, harshness, agreements)
        self.forbidden = self._admission.forbidden(harshness.forbidden)
        self._dead = Spells(seed, "dead", harshness.dead)
        self._crossings = [
            Crossing(self.train.passes_ms(border.km), border.left, border.entered)
            for border in self.route.borders
        ]
        self._bar = DataBar(next(each.ms for each in self._crossings if each.left == "RU"))
        self.card = Card()
        """Who asks the networks; the stage puts in the one of the trip."""
        self._motion_reported = 0
        self._sensed_ms = 0
        self._shown: list[Cell] = []

    @cached_property
    def _coverage(self) -> Coverage:
        """Drawn when a modem listens: to draw it takes longer than all else of a trip."""
        return self._draw_coverage()

    @property
    def crossings(self) -> list[Crossing]:
        """Borders passed so far, in order."""
        return [crossing for crossing in self._crossings if crossing.ms <= self.env.now]

    def country(self, ms: int) -> str:
        """ISO 3166-1 alpha-2 code of the country at that moment."""
        return self.route.country(self.km(ms))

    def position(self, ms: int) -> tuple[float, float]:
        """True latitude and longitude in degrees."""
        return self.train.position(ms)

    def km(self, ms: int) -> float:
        """Kilometres along the route."""
        return self.train.km(ms)

    def moving(self, ms: int) -> bool:
        """Whether the train runs."""
        return self.train.moving(ms)

    def temperature_dc(self, ms: int) -> int:
        """Temperature of the battery in 0.1 degrees Celsius."""
        return round(10 * self.weather.battery_c(ms))

    def barred(self, ms: int, plmn: str) -> bool:
        """Whether data of a network was barred at that moment (known for the past only)."""
        return self._bar.barred(ms, plmn)

    def bars(self) -> list[Bar]:
        """The times for which a network has barred the card's data, in order; the last may go on."""
        return self._bar.bars

    def back_ms(self) -> list[int]:
        """When a network that takes the card could be used again, by each of the `silences` that is over."""
        until_ms = self._now_ms()
        times = (range(end_ms, until_ms, POLL_MS) for _, end_ms in self.silences)
        found = (next((ms for ms in each if self.served(ms)), None) for each in times)
        return [ms for ms in found if ms is not None]

    def served(self, ms: int) -> bool:
        levels = self._coverage.levels(self.km(ms), ms)
        usable = {plmn for (plmn, _), dbm in levels.items() if dbm > USABLE_DBM}
        return any(self._admission.cause(ms, self.card.imsi, plmn) == 0 for plmn in sorted(usable))

    def charge(self, part: str, state: str) -> None:
        """The modem's `meter`: a part of it has changed its state."""
        self.meter.state(part, state)

    # For the device

    def sense(self) -> Sense:
        """The sensor values now; motion counts and the greatest shock since the last call."""
        now = self._now_ms()
        counts = self.motion.counts(now)
        battery_mv = self.supply_mv()
        motion = min(counts - self._motion_reported, 0xFFFF_FFFF)
        handled = self.handling
        felt = (handled.peak_mg(self._sensed_ms, now), handled.tilt_deg(now), handled.lid_open(now))
        loaded = self.meter.state_of("modem") not in ("off", "psm")
        sense = Sense(now, battery_mv, self.temperature_dc(now), motion, self.doors.lux(now), *felt, loaded)
        self._sensed_ms = now
        self._motion_reported = counts
        self._shown = []
        self.given.senses.append(sense)
        return sense

    def next_motion_ms(self, after_ms: int) -> int | None:
        """The next count of the accelerometer later than `after_ms`: soon, while the train runs."""
        return self.motion.next_ms(after_ms)

    def next_light_ms(self, after_ms: int) -> int | None:
        """When the light wakes the device, armed at `after_ms`: at once while a door is open."""
        return self.doors.next_ms(after_ms)

    def supply_mv(self) -> int:
        """Of the battery, under what all parts draw now."""
        return round(1_000 * self._voltage(self.meter.peak_a()))

    def can_start(self) -> bool:
        """Whether the battery can start the board."""
        return self._voltage(ESP32_W["active"] / NOMINAL_V) >= START_V

    def power_failed(self) -> bool:
        """Whether the supply is below the minimum of the board now; each time is written down."""
        volts = self._voltage(self.meter.peak_a())
        if volts >= MINIMUM_V:
            return False
        now = self._now_ms()
        self.brown_outs.append(BrownOut(now, round(1_000 * volts), self.temperature_dc(now)))
        return True

    # Air

    def cells(self) -> list[Cell]:
        """Cells audible now for this class of modem, strongest first."""
        now = self._now_ms()
        cells = self._coverage.cells(self.km(now), now)
        if cells != self._shown:
            self._shown = cells
            self.given.cells += (
                SeenCell(now, cell.plmn, cell.rat, cell.tac, cell.cell_id, cell.rsrp_dbm) for cell in cells
            )
        return cells

    def attach_cause(self, imsi: str, plmn: str) -> int:
        """0, or the EMM cause with which the network refuses the card."""
        return self._admission.cause(self._now_ms(), imsi, plmn)

    def refused(self) -> bool:
        """Whether networks are heard now and, congestion apart, none takes the card as it is."""
        now = self._now_ms()
        heard = {cell.plmn for cell in self._coverage.cells(self.km(now), now)}
        causes = [self._admission.cause(now, self.card.imsi, plmn) for plmn in sorted(heard)]
        return bool(causes) and all(cause not in (0, CONGESTION) for cause in causes)

    def data_open(self, imsi: str, plmn: str) -> bool:
        """False when the card is registered and its data is barred, or the network's core is dead."""
        now = self._now_ms()
        return self._bar.open(now, plmn) and not self._dead.on(now, plmn)

    def registered(self, imsi: str, plmn: str) -> None:
        """The modem has registered."""
        self._bar.registered(self._now_ms(), plmn, imsi)

    def sent(self, plmn: str) -> None:
        """The modem has passed traffic on this network."""
        self._bar.sent(self._now_ms(), plmn)

    def sky(self) -> Sky:
        """True position and what an antenna in a door recess sees."""
        return self.satellites.sky(self._now_ms())

    def utc_s(self) -> float:
        """Unix time."""
        return START_UTC_S + self.env.now / 1000

    def fix_given(self, fix: Fix) -> None:
        """The modem has printed a fix."""
        self.given.fixes.append(fix)
        self.given.ahead_ms = self.rtc.clock_ms(self._now_ms()) - self._now_ms()

    def _now_ms(self) -> int:
        return int(self.env.now)

    def _voltage(self, current_a: float) -> float:
        self.battery.advance(self._now_ms(), self.meter.total_j())
        return self.battery.voltage(current_a)
