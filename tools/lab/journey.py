"""What a trip's line tells a device: the guide as the agent makes it, read by the firmware's own reader.

The device knows PLMNs, the lab numbers networks: from 1 on here, 0 is none.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from landbridge.features.coverage import digest
from landbridge.features.routes.coding import NO_BIN, Network
from landbridge.geo.route import Waypoint

from tools.lab.lines import Route
from tools.lab.plan import guide
from tools.world.radio.sites import Operator
from tools.world.rail.line import Line


def plmn(operator: Operator) -> int:
    """MCC * 1000 + MNC of a network, whose digits the tables have."""
    return int(operator.plmn[:3]) * 1_000 + int(operator.plmn[3:])


def places_km(here: Route) -> list[float | None]:
    """From the middle of each tile to the nearest place, None where that is not known."""
    count = int(here.line.length_km // digest.TILE_KM) + 1
    found = [here.place_km((tile + 0.5) * digest.TILE_KM) for tile in range(count)]
    return [None if math.isnan(km) else km for km in found]


@lru_cache(maxsize=64)
def made(line: Line, tiles: tuple[int, ...], networks: tuple[Network, ...], stay_h: float = 0.0) -> bytes:
    """The guide of a line, at whose goal a container stays for so long."""
    return digest.made(1, [Waypoint(*point) for point in line.waypoints], tiles, networks, stay_h)


def new_line(here: Route, networks: tuple[Operator, ...], places: bool, stay_h: float = 0.0) -> bytes:
    """The guide of a line on which nobody has been yet."""
    tiles = tuple(digest.bin_of_distance(km) if places else NO_BIN for km in places_km(here))
    return made(here.line, tiles, tuple(Network(plmn(each), 0, 0) for each in networks), stay_h)


class Guide:
    """Looks up the place of the last fix in a guide, `data`."""

    def __init__(self, data: bytes, networks: tuple[Operator, ...]) -> None:
        self._guide = guide.Route(data)
        self._numbers = {plmn(each): number for number, each in enumerate(networks, 1)}

    def journey(self, km: float, moving: bool, since_h: float, stood_h: float) -> Any:
        """From a fix at `km` that is `since_h` old; the train runs, or has stood for `stood_h`."""
        found = self._guide.forecast(round(4 * km), moving, int(3_600 * since_h), int(3_600 * stood_h))
        return found._replace(networks=tuple(self._numbers[each] for each in found.networks))
