"""What is known of the networks along a line, by country."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from landbridge.features.coverage.digest import TILE_KM
from landbridge.features.routes.queries.routes import Key, Seen
from landbridge.geo.route import MCC, Waypoint
from landbridge.protocol.route_data import Network

LEAST_LOOKS = 10
"""In a country, before a share of it means something."""


def networks(
    seen: Mapping[Key, Seen], costs: Mapping[int, int], stations: Sequence[Waypoint]
) -> list[Network]:
    """The networks that were heard on the line, the most often heard first; `costs` in percent by PLMN."""
    on_line = {MCC[point.country] for point in stations}
    looks: dict[int, int] = defaultdict(int)
    heard: dict[int, int] = defaultdict(int)
    for (tile, plmn), each in seen.items():
        looks[plmn // 1000 if plmn else country(stations, tile)] += each.looks
        heard[plmn] += each.looks
    found = []
    for plmn, count in sorted(heard.items(), key=lambda item: -item[1]):
        mcc = plmn // 1000
        if mcc in on_line:
            usable = 100 * count // looks[mcc] if looks[mcc] >= LEAST_LOOKS else 0
            found.append(Network(plmn, costs.get(plmn, 0), usable))
    return found


def country(stations: Sequence[Waypoint], tile: int) -> int:
    """MCC of the country in which a tile lies: that of the nearest station along the line."""
    km = (tile + 0.5) * TILE_KM
    return MCC[min(stations, key=lambda point: abs(point.km - km)).country]
