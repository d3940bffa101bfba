"""What can be heard along the line: the level of every network, tabled once per trip.

RSRP(d) = -93 dBm - 35 log10(d km) of the strongest site, plus shadowing of two lengths that
belongs to the operator and the place, plus a slow wobble in time. Networks end at their border.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args
from zlib import crc32

import numpy as np

from tools.modem.air import Cell, Rat
from tools.world.line import Line, distance_km
from tools.world.sites import (
    Operator,
    Settlement,
    Site,
    country_span,
    draw_sites,
    draw_stations,
    read_operators,
    read_settlements,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Levels = NDArray[np.float32]
    Indices = NDArray[np.int32]

STEP_KM = 0.25
REACH_KM = 30.0
COARSE_STEPS = 8
SHADOWS = ((0.7, 6.0), (4.0, 8.0))
"""Length in km and standard deviation in dB of each scale: together the 10 dB measured in Germany."""
WOBBLE_DB = 2.0
SLOT_MS = 1_800_000
"""The wobble changes from slot to slot."""

USABLE_DBM = -122.0
"""Below this a network does not serve in the reference model."""
AUDIBLE_DBM = -126.0
"""Cells down to this are shown: a modem hears them and fails on most of them."""
GSM_ABOVE_RSRP_DB = 14.0
"""A GSM carrier is measured over 200 kHz, RSRP over 15 kHz: -108 dBm is as bad as -122."""

BANDS = {
    # Kind of network: (channel, band) as the modem prints them.
    "lte": ((1_300, 3), (1_801, 3), (6_300, 20), (2_950, 7)),
    "emtc": ((6_400, 20), (6_300, 20), (3_749, 8)),
    "nbiot": ((6_254, 20), (6_352, 20), (3_740, 8)),
    "gsm": ((45, 8), (27, 8), (98, 8)),
}
TRACKING_AREA_KM = 90.0


@dataclass
class _Table:
    """One kind of one operator's network: level and strongest site in steps of STEP_KM."""

    operator: Operator
    kind: Rat
    first: int
    levels: Levels
    sites: Indices


