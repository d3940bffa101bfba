"""The route data of a trip as the agent makes it, read by the firmware's own reader.

The device knows PLMNs, the lab numbers networks: here from 1 on, 0 is none.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from landbridge.features.coverage import encoding
from landbridge.features.routes.coding import NO_BIN, Network
from landbridge.geo.route import Waypoint

from tools.lab.plan import route as firmware_route
from tools.lab.routes import Corridor
from tools.world.radio.sites import Operator
from tools.world.rail.route import Route


def plmn(operator: Operator) -> int:
    """Return MCC * 1000 + MNC of a network of the tables."""
    return int(operator.plmn[:3]) * 1_000 + int(operator.plmn[3:])


def places_km(here: Corridor) -> list[float | None]:
    """Return the kilometres from the middle of each tile to the nearest place, None where that is unknown."""
    count = int(here.route.length_km // encoding.TILE_KM) + 1
    found = [here.place_km((tile + 0.5) * encoding.TILE_KM) for tile in range(count)]
    return [None if math.isnan(km) else km for km in found]


@lru_cache(maxsize=64)
def made(route: Route, tiles: tuple[int, ...], networks: tuple[Network, ...], stay_h: float = 0.0) -> bytes:
    """Return the route data of a route at whose goal a container stays for `stay_h`."""
    return encoding.build(1, [Waypoint(*point) for point in route.waypoints], tiles, networks, stay_h)


def new_route(here: Corridor, networks: tuple[Operator, ...], places: bool, stay_h: float = 0.0) -> bytes:
    """Return the route data of a route on which no device has been yet."""
    tiles = tuple(encoding.bin_of_distance(km) if places else NO_BIN for km in places_km(here))
    return made(here.route, tiles, tuple(Network(plmn(each), 0, 0) for each in networks), stay_h)


class RouteData:
    """Looks up the place of the last fix in the route data `data`."""

    def __init__(self, data: bytes, networks: tuple[Operator, ...]) -> None:
        self._route = firmware_route.Route(data)
        self._numbers = {plmn(each): number for number, each in enumerate(networks, 1)}

    def forecast(self, km: float, moving: bool, since_h: float, stood_h: float) -> Any:
        """Return the forecast from a fix at `km` that is `since_h` old; the train runs, or has stood for
        `stood_h`."""
        found = self._route.forecast(round(4 * km), moving, int(3_600 * since_h), int(3_600 * stood_h))
        return found._replace(networks=tuple(self._numbers[each] for each in found.networks))
