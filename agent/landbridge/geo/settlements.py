"""Distance from a position to the nearest settlements, for estimates of coverage.

The table has 500 inhabitants and more, and no names; what people see of a position comes from `places`.
It is derived from GeoNames (geonames.org), CC BY 4.0.
"""

import lzma
import math
import sys
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path

from landbridge.geo.distance import KM_A_DEGREE

DATA = Path(__file__).parent / "data" / "settlements.xz"
CELLS_A_DEGREE = 50
COLUMNS = 360 * CELLS_A_DEGREE
FARTHEST_KM = 30.0
"""Longer distances are not computed."""


def cell(lat: float, lon: float) -> tuple[int, int]:
    """(row, column) of a place in degrees."""
    return int((lat + 90) * CELLS_A_DEGREE), int((lon + 180) * CELLS_A_DEGREE) % COLUMNS


def distance_km(lat: float, lon: float) -> float:
    """Return the kilometres to the nearest settlement, at most FARTHEST_KM; accurate to 1.5 km."""
    numbers = _numbers()
    row, column = cell(lat, lon)
    cosine = max(math.cos(math.radians(lat)), 0.01)
    reach = FARTHEST_KM / KM_A_DEGREE * CELLS_A_DEGREE
    rows, columns = math.ceil(reach), math.ceil(reach / cosine)
    nearest = FARTHEST_KM
    for there in range(row - rows, row + rows + 1):
        first = there * COLUMNS + max(0, column - columns)
        last = there * COLUMNS + min(COLUMNS - 1, column + columns)
        for number in numbers[bisect_left(numbers, first) : bisect_left(numbers, last + 1)]:
            north = (there + 0.5) / CELLS_A_DEGREE - 90 - lat
            east = ((number % COLUMNS + 0.5) / CELLS_A_DEGREE - 180 - lon) * cosine
            nearest = min(nearest, KM_A_DEGREE * math.hypot(north, east))
    return nearest


@cache
def _numbers() -> Sequence[int]:
    steps = array("I", lzma.decompress(DATA.read_bytes()))
    if sys.byteorder == "big":
        steps.byteswap()
    return array("I", accumulate(steps))
