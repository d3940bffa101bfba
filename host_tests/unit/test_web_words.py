"""Every page in Chinese has no English left; language and sign-in lead back to where one was."""

import gzip
import json
import re
from html import unescape
from http.client import HTTPConnection
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from landbridge.geo import places
from landbridge.geo.places import labels
from landbridge.protocol.event import SEVERITIES
from landbridge.web.forms import inside

from host_tests.support.fleet import FIRST, NOW_S, SECOND
from host_tests.support.pages import (
    Shown,
    english,
    signed_in,
)

PLACES = (
    "/trips?state=all", "/trips/1", "/sims", "/system",
    "/", "/alarms?every=true", "/alarms", "/audit", "/updates", "/time-distance", "/sign-in", "/nothing",
    *(f"/devices/{device}{leaf}" for device in (FIRST, SECOND) for leaf in ("", "/card")), "/devices/lb-9",
    "/devices/lb-9/card", "/time-distance?route=none", "/s/none", "/account", "/users", "/invitation",
    "/integrations", "/notifications", "/reports", "/reports?text=nobody", "/geofences", "/routes",
    "/trips?text=nobody", "/audit?text=nobody", "/sims?text=nobody", "/alarms?text=nobody",
    "/share-links?every=true", "/sign-in/forgotten",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_page_in_chinese_has_no_english_left(pages: Shown, place: str):
    _, text = pages.ask(f"{place}{'&' if '?' in place else '?'}language=zh", pages.dispatch)
    assert '<html lang="zh"' in text
    assert english(text) == set()


def test_every_page_of_the_menu_is_looked_at(pages: Shown):
    _, text = pages.ask("/", pages.dispatch)
    menu = text.partition('<nav class="places"')[2].partition("</nav>")[0]
    linked = set(re.findall(r'href="([^"]+)"', menu))
    assert len(linked) > 12 and linked <= {place.partition("?")[0] for place in PLACES}


def test_stations_of_events_have_chinese_names(pages: Shown):
    """The script names the places of events by them; in English they are called as they are."""
    for language, called in (("zh", {"Brest": "布列斯特"}), ("en", {})):
        for path, names in ((f"/devices/{FIRST}", "names"), ("/trips/1", "names")):
            _, text = pages.ask(f"{path}?language={language}", pages.dispatch)
            data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
            assert called.items() <= data[names].items() and bool(data[names]) == bool(called)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"device": FIRST}, "正与"),
        ({"container": "CSQU3054384"}, "校验码"),
        ({"route": "weest"}, "是否为"),
        ({"since": "2099-01-01T00:00:00Z"}, "在将来"),
        ({"since": "2001-01-01T00:00:00Z"}, "添加于"),
    ],
)
def test_a_trip_that_is_refused_is_explained_in_chinese(pages: Shown, changes: dict[str, str], word: str):
    cookie = f"{pages.session}; language=zh"
    csrf = re.findall(r'data-csrf="([0-9a-f]+)"', pages.answer("/trips", cookie)[2])[0]
    new = {"device": SECOND, "container": "MSKU0000006", "route": "west", "destination": "Poznan"}
    where = urlsplit(pages.url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=30)
    headers = {"Cookie": cookie, "X-CSRF-Token": csrf, "Content-Type": "application/json"}
    connection.request("POST", "/v1/trips", json.dumps(new | changes), headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())["detail"]
    connection.close()
    assert answer.status == 400 and word in said
    assert english(said) <= {"landbridge", "trips", "end", "routes", "list", "weest", "west", "CSQU"}


def test_a_shared_page_in_chinese_has_no_english_left(pages: Shown):
    status, text = pages.ask(f"/s/{pages.link}?language=zh", "")
    assert status == 200 and english(text) == set()


def test_a_profile_switch_names_its_cause(pages: Shown):
    _, text = pages.ask(f"/devices/{FIRST}/card?language=en", pages.dispatch)
    assert "15 % of the month&#39;s data used" in text and "no connection, cause 15" in text
    assert "chosen by the policy" in text


def test_an_alarm_shows_its_severity(pages: Shown):
    _, text = pages.ask("/alarms?language=en", pages.dispatch)
    for severity in SEVERITIES:
        assert f'class="badge alarm {severity}"' in text and f">{severity}</small>" in text
    assert '<th scope="col">Status</th>' in text and '<span class="sentence">raised</span>' in text


