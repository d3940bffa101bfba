"""Radio sites along the route: where each operator has masts, drawn from settlements and stations.

Reference model of radio: an operator serves a settlement with a probability that grows with its
population and shares the masts of those stations that have one, and where the open line is covered
it has trackside sites at a spacing with jitter. Probabilities and spacings are model values, from
memory, fitted to measurements of one German main line; that of the small stations is chosen so
that the usable fraction of the route in Kazakhstan and Russia comes out as in the reference world.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from tools.world.rail.route import DATA, Route, rows

SETTLEMENT_SERVED = ((5_000, 0.98), (1_500, 0.85), (0, 0.65))
"""Operator present, from this many inhabitants on."""
STATION_HOSTS = {"CN": 0.9, "KZ": 0.35, "RU": 0.45, "BY": 0.7, "PL": 0.9, "DE": 0.9}
STAFFED_HOSTS = {"hub": 0.95, "border": 0.95, "gauge": 0.95, "yard": 0.7}
"""At least: where people work round the clock [C]."""
AT_MAST = 0.65
"""An operator present on a mast that is there, staffed stations apart: as in a small settlement."""
SMALL_STATION_KM = {"KZ": 13.0, "RU": 8.0}
"""Between passing stations that the table of waypoints does not have [C]."""
STRETCH_KM = 120.0
STRETCHES = {"KZ": (0.2, 1.7), "RU": (0.8, 1.2)}
"""Masts are rare in one such stretch and frequent in the next: factors on their probability [C]."""
TRACKSIDE_SPACING_KM = {"CN": 9.0, "BY": 14.0, "PL": 8.0, "DE": 6.0}
TRACKSIDE_JITTER_KM = 2.0
LATERAL_KM = (0.3, 2.0)

KIND_FRACTION = {
    # Share of an operator's sites that carry a kind of network, where it is not all of them.
    ("gsm", "46000"): 0.6,  # no new 2G of things since 2020, GSM shrinks
    ("gsm", "46001"): 0.3,
    ("gsm", "DE"): 0.98,
    ("emtc", "DE"): 0.95,
    ("nbiot", "DE"): 0.95,
    ("emtc", "PL"): 0.9,
    ("lte", "KZ"): 0.85,
    ("lte", "RU"): 0.9,
    ("lte", "BY"): 0.9,
}


class Settlement(NamedTuple):
    """A place near the route, degrees."""

    name: str
    country: str
    lat: float
    lon: float
    population: int


class Operator(NamedTuple):
    """A network and what one class of modem finds there, strongest habit first."""

    plmn: str
    country: str
    kinds: tuple[str, ...]


class Station(NamedTuple):
    """A station with a mast beside the track; `shared` is the probability of an operator on it."""

    name: str
    country: str
    km: float
    shared: float


class Site(NamedTuple):
    """One mast. `key` is the same in every trip; `km` is where it stands along the route.

    A site in a settlement has `settlement` as its index in the table, one at the route -1 and the
    distance from the track in `lateral_km`.
    """

    key: str
    km: float
    lateral_km: float
    settlement: int
    kinds: frozenset[str]


def read_settlements() -> tuple[Settlement, ...]:
    """The table of places."""
    return tuple(
        Settlement(row["name"], row["country"], float(row["lat"]), float(row["lon"]), int(row["population"]))
        for row in rows(DATA / "settlements.csv")
    )


def read_operators(modem: str) -> tuple[Operator, ...]:
    """The networks that a class of modem ("bg95" or "sim7600") meets."""
    return tuple(
        Operator(row["plmn"], row["country"], tuple(row[modem].split(";")))
        for row in rows(DATA / "operators.csv")
    )


def draw_stations(route: Route, rng: random.Random) -> list[Station]:
    """The stations that have a mast: of the waypoints, and of the small ones between them."""
    stations = []
    for point in route.waypoints:
        likely = max(STATION_HOSTS[point.country], STAFFED_HOSTS.get(point.kind, 0.0))
        if rng.random() < likely:
            shared = max(AT_MAST, STAFFED_HOSTS.get(point.kind, 0.0))
            stations.append(Station(point.name, point.country, point.km, shared))
    for country, spacing_km in SMALL_STATION_KM.items():
        first_km, last_km = country_span(route, country)
        factors = [rng.choice(STRETCHES[country]) for _ in range(int((last_km - first_km) / STRETCH_KM) + 1)]
        for index in range(int((last_km - first_km) / spacing_km)):
            km = first_km + (index + rng.random()) * spacing_km
            if rng.random() < STATION_HOSTS[country] * factors[int((km - first_km) / STRETCH_KM)]:
                stations.append(Station(f"{country} station {index}", country, km, AT_MAST))
    return stations


def draw_sites(
    route: Route,
    operator: Operator,
    settlements: tuple[Settlement, ...],
    stations: list[Station],
    rng: random.Random,
) -> list[Site]:
    """The sites of one operator."""
    masts = [
        *_in_settlements(operator, settlements, rng),
        *_at_stations(operator, stations, rng),
        *_trackside(route, operator, rng),
    ]
    return [site._replace(kinds=_kinds(operator, rng)) for site in masts]


def country_span(route: Route, country: str) -> tuple[float, float]:
    """First and last kilometre of the route in a country."""
    entered = [border.km for border in route.borders if border.entered == country]
    left = [border.km for border in route.borders if border.left == country]
    return (entered[0] if entered else 0.0), (left[0] if left else route.length_km)


def _in_settlements(
    operator: Operator, settlements: tuple[Settlement, ...], rng: random.Random
) -> Iterator[Site]:
    for index, place in enumerate(settlements):
        if place.country != operator.country:
            continue
        served = next(fraction for least, fraction in SETTLEMENT_SERVED if place.population >= least)
        if rng.random() < served:
            yield Site(f"{place.name} {place.lat:.2f} {place.lon:.2f}", 0.0, 0.0, index, frozenset())


def _at_stations(operator: Operator, stations: list[Station], rng: random.Random) -> Iterator[Site]:
    for station in stations:
        if station.country == operator.country and rng.random() < station.shared:
            yield Site(station.name, station.km, rng.uniform(*LATERAL_KM), -1, frozenset())


def _trackside(route: Route, operator: Operator, rng: random.Random) -> Iterator[Site]:
    spacing_km = TRACKSIDE_SPACING_KM.get(operator.country)
    if spacing_km is None:
        return
    first_km, last_km = country_span(route, operator.country)
    for index in range(int((last_km - first_km) / spacing_km)):
        km = first_km + (index + 0.5) * spacing_km + rng.uniform(-1, 1) * TRACKSIDE_JITTER_KM
        yield Site(f"track {index}", km, rng.uniform(*LATERAL_KM), -1, frozenset())


def _kinds(operator: Operator, rng: random.Random) -> frozenset[str]:
    kinds = []
    for kind in operator.kinds:
        fraction = KIND_FRACTION.get((kind, operator.plmn), KIND_FRACTION.get((kind, operator.country), 1.0))
        if rng.random() < fraction:
            kinds.append(kind)
    return frozenset(kinds)
