"""A container crosses the 180th meridian: exports, geofences, boxes and the map go on beyond it, not
around."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import shapely
from landbridge.core.errors import UserError
from landbridge.features.exports.formats import Format
from landbridge.geo import route as line
from landbridge.geo.distance import Place
from landbridge.points.rows import StoredPoint
from landbridge.tracking import geofences
from playwright.sync_api import Page

from host_tests.support.fleet import FIRST, Fleet, Pages, at, exported
from host_tests.support.web import MAP, Watched, drawn, sign_in, until

MANY = 2_400
KML, GPX = "{http://www.opengis.net/kml/2.2}", "{http://www.topografix.com/GPX/1/1}"


def crossing(lons: list[int], **changes: int) -> list[StoredPoint]:
    """Fixes an hour apart on these longitudes, 1e-5 degrees, a degree further north each."""
    taken = [at(hour, lat=60_00000 + hour * 100_000, lon=lon, **changes) for hour, lon in enumerate(lons, 1)]
    return [StoredPoint(FIRST, each, each.time, False, 0, each.time, None, None, None) for each in taken]


def kml_lines(track: list[StoredPoint]) -> list[list[tuple[float, ...]]]:
    kml = ElementTree.fromstring(exported(FIRST, track, Format.KML))
    found = kml.findall(f".//{KML}LineString/{KML}coordinates")
    return [[tuple(map(float, place.split(","))) for place in (each.text or "").split()] for each in found]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_is_cut_at_the_meridian(sign: int):
    east, west = kml_lines(crossing([sign * 178_00000, sign * 179_00000, -sign * 179_00000]))
    assert [place[:2] for place in east] == [(sign * 178.0, 61.0), (sign * 179.0, 62.0), (sign * 180.0, 62.5)]
    assert [place[:2] for place in west] == [(-sign * 180.0, 62.5), (-sign * 179.0, 63.0)]


def test_a_line_that_does_not_cross_is_whole():
    assert len(kml_lines(crossing([-80_00000, 10_00000, 90_00000]))) == 1
    assert len(kml_lines(crossing([180_00000, -180_00000, 180_00000]))) == 3
    assert kml_lines([]) == [[]]


def test_a_segment_ends_at_the_meridian_and_no_point_is_made_up():
    gpx = ElementTree.fromstring(exported(FIRST, crossing([179_00000, -179_00000, -178_00000]), Format.GPX))
    segments = [
        [each.get("lon") for each in segment.findall(f"{GPX}trkpt")]
        for segment in gpx.findall(f".//{GPX}trkseg")
    ]
    assert segments == [["179.00000"], ["-179.00000", "-178.00000"]]


def geofence(kind: str, coordinates: Any, radius_m: float | None = None) -> geofences.Geofence:
    drawn_fence = geofences.read(json.dumps({"type": kind, "coordinates": coordinates}), radius_m, "x")
    row = type(
        "Row",
        (),
        {
            "geofence": 1,
            "name": "x",
            "added_s": 0,
            "removed_s": None,
            "tenant": None,
            **drawn_fence._asdict(),
        },
    )
    return geofences.from_row(row)  # type: ignore[arg-type]


def square(west: float, east: float) -> list[list[list[float]]]:
    return [[[west, 60.0], [east, 60.0], [east, 61.0], [west, 61.0], [west, 60.0]]]


def test_a_geofence_in_two_pieces_is_one():
    both = geofence("MultiPolygon", [square(179, 180), square(-180, -179)])
    whole = geofence("Polygon", square(99, 101))
    for lon, same in (
        (179.5, 99.5),
        (-179.5, 100.5),
        (180, 100),
        (-180, 100),
        (178.9, 98.9),
        (-178.9, 101.1),
    ):
        assert both.outside_m(Place(60.5, lon)) == pytest.approx(whole.outside_m(Place(60.5, same)), abs=1)
    assert both.size_m == pytest.approx(whole.size_m)
    assert both.is_passed(Place(60.5, 178.5), Place(60.5, -178.5))
    assert not both.is_passed(Place(61.5, 178.5), Place(62.5, -178.5))
    assert not both.is_passed(Place(60.5, 1), Place(60.5, -1))


def test_a_corridor_in_two_pieces_is_one():
    both = geofence("MultiLineString", [[[178, 60], [180, 60]], [[-180, 60], [-178, 60]]], 5_000)
    for lon in (179.0, 180.0, -180.0, -179.0):
        assert both.outside_m(Place(60.01, lon)) == pytest.approx(-3_888, abs=10)
    assert both.outside_m(Place(60.01, 0.0)) > 100_000


def test_a_circle_at_the_meridian_goes_on_beyond_it():
    circle = geofence("Point", [179.99, 60], 5_000)
    assert circle.outside_m(Place(60, -179.99)) == pytest.approx(-3_888, abs=10)
    assert circle.is_passed(Place(60, 179.9), Place(60, -179.9))


@pytest.mark.parametrize(
    "shape",
    [("Polygon", square(-179, 179), None), ("LineString", [[179, 60], [-179, 60]], 5_000)],
)
def test_a_geofence_that_is_not_cut_is_refused_with_the_remedy(shape: tuple[str, Any, float | None]):
    with pytest.raises(UserError, match=r"must be cut there into a MultiPolygon or MultiLineString"):
        geofence(*shape)


def test_the_pieces_are_kept_as_they_were_drawn():
    drawn_fence = geofences.read(
        json.dumps({"type": "MultiPolygon", "coordinates": [square(179, 180), square(-180, -179)]}), None, "x"
    )
    assert shapely.from_geojson(drawn_fence.geometry).bounds == (-180, 60, 180, 61)


def test_a_route_across_is_refused_in_words(tmp_path: Path):
    file = tmp_path / "line.csv"
    file.write_text("name,country,lat,lon,kind,km\nA,RU,65,179,hub,0\nB,RU,65,-179,hub,95\n")
    with pytest.raises(UserError, match=r"row 3, column lon: a route cannot cross the 180th meridian"):
        line.read(file)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A device that went from 170 degrees east to 170 degrees west, in more points than are shown at once."""
    fleet = Fleet(tmp_path_factory.mktemp("meridian"))
    lons = [170_00000 + i * 20_00000 // MANY for i in range(MANY)]
    begin = at(1, lat=62_00000)
    fleet.deliver(*(
        begin._replace(seq=i, time=begin.time + 600 * i, lon=lon if lon <= 180_00000 else lon - 360_00000)
        for i, lon in enumerate(lons, 1)
    ))  # fmt: skip
    with Pages(fleet).served() as made:
        yield made
    fleet.database.close()


@pytest.fixture(scope="module")
def key(web: Pages) -> str:
    return web.token("anna", "operator")


@pytest.mark.parametrize(
    ("box", "least"),
    [("179,60,181,64", 240), ("179,60,-179,64", 240), ("-181,60,-179,64", 240), ("-180,60,180,64", MANY),
     ("179,60,180,64", 120), ("-180,60,-179,64", 120), ("-10,60,10,64", 0), ("0,60,360,64", MANY)],
)  # fmt: skip
def test_a_box_goes_on_beyond_the_meridian(web: Pages, key: str, box: str, least: int):
    status, text = web.ask(f"/v1/devices/{FIRST}/outline?most=10000&box={box}", key)
    assert status == 200 and abs(json.loads(text)["count"] - least) <= 1


def test_the_map_draws_no_line_around_the_world(web: Pages, key: str, browser: Watched):
    page: Page = browser.context().new_page()
    sign_in(page, web, key)
    page.goto(f"{web.url}/devices/{FIRST}")
    drawn(page, "points")
    west, east = page.evaluate(f"{MAP}.getBounds().toArray().map(([lon]) => lon)")
    assert 150 < west < 170 and 190 < east < 210
    lines = f"""{MAP}.querySourceFeatures('lines').map(({{ geometry }}) => {{
        const lons = geometry.coordinates.flat(Infinity).filter((_, i) => i % 2 === 0);
        return Math.max(...lons) - Math.min(...lons);
    }})"""
    assert max(until(page, lines, "the line")) < 25
    shown = f"new Set({MAP}.queryRenderedFeatures({{layers: ['points']}}).map((it) => it.properties.seq))"
    both = f"[...{shown}].some((seq) => seq < 1000) && [...{shown}].some((seq) => seq > 1400)"
    until(page, both, "points on both sides")
    # Nearer, all of its points are asked for.
    before = page.evaluate(f"{MAP}.getSource('points')._data.features?.length ?? 0")
    page.evaluate(f"{MAP}.jumpTo({{center: [180, 62], zoom: 6}})")
    more = f"({MAP}.getSource('points')._data.geojson ?? {MAP}.getSource('points')._data).features.length"
    until(page, f"{more} > {before} && {more} > 1200", "more points")
    page.context.close()