def test_a_station_has_the_chinese_name_of_its_place():
    named = (places.called(name, 29.63, 106.39, 30) for name in ("Chongqing Tuanjiecun", "Nowhere"))
    assert [each and each.chinese for each in named] == ["重庆", None]


def test_cities_along_the_land_bridge_have_chinese_names():
    named = {name: chinese for name, chinese, *_ in json.loads(gzip.decompress(labels()))["places"]}
    assert (named["Kyiv"], named["Vienna"], named["Poznań"]) == ("基辅", "维也纳", "波兹南")
    assert (named["Hanoi"], named["Murmansk"], named["Osh"]) == ("河内", "摩尔曼斯克", "奥什")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"/devices/{FIRST}/commands", {"verb": "dense", "argument": "1x"}),
        (f"/devices/{FIRST}/commands", {"verb": "dense"}),
        (f"/devices/{FIRST}/commands", {"verb": "locate", "expires": "1y"}),
        (f"/devices/{SECOND}/share-links", {"length": "1d"}),
        (f"/alarms/{NOW_S}/acknowledge", {"after": "/"}),
        ("/alarms/99/acknowledge", {"after": "/"}),
    ],
)
def test_errors_of_pages_are_reported_in_chinese(pages: Shown, path: str, form: dict[str, str]):
    cookie = pages.session
    csrf = re.findall(r'data-csrf="([0-9a-f]+)"', pages.answer("/alarms", cookie)[2])[0]
    status, _, text = pages.answer(path, f"{cookie}; language=zh", form | {"csrf": csrf})
    assert status in (400, 404) and english(text) == set()


def test_who_is_not_signed_in_comes_back_to_the_same_address(pages: Shown):
    wanted = f"/devices/{FIRST}?range=7d&box=1%2C2&text=%E5%9C%B0%26x"
    status, headers, _ = pages.answer(wanted)
    assert status == 303
    address, _, behind = str(headers["location"]).partition("#")
    # What a browser would take over from the address behind # is not taken for a token.
    assert behind == "" and str(headers["location"]).endswith("#")
    asked = parse_qs(urlsplit(address).query)
    assert asked == {"after": [wanted]}
    signed_in(pages, wanted)


def test_another_language_is_of_the_same_address(pages: Shown):
    wanted = f"/devices/{FIRST}?range=7d&box=1%2C2&range=8d"
    for shown, other in (("en", "zh"), ("zh", "en")):
        _, _, text = pages.answer(f"{wanted}&language={shown}", pages.session)
        (link,) = re.findall(r'<a href="([^"]*language=[^"]*)"', text)
        path, query = urlsplit(unescape(link))[2:4]
        assert path == f"/devices/{FIRST}"
        assert parse_qs(query) == {"range": ["7d", "8d"], "box": ["1,2"], "language": [other]}


def test_another_language_of_the_sign_in_leads_to_the_same_place(pages: Shown):
    _, _, text = pages.answer("/sign-in?after=%2Faudit%3Fbefore%3D7")
    (link,) = re.findall(r'<a href="([^"]*language=[^"]*)"', text)
    assert parse_qs(urlsplit(unescape(link)).query) == {"after": ["/audit?before=7"], "language": ["zh"]}


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "javascript:alert(1)",
     "/a\r\nb", "", "evil", "/" + 3000 * "a", "\\\\evil.example", " /x", "///evil.example"],
)  # fmt: skip
def test_nothing_leads_to_another_host(pages: Shown, path: str):
    assert inside(path) == "/"
    _, _, text = pages.answer(f"/sign-in?after={quote(path, safe='')}")
    assert 'name="after" value="/"' in text


def test_a_form_that_names_another_host_leads_to_none(pages: Shown):
    signed_in(pages, "//evil.example")


@pytest.mark.parametrize(("language", "word"), [("en", "no position"), ("zh", "尚未定位")])
def test_a_device_without_a_place_has_no_dwell(pages: Shown, language: str, word: str):
    answered = json.loads(pages.ask(f"/v1/devices/{SECOND}", pages.dispatch)[1])
    assert (answered["state"], answered["latitude"]) == ("unlocated", None)
    _, text = pages.ask(f"/devices/{SECOND}?language={language}", pages.dispatch)
    assert f'<span class="badge unlocated">{word}</span>' in text
    assert "unlocated" in json.loads(pages.ask("/fleet", pages.dispatch)[1])["texts"]
    answered = json.loads(pages.ask(f"/v1/devices/{FIRST}", pages.dispatch)[1])
    assert answered["state"] != "unlocated"
