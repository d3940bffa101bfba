"""One trip: everything that surrounds the locator, as functions of virtual time.

Implements `tools.modem.air.Air` for the modem and what `tools.world.lockstep` needs for the
device. All times are virtual milliseconds since the trip began at `START_UTC_S` (`env.now`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import simpy

from tools.world.meter import Meter

if TYPE_CHECKING:
    from tools.modem.air import Cell, Fix, Sky

START_UTC_S = 1_767_592_800
"""2026-01-05T06:00:00Z: the coldest weeks fall on the steppe."""

ModemClass = Literal["bg95", "sim7600"]


class Sense(NamedTuple):
    """What the device was told about itself at one moment."""

    ms: int
    battery_mv: int
    temp_dc: int
    motion: int
    light: int


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


class Trip:
    """The world of one seed and one class of modem, `days` long."""

    def __init__(self, seed: int, modem: ModemClass, days: int = 45) -> None:
        self.seed = seed
        self.env = simpy.Environment(initial_time=0)
        self.meter = Meter(self.env, modem)
        self.end_ms = days * 86_400_000
        self.given = Given()
        self.crossings: list[Crossing] = []
        self.brown_outs: list[BrownOut] = []

    def country(self, ms: int) -> str:
        """ISO 3166-1 alpha-2 code of the country at that moment."""
        raise NotImplementedError

    def position(self, ms: int) -> tuple[float, float]:
        """True latitude and longitude in degrees."""
        raise NotImplementedError

    def km(self, ms: int) -> float:
        """Kilometres along the line."""
        raise NotImplementedError

    def moving(self, ms: int) -> bool:
        """Whether the train runs."""
        raise NotImplementedError

    def temperature_dc(self, ms: int) -> int:
        """Temperature of the battery in 0.1 degrees Celsius."""
        raise NotImplementedError

    def barred(self, ms: int, plmn: str) -> bool:
        """Whether data of a network was barred at that moment (known for the past only)."""
        raise NotImplementedError

    def hours_barred(self) -> float:
        """Hours so far in which some network barred the card's data."""
        raise NotImplementedError

    def charge(self, part: str, state: str) -> None:
        """The modem's `meter`: a part of it has changed its state."""
        raise NotImplementedError

    # For the device

    def sense(self) -> Sense:
        """What the device feels now; motion counts since the last call."""
        raise NotImplementedError

    def next_motion_ms(self, after_ms: int) -> int | None:
        """The first motion after standing, later than `after_ms`."""
        raise NotImplementedError

    def next_light_ms(self, after_ms: int) -> int | None:
        """The next opening of a door, later than `after_ms`."""
        raise NotImplementedError

    def can_start(self) -> bool:
        """Whether the battery can start the board."""
        raise NotImplementedError

    def power_failed(self) -> bool:
        """Whether the supply has given way since the last call."""
        raise NotImplementedError

    # Air

    def cells(self) -> list[Cell]:
        """Cells audible now for this class of modem, strongest first."""
        raise NotImplementedError

    def attach_cause(self, imsi: str, plmn: str) -> int:
        """0, or the EMM cause with which the network refuses the card."""
        raise NotImplementedError

    def data_open(self, imsi: str, plmn: str) -> bool:
        """False when the card is registered but its data is barred."""
        raise NotImplementedError

    def registered(self, imsi: str, plmn: str) -> None:
        """The modem has registered."""
        raise NotImplementedError

    def sent(self, plmn: str) -> None:
        """The modem has passed traffic on this network."""
        raise NotImplementedError

    def sky(self) -> Sky:
        """True position and what an antenna in a door recess sees."""
        raise NotImplementedError

    def utc_s(self) -> float:
        """Unix time."""
        return START_UTC_S + self.env.now / 1000

    def fix_given(self, fix: Fix) -> None:
        """The modem has printed a fix."""
        self.given.fixes.append(fix)
