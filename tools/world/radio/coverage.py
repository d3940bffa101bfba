"""Coverage along the route: the level of every network, computed once per trip.

RSRP(d) = -93 dBm - 35 log10(d km) of the strongest site, plus shadowing of two lengths that
belongs to the operator and the place, plus a slow wobble in time. Networks end at their border.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args
from zlib import crc32

import numpy as np

from tools.modem.network.air import Cell, Rat
from tools.world.radio.sites import (
    Operator,
    Settlement,
    Site,
    country_span,
    draw_sites,
    draw_stations,
    read_operators,
    read_settlements,
)
from tools.world.rail.route import Route, distance_km

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

B1, B3, B7, B8, B20, B28 = (300, 1), (1_300, 3), (2_950, 7), (3_500, 8), (6_300, 20), (9_410, 28)
GSM_900, GSM_1800 = (45, 900), (700, 1800)
# (channel, band) as the modem prints them, by country and kind of network: Wikipedia through npm mcc-mnc-list
# 1.1.11; how often each carries a roaming tracker is not known.
LTE_BANDS = {
    "CN": (B1, B3, B8, (39_150, 40), (40_340, 41)),
    "MN": (B3, B28, (39_150, 40)),
    "KZ": (B1, B3, B20),
    "RU": (B1, B3, B7, B8, B20, (38_000, 38)),
    "BY": (B3, B7, B20),
    "PL": (B1, B3, B7, B8, B20),
    "DE": (B1, B3, B7, B8, B20, B28),
}
NARROW_BANDS = {
    "emtc": ((6_400, 20), (6_300, 20), (3_749, 8)),
    "nbiot": ((6_254, 20), (6_352, 20), (3_740, 8)),
}
GSM_BANDS = {"DE": (GSM_900,)}
TRACKING_AREA_KM = 90.0


@dataclass
class _Table:
    """One kind of one operator's network: level and strongest site in steps of STEP_KM."""

    operator: Operator
    kind: Rat
    first: int
    levels: Levels
    sites: Indices


@dataclass
class _Radio:
    """What one operator has: its masts, and the shadows on the steps from `first` on."""

    operator: Operator
    first: int
    shadow: Levels
    sites: list[Site]


SILENT_DBM = -150.0


