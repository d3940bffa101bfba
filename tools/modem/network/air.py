"""The modem's surroundings: cells, networks, sky and time. `StaticAir` is a quiet yard in Duisburg."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, Protocol

import simpy

Rat = Literal["emtc", "nbiot", "gsm", "lte"]


@dataclass(frozen=True)
class Cell:
    """One audible cell; `plmn` is MCC and MNC as digits, for example "46000"."""

    plmn: str
    rat: Rat
    tac: int
    cell_id: int
    pci: int
    earfcn: int
    band: int
    rsrp_dbm: int
    rsrq_db: int
    sinr_db: int


@dataclass(frozen=True)
class Sky:
    """True position and motion, and what the antenna sees; `blocked`: no fix is possible."""

    lat: float
    lon: float
    alt_m: float
    speed_kmh: float
    heading_deg: float
    satellites: int
    hdop: float
    blocked: bool


@dataclass(frozen=True)
class Fix:
    """A position as the modem printed it; `unix_s` is the printed UTC."""

    unix_s: float
    lat: float
    lon: float
    alt_m: float
    speed_kmh: float
    heading_deg: float
    hdop: float
    satellites: int


class Air(Protocol):
    """The interface between the modem and its surroundings."""

    def cells(self) -> list[Cell]:
        """Cells audible now for this modem, strongest first."""

    def attach_cause(self, imsi: str, plmn: str) -> int:
        """0 if the network accepts the card, else the EMM cause (TS 24.301)."""

    def data_open(self, imsi: str, plmn: str) -> bool:
        """False when the card is registered but its data is barred."""

    def registered(self, imsi: str, plmn: str) -> None:
        """The modem has registered."""

    def sent(self, plmn: str) -> None:
        """The modem has passed traffic on this network."""

    def sky(self) -> Sky:
        """Position and sky now."""

    def utc_s(self) -> float:
        """Unix time now."""

    def fix_given(self, fix: Fix) -> None:
        """The modem has printed a fix it had not printed before."""


class StaticAir:
    """Three German networks, open sky, host time: what a modem running alone is given.

    `rats` are the kinds of cell that the modem can hear.
    """

    def __init__(self, rats: tuple[Rat, ...] = ("emtc", "nbiot", "gsm", "lte")) -> None:
        self._cells = [cell for cell in _DUISBURG if cell.rat in rats]

    def cells(self) -> list[Cell]:
        """The same cells at all times."""
        return self._cells

    def attach_cause(self, imsi: str, plmn: str) -> int:
        """Every network accepts."""
        return 0

    def data_open(self, imsi: str, plmn: str) -> bool:
        """Data is never barred."""
        return True

    def registered(self, imsi: str, plmn: str) -> None:
        """Ignore a registration."""

    def sent(self, plmn: str) -> None:
        """Ignore a transmission."""

    def sky(self) -> Sky:
        """The view from the yard of the terminal, stationary."""
        return Sky(51.43, 6.78, 32.0, 0.0, 0.0, 11, 0.9, blocked=False)

    def utc_s(self) -> float:
        """The host's clock."""
        return time.time()

    def fix_given(self, fix: Fix) -> None:
        """Ignore a position fix."""


class VirtualAir(StaticAir):
    """The same yard in virtual time, which begins at `start_s`, Unix time."""

    def __init__(self, env: simpy.Environment, rats: tuple[Rat, ...], start_s: int) -> None:
        super().__init__(rats)
        self._env = env
        self._start_s = start_s

    def utc_s(self) -> float:
        """Virtual time."""
        return self._start_s + self._env.now / 1_000


_DUISBURG = (
    Cell("26201", "emtc", 0x5A31, 0x1A2D003, 152, 6400, 20, -78, -9, 15),
    Cell("26201", "lte", 0x5A31, 0x1A2D001, 151, 1300, 3, -80, -9, 14),
    Cell("26202", "emtc", 0x1F44, 0x2B71103, 87, 6300, 20, -84, -10, 12),
    Cell("26202", "lte", 0x1F44, 0x2B71101, 86, 1801, 3, -86, -10, 11),
    Cell("26203", "emtc", 0x0C91, 0x30C5203, 311, 3749, 8, -91, -11, 8),
    Cell("26203", "lte", 0x0C91, 0x30C5201, 310, 2950, 7, -93, -11, 7),
    Cell("26201", "nbiot", 0x5A31, 0x1A2D013, 152, 6254, 20, -74, -8, 18),
    Cell("26201", "gsm", 0x3D02, 0x52C1, 27, 45, 900, -70, -6, 20),
)
