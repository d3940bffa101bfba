"""Countries, routes and geofences as shapes on the globe."""

import pytest
import shapely
from landbridge.core.errors import UserError
from landbridge.geo import countries
from landbridge.geo import route as line
from landbridge.geo.distance import Place
from landbridge.tracking import geofences

from host_tests.support.trips import (
    POZNAN,
)


@pytest.mark.parametrize(
    ("lat", "lon", "country"),
    [(29.56, 106.55, "CN"), (43.24, 76.9, "KZ"), (54.7, 55.9, "RU"), (52.08, 23.7, "BY"), (51.4, 6.7, "DE"),
     (42.66, 21.16, "XK"), (44.2163, 80.3673, "KZ"), (45.95, 63.3, "KZ"), (35.25, 33.6, None),
     (66.0, -172.0, "RU"), (0.0, 0.0, None)],
)  # fmt: skip
def test_countries(lat, lon, country):
    assert countries.of_place(lat, lon) == country


@pytest.mark.parametrize(
    ("lat", "lon", "plmn"),
    [(40.18, 44.51, 283_001), (43.85, 18.38, 218_003), (49.61, 6.13, 270_001), (60.9, 10.0, 242_001),
     (39.5, -8.2, 268_001), (33.7, 73.0, 410_001), (53.35, -6.4, 272_001), (22.4, 114.15, 454_000),
     (25.1, 55.3, 431_002), (-23.4, -69.0, 730_001), (-6.17, 35.74, 640_004), (42.9, -75.0, 311_480),
     (19.4, -99.1, 334_020), (-33.5, 149.0, 505_001), (-21.13, 55.53, 647_000), (30.0, 31.2, 602_002)],
)  # fmt: skip
def test_place_and_network_agree(lat, lon, plmn):
    assert countries.of_place(lat, lon) == countries.of_network(plmn) is not None


def test_every_country_with_a_code_has_an_outline_and_a_code_of_its_own():
    found, _ = countries.load_outlines()
    assert set(line.MCC) <= {each.code for each in found}
    assert len(set(line.MCC.values())) == len(line.MCC)


@pytest.mark.parametrize(
    "stations",
    [
        "Antofagasta,CL,-23.65,-70.4,hub\nOllague,CL,-21.22,-68.25,border\nUyuni,BO,-20.46,-66.83,gauge\n",
        "Dar es Salaam,TZ,-6.82,39.28,hub\nNakonde,ZM,-9.33,32.76,border\nKolwezi,CD,-10.71,25.47,hub\n",
        "Laredo,US,27.5,-99.5,border\nMonterrey,MX,25.68,-100.3,hub\n",
        "Perth,AU,-31.95,115.86,hub\nAdelaide,AU,-34.93,138.6,hub\n",
    ],
)
def test_a_route_may_lie_on_any_continent(stations):
    found = line.parse(f"name,country,lat,lon,kind\n{stations}", "r.csv")
    assert [countries.of_network(1000 * line.MCC[each.country] + 1) for each in found] == [
        each.country for each in found
    ]


def test_a_route_over_the_180th_meridian_is_refused_for_that():
    text = "name,country,lat,lon,kind\nA,FJ,-17.8,177.4,hub\nB,WS,-13.8,-171.8,hub\n"
    with pytest.raises(UserError, match="cannot cross the 180th meridian"):
        line.parse(text, "r.csv")


def test_near_a_border_an_outline_alone_proves_nothing():
    assert not countries.is_alone(52.08, 23.6, "PL")
    assert countries.is_alone(52.2, 21.0, "PL")
    assert countries.of_network(461_001) == "CN"
    assert countries.of_network(999_001) is None


@pytest.mark.parametrize(
    ("text", "radius_m", "complaint"),
    [
        ("{", None, "is not JSON"),
        ("[]", None, "not an object"),
        ('{"type":"FeatureCollection","features":[]}', None, "one feature"),
        (f'{{"type":"Feature","properties":["r"],"geometry":{POZNAN}}}', None, "object or null"),
        (POZNAN, None, "needs a radius"),
        (POZNAN, 10.0, "needs a radius"),
        ('{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}', None, "without crossings"),
        ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}', 100.0, "has no radius"),
        ('{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]}', None, "coordinates"),
        ('{"type":"MultiPoint","coordinates":[[0,0]]}', 100.0, "none of"),
        ('{"type":"Point","coordinates":[52,117]}', 100.0, "longitude comes first"),
    ],
)
def test_an_invalid_geofence_is_refused(text, radius_m, complaint):
    with pytest.raises(UserError, match=complaint):
        geofences.read(text, radius_m, "x.geojson")


def test_a_corridor_and_a_polygon_with_a_hole():
    drawn = geofences.read(
        '{"type":"Feature","properties":{"radius_m":2000},'
        '"geometry":{"type":"LineString","coordinates":[[20,52],[22,52]]}}',
        None,
        "x",
    )
    corridor = geofences.Geofence(1, "c", shapely.from_geojson(drawn.geometry), drawn.radius_m, 0, None)
    assert corridor.outside_m(Place(52.01, 21.0)) == pytest.approx(-888, abs=5)
    assert corridor.outside_m(Place(52.02, 21.0)) == pytest.approx(224, abs=5)
    assert corridor.outside_m(Place(50.0, 21.0)) > 100_000
