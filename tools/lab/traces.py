"""A recording as a trip: the positions of a device and the networks it heard, from a CSV file.

Columns: time (ISO 8601, UTC unless it says otherwise), lat, lon (degrees), operator (MCC and MNC), RSRP
(dBm); one row an operator and moment, in order of time. A slot has the place of the recording at its
beginning and the best level of each operator within it; a network belongs to the country of its MCC.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from landbridge.core.checked import Wanted, Within, checked_row, key, parts, strict
from landbridge.core.errors import UserError
from landbridge.geo.countries import of_network

from tools.lab.instances import (
    BLOCKED,
    COST_FACTORS,
    COST_WEIGHTS,
    FIX_SIGMA,
    MOVING_KM,
    SLOT_S,
    UPLOAD_SIGMA,
    Floats,
    Instance,
)
from tools.lab.radio import SILENT_DBM
from tools.lab.routes import Corridor, FileError
from tools.world.radio.sites import Operator
from tools.world.rail.route import Route, Waypoint, distance_km

STEP_KM = 50.0
"""Waypoints of a recorded route are so far apart at least."""
COLD_C = 0.0
"""Battery temperature where a recording has none."""


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _numbered(plmn: str) -> int:
    """Return MCC * 1000 + MNC."""
    return int(plmn[:3]) * 1000 + int(plmn[3:])


def _is_network(text: str) -> bool:
    return len(text) in (5, 6) and text.isdecimal() and of_network(_numbered(text)) is not None


@strict
@dataclass(frozen=True)
class _Row:
    """A row of the file."""

    time: Annotated[str, Wanted("an ISO 8601 time", _is_time)]
    lat: Annotated[float, Within(-90, 90)]
    lon: Annotated[float, Within(-180, 180)]
    operator: Annotated[str, Wanted("MCC and MNC of a country, 5 or 6 digits", _is_network)]
    rsrp: Annotated[float, Within(-160, -20)] = key(..., alias="RSRP")


class Sample(NamedTuple):
    """One row: seconds since 1970, degrees, PLMN, dBm."""

    s: float
    lat: float
    lon: float
    plmn: str
    dbm: float


def read_trace(path: Path) -> Instance:
    """Return the trip of a recording. Raises FileError that names row and column."""
    samples = _samples(path)
    first_s = samples[0].s
    slots = int((samples[-1].s - first_s) // SLOT_S) + 1
    starts_s = first_s + SLOT_S * np.arange(slots + 1)
    times_s, unique = np.unique([each.s for each in samples], return_index=True)
    lat = np.interp(starts_s, times_s, [samples[i].lat for i in unique])
    lon = np.interp(starts_s, times_s, [samples[i].lon for i in unique])
    km = _along(lat, lon)
    plmns = sorted({each.plmn for each in samples})
    networks = tuple(Operator(plmn, of_network(_numbered(plmn)) or "", ()) for plmn in plmns)
    rsrp = np.full((len(networks), slots), SILENT_DBM)
    for each in samples:
        at = plmns.index(each.plmn), int((each.s - first_s) // SLOT_S)
        rsrp[at] = max(rsrp[at], each.dbm)
    country = _countries(networks, rsrp)
    rng = np.random.default_rng(list(path.name.encode()))
    return Instance(
        name=path.stem,
        corridor=_corridor(path.stem, lat[:-1], lon[:-1], km[:-1], country),
        km=km[:-1],
        moving=np.diff(km) > MOVING_KM,
        lat=lat[:-1],
        lon=lon[:-1],
        country=country,
        networks=networks,
        factor=rng.choice(COST_FACTORS, len(networks), p=COST_WEIGHTS),
        rsrp=rsrp,
        sky=rng.random(slots) >= BLOCKED,
        battery_c=np.full(slots, COLD_C),
        fix_noise=np.exp(rng.normal(0, FIX_SIGMA, slots)),
        upload_noise=np.exp(rng.normal(0, UPLOAD_SIGMA, slots)),
        luck=rng.random(slots),
    )


def _samples(path: Path) -> list[Sample]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in parts(_Row) if column not in (reader.fieldnames or ())]
            if missing:
                raise FileError(f"{path}: row 1: no column {missing[0]}")
            samples: list[Sample] = []
            for row in reader:
                samples.append(_sample(f"{path}: row {reader.line_num}", row, samples))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: {error}") from None
    if not samples or samples[-1].s - samples[0].s < 2 * SLOT_S:
        raise FileError(f"{path}: row {len(samples) + 1}, column time: a trip lasts at least an hour")
    return samples


def _sample(where: str, cells: Mapping[str, Any], before: list[Sample]) -> Sample:
    try:
        row = checked_row(_Row, cells, where)
    except UserError as error:
        raise FileError(str(error)) from None
    moment = datetime.fromisoformat(row.time)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if before and moment.timestamp() < before[-1].s:
        raise FileError(f"{where}, column time: earlier than the row before")
    return Sample(moment.timestamp(), row.lat, row.lon, row.operator, row.rsrp)


def _along(lat: Floats, lon: Floats) -> Floats:
    steps = [distance_km(a, b) for a, b in pairwise(zip(lat.tolist(), lon.tolist(), strict=True))]
    return np.concatenate([[0.0], np.cumsum(steps)])


def _countries(networks: tuple[Operator, ...], rsrp: Floats) -> tuple[str, ...]:
    """Return the country of the strongest network in each slot, that of the slot before if none is heard."""
    countries, last = [], networks[int(rsrp.max(axis=1).argmax())].country
    for slot in range(rsrp.shape[1]):
        strongest = int(rsrp[:, slot].argmax())
        last = networks[strongest].country if rsrp[strongest, slot] > SILENT_DBM else last
        countries.append(last)
    return tuple(countries)


def _corridor(name: str, lat: Floats, lon: Floats, km: Floats, country: tuple[str, ...]) -> Corridor:
    """Return the recorded route, with no places known around it."""
    waypoints = [Waypoint("", country[0], float(lat[0]), float(lon[0]), "line", 0.0)]
    for slot in range(1, len(km)):
        if km[slot] - waypoints[-1].km >= STEP_KM:
            place = float(lat[slot]), float(lon[slot])
            waypoints.append(Waypoint("", country[slot], *place, "line", float(km[slot])))
    if len(waypoints) == 1:
        waypoints.append(waypoints[0]._replace(km=STEP_KM))
    return Corridor(name, Route.of(waypoints), (), np.full(1, np.nan, dtype=np.float32))
