"""Encodes a route, with its coverage and networks, as route data."""

from collections.abc import Sequence

from landbridge.geo.route import MCC, Waypoint
from landbridge.geo.timetable import STAY_SIGMA, STOPS, STOPS_AT, Ahead, stay, timetable
from landbridge.protocol import route_data
from landbridge.protocol.limits import WireError
from landbridge.protocol.route_data import LEARNED, NO_BIN, Network, RouteData, Station, encode

TILE_KM = route_data.TILE_KM
BIN_FRACTIONS = (0.97, 0.90, 0.75, 0.50, 0.25, 0.10, 0.03)
"""The initial meaning of a bin: the fraction of places with a usable network. The device corrects it by its
own sessions."""
BIN_KM = (5.0, 8.0, 12.0, 18.0)
"""The same by distance to the nearest place with 500 inhabitants: upper limits."""
UNKNOWN_FRACTION = 0.75
"""The bin of an unknown tile."""
WELL_HEARD_DBM = -114
"""Fraction from which an uplink costs about its minimum; used for learned bins."""
MOST_NETWORKS = 24
_SIGMAS = sorted({STAY_SIGMA, *(sigma for _, sigma in (*STOPS.values(), *STOPS_AT.values()))})


def build(
    revision: int,
    waypoints: Sequence[Waypoint],
    tiles: Sequence[int],
    networks: Sequence[Network],
    stay_h: float = 0.0,
) -> bytes:
    """The route data of a route; `tiles` of TILE_KM each from its begin on; `stay_h` as in `timetable`. Of
    the networks the first MOST_NETWORKS have room. Where a route is too long, every other tile speaks for
    two; `WireError` if that is too much."""
    try:
        return encode(_route_data(revision, waypoints, tiles, networks, TILE_KM, stay_h))
    except WireError:
        return encode(_route_data(revision, waypoints, tiles[::2], networks, 2 * TILE_KM, stay_h))


def _route_data(
    revision: int,
    waypoints: Sequence[Waypoint],
    tiles: Sequence[int],
    networks: Sequence[Network],
    tile_km: int,
    stay_h: float,
) -> RouteData:
    rows = zip(waypoints, timetable(waypoints, stay_h), strict=True)
    return RouteData(
        revision=revision,
        stations=[_station(point, ahead) for point, ahead in rows],
        stays=[stay(sigma) for sigma in _SIGMAS],
        networks=networks[:MOST_NETWORKS],
        tile_km=tile_km,
        tiles=tiles,
    )


def bin_of_distance(place_km: float | None) -> int:
    """Return the bin of a tile at this distance from the nearest place."""
    return NO_BIN if place_km is None else sum(place_km >= least_km for least_km in BIN_KM)


def bin_of_fraction(fraction: float) -> int:
    """Return the bin of a tile where this fraction of observations found a network."""
    nearest = min(range(len(BIN_FRACTIONS)), key=lambda i: abs(BIN_FRACTIONS[i] - fraction))
    return nearest | LEARNED


def fraction_of(tile: int) -> float:
    """Return the fraction that a tile encodes."""
    return UNKNOWN_FRACTION if tile == NO_BIN else BIN_FRACTIONS[tile & ~LEARNED]


def is_learned(tile: int) -> bool:
    """Whether the bin was learned from the fleet."""
    return tile != NO_BIN and tile & LEARNED != 0


def _station(point: Waypoint, ahead: Ahead) -> Station:
    return Station(
        lat=point.lat,
        lon=point.lon,
        km=point.km,
        after_min=60 * ahead.after_h,
        deviation_min=60 * ahead.variance**0.5,
        arrival_min=60 * ahead.arrival()[0],
        median_min=60 * ahead.median_h,
        mcc=MCC[point.country],
        stay=_SIGMAS.index(ahead.sigma),
    )