class Coverage:
    """The radio of one trip for one class of modem; of the route, `usable_fraction` at most is usable. In the
    `silences`, from and until so many ms, no network is there at all."""

    def __init__(
        self,
        route: Route,
        modem: str,
        seed: int,
        usable_fraction: float | None = None,
        silences: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._seed = seed
        self._silences = silences
        self._route = route
        self._sites: dict[str, list[Site]] = {}
        self._tables: dict[str, list[_Table]] = {}
        track = _Track(route)
        settlements = read_settlements()
        stations = draw_stations(route, random.Random(f"{seed}/stations"))
        radios = []
        for operator in read_operators(modem):
            rng = random.Random(f"{seed}/coverage/{operator.plmn}")
            sites = draw_sites(route, operator, settlements, stations, rng)
            first, count = _steps(route, operator)
            radios.append(_Radio(operator, first, _shadow(count, rng), sites))
        if usable_fraction is not None:
            _thin(track, radios, settlements, usable_fraction, random.Random(f"{seed}/thinning"))
        for radio in radios:
            self._sites[radio.operator.plmn] = radio.sites
            self._tables.setdefault(radio.operator.country, []).extend(_tabled(track, radio, settlements))
        self._wobble = lru_cache(maxsize=64)(self._drawn_wobble)

    def cells(self, km: float, ms: int) -> list[Cell]:
        """The best cell of each network and kind at a place and time, strongest first.

        The level of a GSM cell is that of its carrier (RXLEV); of all others it is RSRP.
        """
        heard = []
        for table in self._tables[self._route.country(km)]:
            level = self._level(table, km, ms)
            if level > AUDIBLE_DBM:
                heard.append(self._cell(table, km, level))
        return sorted(heard, key=lambda cell: -cell.rsrp_dbm)

    def levels(self, km: float, ms: int) -> dict[tuple[str, str], float]:
        """RSRP in dBm by (PLMN, kind) of what the country has, on the scale of `USABLE_DBM`."""
        tables = self._tables[self._route.country(km)]
        return {(table.operator.plmn, table.kind): self._level(table, km, ms) for table in tables}

    def _level(self, table: _Table, km: float, ms: int) -> float:
        if any(start_ms <= ms < end_ms for start_ms, end_ms in self._silences):
            return SILENT_DBM
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
        # A mast has two sectors, one for each way along the route.
        sector = 1 + (crc32(f"{site.key}/{int(km / 2)}".encode()) & 1)
        choice = _bands(kind, table.operator.country)
        channel, band = choice[mast % len(choice)]
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


def _bands(kind: Rat, country: str) -> tuple[tuple[int, int], ...]:
    if kind == "lte":
        return LTE_BANDS[country]
    return GSM_BANDS.get(country, (GSM_900, GSM_1800)) if kind == "gsm" else NARROW_BANDS[kind]


class _Track:
    """The route in steps: coordinates and their coarse outline, for distances in bulk."""

    def __init__(self, route: Route) -> None:
        self.route = route
        count = int(route.length_km / STEP_KM) + 2
        points = [route.position(min(i * STEP_KM, route.length_km)) for i in range(count)]
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


def _steps(route: Route, operator: Operator) -> tuple[int, int]:
    """The first step of an operator's country, and how many it has."""
    first_km, last_km = country_span(route, operator.country)
    return int(first_km / STEP_KM), int((last_km - first_km) / STEP_KM) + 2


def _thin(
    track: _Track,
    radios: list[_Radio],
    settlements: tuple[Settlement, ...],
    fraction: float,
    rng: random.Random,
) -> None:
    """Take masts away, in an order drawn by lot, until no more than `fraction` of the route is usable."""
    lasts = np.ones(len(track.points))  # the lot at which a step is usable no more
    lots = [[rng.random() for _ in radio.sites] for radio in radios]
    for radio, drawn in zip(radios, lots, strict=True):
        for index, mine, part in _parts(track, radio, settlements):
            if not radio.sites[index].kinds:
                continue
            usable = part + radio.shadow[mine] > USABLE_DBM
            here = lasts[radio.first :][mine]
            here[usable] = np.minimum(here[usable], drawn[index])
    limit = float(np.quantile(lasts, fraction))
    for radio, drawn in zip(radios, lots, strict=True):
        radio.sites = [site for site, lot in zip(radio.sites, drawn, strict=True) if lot < limit]


def _tabled(track: _Track, radio: _Radio, settlements: tuple[Settlement, ...]) -> list[_Table]:
    """The tables of one operator; its kinds of network share masts and shadows."""
    count = len(radio.shadow)
    tables = [
        _Table(
            radio.operator,
            kind,
            radio.first,
            np.full(count, SILENT_DBM, np.float32),
            np.zeros(count, np.int32),
        )
        for kind in get_args(Rat)
        if kind in radio.operator.kinds
    ]
    for index, mine, part in _parts(track, radio, settlements):
        for table in tables:
            if table.kind in radio.sites[index].kinds:
                better = part > table.levels[mine]
                table.levels[mine][better] = part[better]
                table.sites[mine][better] = index
    for table in tables:
        table.levels += radio.shadow
    return tables


def _parts(
    track: _Track, radio: _Radio, settlements: tuple[Settlement, ...]
) -> Iterator[tuple[int, slice, Levels]]:
    """Of each mast: its index, the steps of the country that it reaches, its levels without shadows."""
    count = len(radio.shadow)
    for index, site in enumerate(radio.sites):
        start, levels = _from_site(track, site, settlements)
        low, high = max(start, radio.first), min(start + len(levels), radio.first + count)
        if low < high:
            yield index, slice(low - radio.first, high - radio.first), levels[low - start : high - start]


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
    return steps.start, np.where(distance <= REACH_KM, _rsrp(edge), SILENT_DBM).astype(np.float32)


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