class Coverage:
    """The radio of one trip for one class of modem."""

    def __init__(self, line: Line, modem: str, seed: int) -> None:
        self._seed = seed
        self._line = line
        self._sites: dict[str, list[Site]] = {}
        self._tables: dict[str, list[_Table]] = {}
        track = _Track(line)
        settlements = read_settlements()
        stations = draw_stations(line, random.Random(f"{seed}/stations"))
        for operator in read_operators(modem):
            rng = random.Random(f"{seed}/coverage/{operator.plmn}")
            sites = draw_sites(line, operator, settlements, stations, rng)
            self._sites[operator.plmn] = sites
            tables = self._tables.setdefault(operator.country, [])
            tables += _tabled(track, operator, sites, settlements, rng)
        self._wobble = lru_cache(maxsize=64)(self._drawn_wobble)

    def cells(self, km: float, ms: int) -> list[Cell]:
        """The best cell of each network and kind at a place and time, strongest first.

        The level of a GSM cell is that of its carrier (RXLEV); of all others it is RSRP.
        """
        heard = []
        for table in self._tables[self._line.country(km)]:
            level = self._level(table, km, ms)
            if level > AUDIBLE_DBM:
                heard.append(self._cell(table, km, level))
        return sorted(heard, key=lambda cell: -cell.rsrp_dbm)

    def levels(self, km: float, ms: int) -> dict[tuple[str, str], float]:
        """RSRP in dBm by (PLMN, kind) of what the country has, on the scale of `USABLE_DBM`."""
        tables = self._tables[self._line.country(km)]
        return {(table.operator.plmn, table.kind): self._level(table, km, ms) for table in tables}

    def _level(self, table: _Table, km: float, ms: int) -> float:
        step = km / STEP_KM - table.first
        index = min(max(int(step), 0), len(table.levels) - 2)
        part = min(max(step - index, 0.0), 1.0)
        a, b = float(table.levels[index]), float(table.levels[index + 1])
        return a + (b - a) * part + self._wobble(table.operator.plmn, ms // SLOT_MS)

    def _drawn_wobble(self, plmn: str, slot: int) -> float:
        return random.Random(f"{self._seed}/wobble/{plmn}/{slot}").gauss(0, WOBBLE_DB)

    def _cell(self, table: _Table, km: float, level: float) -> Cell:
        plmn, kind = table.operator.plmn, table.kind
        step = min(max(int(km / STEP_KM) - table.first, 0), len(table.sites) - 1)
        site = self._sites[plmn][table.sites[step]]
        mast = crc32(f"{plmn}/{site.key}".encode())
        area = crc32(f"{plmn}/{kind == 'gsm'}/{int(km / TRACKING_AREA_KM)}".encode())
        # A mast has two sectors, one for each way along the line.
        sector = 1 + (crc32(f"{site.key}/{int(km / 2)}".encode()) & 1)
        channel, band = BANDS[kind][mast % len(BANDS[kind])]
        sinr_db = round(min(25.0, max(-10.0, 0.8 * (level + 112))))
        return Cell(
            plmn=plmn,
            rat=kind,
            tac=area % 0xFFFD + 1,
            cell_id=_cell_id(kind, mast, sector),
            pci=mast % 64 if kind == "gsm" else mast % 504,
            earfcn=channel,
            band=band,
            rsrp_dbm=round(level + (GSM_ABOVE_RSRP_DB if kind == "gsm" else 0)),
            rsrq_db=round(-6 - 0.35 * (25 - sinr_db)),
            sinr_db=sinr_db,
        )


class _Track:
    """The line in steps: coordinates and their coarse outline, for distances in bulk."""

    def __init__(self, line: Line) -> None:
        self.line = line
        count = int(line.length_km / STEP_KM) + 2
        points = [line.position(min(i * STEP_KM, line.length_km)) for i in range(count)]
        self.points = np.array(points)
        self._coarse = self.points[::COARSE_STEPS]

    def near(self, place: tuple[float, float]) -> slice:
        """The steps that can lie within reach of a place, and some more; may be empty."""
        far_km = REACH_KM + COARSE_STEPS * STEP_KM
        found = np.flatnonzero(_distances_km(self._coarse, place) < far_km)
        if not len(found):
            return slice(0, 0)
        return slice(int(found[0]) * COARSE_STEPS, int(found[-1]) * COARSE_STEPS + 1)


def _distances_km(points: Any, place: tuple[float, float]) -> Any:
    """Flat-earth distance of rows of (latitude, longitude) from a place."""
    degree_km = distance_km((0.0, 0.0), (1.0, 0.0))
    east = (points[:, 1] - place[1]) * math.cos(math.radians(place[0]))
    return degree_km * np.hypot(points[:, 0] - place[0], east)


def _tabled(
    track: _Track,
    operator: Operator,
    sites: list[Site],
    settlements: tuple[Settlement, ...],
    rng: random.Random,
) -> list[_Table]:
    """The tables of one operator; its kinds of network share masts and shadows."""
    first_km, last_km = country_span(track.line, operator.country)
    first, count = int(first_km / STEP_KM), int((last_km - first_km) / STEP_KM) + 2
    shadow = _shadow(count, rng)
    tables = [
        _Table(operator, kind, first, np.full(count, -150.0, np.float32), np.zeros(count, np.int32))
        for kind in get_args(Rat)
        if kind in operator.kinds
    ]
    for index, site in enumerate(sites):
        start, levels = _from_site(track, site, settlements)
        low, high = max(start, first), min(start + len(levels), first + count)
        if low >= high:
            continue
        part = levels[low - start : high - start]
        for table in tables:
            if table.kind in site.kinds:
                mine = slice(low - first, high - first)
                better = part > table.levels[mine]
                table.levels[mine][better] = part[better]
                table.sites[mine][better] = index
    for table in tables:
        table.levels += shadow
    return tables


def _from_site(track: _Track, site: Site, settlements: tuple[Settlement, ...]) -> tuple[int, Levels]:
    """First step and levels of one site where it reaches, without shadowing."""
    if site.settlement < 0:
        first = max(0, math.ceil((site.km - REACH_KM) / STEP_KM))
        last = min(len(track.points), math.floor((site.km + REACH_KM) / STEP_KM) + 1)
        along = np.arange(first, last) * STEP_KM - site.km
        return first, _rsrp(np.hypot(along, site.lateral_km))
    place = settlements[site.settlement]
    steps = track.near((place.lat, place.lon))
    distance = _distances_km(track.points[steps], (place.lat, place.lon))
    # A town is as near as its edge.
    edge = np.maximum(0.7, distance - 0.25 * math.sqrt(place.population / 1_000))
    return steps.start, np.where(distance <= REACH_KM, _rsrp(edge), -150.0).astype(np.float32)


def _rsrp(distance: Any) -> Levels:
    levels: Levels = (-93 - 35 * np.log10(distance)).astype(np.float32)
    return levels


def _shadow(count: int, rng: random.Random) -> Levels:
    """Sum of the AR(1) scales, one value a step, dB."""
    total = np.zeros(count, np.float32)
    for length_km, deviation_db in SHADOWS:
        keep = math.exp(-STEP_KM / length_km)
        fresh = math.sqrt(1 - keep * keep)
        value, values = rng.gauss(0, 1), []
        for _ in range(count):
            values.append(value)
            value = keep * value + fresh * rng.gauss(0, 1)
        total += deviation_db * np.array(values, np.float32)
    return total


def _cell_id(kind: str, mast: int, sector: int) -> int:
    """16 bits on GSM; else 28 bits: 20 of the mast, 8 of the sector and kind."""
    if kind == "gsm":
        return (mast ^ sector) & 0xFFFF or 1
    offset = {"lte": 0, "emtc": 2, "nbiot": 16}[kind]
    return (mast & 0xFFFFF) << 8 | sector + offset
