"""The known networks along a route, by country."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from landbridge.features.coverage.encoding import TILE_KM
from landbridge.features.routes.queries.routes import Coverage, Key
from landbridge.geo.route import MCC, Waypoint
from landbridge.protocol.route_data import Network

LEAST_OBSERVATIONS = 10
"""Observations in a country from which a network's fraction counts."""


def networks(
    coverage: Mapping[Key, Coverage], costs: Mapping[int, int], stations: Sequence[Waypoint]
) -> list[Network]:
    """Return the networks heard on the route, most frequent first; `costs` in percent by PLMN."""
    on_route = {MCC[point.country] for point in stations}
    observations: dict[int, int] = defaultdict(int)
    heard: dict[int, int] = defaultdict(int)
    for (tile, plmn), each in coverage.items():
        observations[plmn // 1000 if plmn else country(stations, tile)] += each.observations
        heard[plmn] += each.observations
    found = []
    for plmn, count in sorted(heard.items(), key=lambda item: -item[1]):
        mcc = plmn // 1000
        if mcc in on_route:
            usable = 100 * count // observations[mcc] if observations[mcc] >= LEAST_OBSERVATIONS else 0
            found.append(Network(plmn, costs.get(plmn, 0), usable))
    return found


def country(stations: Sequence[Waypoint], tile: int) -> int:
    """Return the MCC of the country of a tile: that of the nearest station along the route."""
    km = (tile + 0.5) * TILE_KM
    return MCC[min(stations, key=lambda point: abs(point.km - km)).country]
