"""The HTTP API: visibility, permissions, and refusals."""

from __future__ import annotations

import gzip
import json
import re
import urllib.request
from http.client import HTTPConnection
from itertools import pairwise

import pytest
from landbridge.core.rate_limit import Buckets
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.features.users import rules as tokens
from landbridge.geo import places as geography
from landbridge.web.auth import csrf_of
from landbridge.web.guard import SHARED, rate_of

from host_tests.support.agent import DEVICE, NOW_S, set_clock
from host_tests.support.web import FIRST_S, Answer, Website, csrf_in, on_line
from tools.flash.layout import REPOSITORY

PAGES = REPOSITORY / "agent" / "landbridge" / "web"


@pytest.fixture(scope="module")
def keys(web: Website) -> dict[str, str]:
    return {role: web.token(role, role) for role in tokens.ROLES}


def test_without_a_good_token_nothing_is_shown(web: Website, keys: dict[str, str]):
    for path in ("/v1/devices", f"/v1/devices/{DEVICE}", f"/v1/devices/{DEVICE}/track"):
        assert web.ask(path).status == 401
        assert web.ask(path, "wrong").status == 401
        assert web.ask(path, keys["reader"]).status == 200
    assert web.ask("/").status == 303
    assert web.ask("/live").status == 303
    ended = web.token("ended", "admin")
    assert web.ask("/v1/devices", ended).status == 200
    with web.installation.database().writing() as connection:
        tokens.revoke(connection, "ended", "bench", NOW_S)
    assert web.ask("/v1/devices", ended).status == 401


def test_no_secret_is_kept(web: Website, keys: dict[str, str]):
    made = web.ask(f"/v1/devices/{DEVICE}/share-links", keys["operator"], "POST", {"length": "1d"}).json
    kept = web.installation.folder.joinpath("landbridge.sqlite3").read_bytes()
    kept += web.installation.folder.joinpath("landbridge.sqlite3-wal").read_bytes()
    for secret in (*keys.values(), made["path"].removeprefix("/s/")):
        assert secret.encode() not in kept


def test_each_role_may_do_its_own(web: Website, keys: dict[str, str]):
    path = f"/v1/devices/{DEVICE}/commands"
    for role, verb, status in (
        ("reader", "locate", 403), ("operator", "locate", 201),
        ("operator", "shipping", 403), ("admin", "shipping", 201),
    ):  # fmt: skip
        assert web.ask(path, keys[role], "POST", {"verb": verb}).status == status, (role, verb)
    shipping, locate, *_ = web.ask(path, keys["reader"]).json["commands"]
    assert (locate["verb"], locate["by"], shipping["verb"]) == ("locate", "token operator", "shipping")
    for given in (shipping, locate):
        assert web.ask(f"{path}/{given['command']}", keys["operator"], "DELETE").status == 204
    assert web.ask(f"{path}/{locate['command']}", keys["operator"], "DELETE").status == 400
    assert web.ask(path, keys["operator"], "POST", {"verb": "explode"}).status == 400
    assert web.ask(path, keys["operator"], "POST", {"verb": "locate", "expires": "x"}).status == 400
    assert web.ask(path, keys["operator"], "POST", {"verb": "new-battery"}).status == 201
    entry = web.ask("/v1/audit", keys["reader"]).json["entries"][0]
    assert (entry["who"], entry["what"]) == ("token operator", "command sent: new-battery")
    path = f"/v1/devices/{DEVICE}/settings"
    assert web.ask(path, keys["reader"], "PATCH", {"light_lux": 50}).status == 403
    assert web.ask(path, keys["operator"], "PATCH", {"light_lux": 0}).status == 400
    assert web.ask(path, keys["operator"], "PATCH", {"light_lux": 50}).json["revision"]
    now = {each["name"]: each["value"] for each in web.ask(path, keys["reader"]).json["settings"]}
    assert now["light_lux"] == 50


def test_a_tenant_sees_its_interval_of_a_device_and_no_other(web: Website):
    """The device rides for two tenants in turn, in mid-track; points come late for both."""
    border_s = FIRST_S + 3600 * 300
    acme, zeta, other = (web.token(name, "operator", name) for name in ("acme", "zeta", "other"))
    operator = web.token("all-tenants", "operator")
    path = f"/v1/devices/{DEVICE}/commands"
    before = web.ask(path, operator, "POST", {"verb": "locate", "expires": "7d"}).json
    web.end_trip(1, FIRST_S + 3600 * 250)
    mine = web.begin_trip("MSKU0134216", FIRST_S + 3600 * 251, "acme")
    web.end_trip(mine, border_s)
    web.begin_trip("TCLU4265447", border_s, "zeta")
    set_clock(web.installation.folder / "clock", border_s + 3600 * 50)
    for part in (range(290, 340), range(240, 290)):
        web.device.send([on_line(90, time=FIRST_S + 3600 * seq)._replace(seq=seq) for seq in part])

    def seqs(token: str) -> list[int]:
        features = web.ask(f"/v1/devices/{DEVICE}/track", token).json["features"]
        return [each["properties"]["seq"] for each in features]

    assert seqs(acme) == list(range(251, 300))
    assert seqs(zeta) == list(range(300, 340))
    assert seqs(operator)[-100:] == list(range(240, 340))
    (ended,), (running,) = (web.ask("/v1/devices", token).json["devices"] for token in (acme, zeta))
    assert (ended["container"], ended["state"], ended["last_session"]) == ("MSKU0134216", "ended", None)
    assert ended["time"] < running["time"] and running["container"] == "TCLU4265447"
    assert web.ask("/v1/devices", other).json["devices"] == []
    for leaf in ("", "/track", "/wakes", "/commands", "/settings", "/share-links"):
        assert web.ask(f"/v1/devices/{DEVICE}{leaf}", other).status == 404
    assert web.ask(f"/v1/devices/{DEVICE}/track?trip={mine}", zeta).status == 404
    # Who has no trip there now cannot act; what he did is not seen by who has.
    assert web.ask(path, acme, "POST", {"verb": "locate"}).status == 403
    assert web.ask(path, zeta, "POST", {"verb": "locate"}).status == 201
    assert [each["by"] for each in web.ask(path, zeta).json["commands"]] == ["token zeta/zeta"]
    assert web.ask(path, acme).json["commands"] == []
    assert web.ask(f"{path}/{before['command']}", zeta, "DELETE").status == 404
    assert [web.ask(f"/v1/devices/{DEVICE}/settings", token).status for token in (acme, zeta)] == [404, 200]
    made = web.ask(f"/v1/devices/{DEVICE}/share-links", zeta, "POST", {"length": "1d"}).json
    assert web.ask(f"/v1/devices/{DEVICE}/share-links/{made['link']}", acme, "DELETE").status == 404
    shown = web.ask(made["path"]).text
    assert "TCLU4265447" in shown and "MSKU0134216" not in shown and DEVICE not in shown


def test_a_page_is_confined_to_this_host(web: Website, keys: dict[str, str]):
    headers = web.ask("/sign-in").headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    secure = web.ask("/sign-in", **{"X-Forwarded-Proto": "https"})
    assert "secure" in secure.headers["set-cookie"].lower()
    for file in (*PAGES.parent.glob("**/templates/*.html"), *PAGES.glob("static/*")):
        text = file.read_text()
        assert not re.search(r"""(src|href|url\(|fetch\(|from)\s*=?\s*["'(]*(https?:)?//""", text), file
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|style=", text), file


def test_a_form_from_elsewhere_is_refused(web: Website, keys: dict[str, str]):
    first = web.ask("/sign-in")
    form_cookie = first.headers["set-cookie"].partition(";")[0]
    csrf = csrf_in(first)

    def post(path: str, form: str, cookie: str) -> Answer:
        return web.ask(path, method="POST", form=form, Cookie=cookie)

    assert post("/sign-in", f"token={keys['operator']}&csrf=wrong", form_cookie).status == 403
    assert post("/sign-in", f"token={keys['operator']}&csrf={csrf}", "").status == 403
    without_cookie = csrf_of("")
    assert post("/sign-in", f"token={keys['operator']}&csrf={without_cookie}", "").status == 403
    assert post("/sign-in", f"token=wrong&csrf={csrf}", form_cookie).status == 401
    entered = post("/sign-in", f"token={keys['operator']}&csrf={csrf}", form_cookie)
    assert entered.status == 303
    session = entered.headers["set-cookie"].partition(";")[0]
    assert session.startswith("landbridge=")
    path = f"/devices/{DEVICE}/commands"
    assert post(path, "verb=locate&expires=24h", session).status == 403
    assert post(path, f"verb=locate&expires=24h&csrf={csrf}", session).status == 403
    assert web.ask(f"/v1{path}", method="POST", body={"verb": "locate"}, Cookie=session).status == 403
    good = csrf_in(web.ask(f"/devices/{DEVICE}", Cookie=session))
    assert post(path, f"verb=locate&expires=24h&csrf={good}", session).status == 303


def test_request_bodies_over_the_limit_or_chunked_are_refused(web: Website, keys: dict[str, str]):
    path = f"/v1/devices/{DEVICE}/commands"
    assert web.ask(path, method="POST", body={"verb": "x" * 70_000}).status == 413
    assert web.ask(path, keys["operator"], "POST", {"verb": "x" * 60_000}).status == 422
    chunks = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", web.installation.config.web.port, timeout=120)
    connection.request("POST", path, iter([b"{}"]), chunks, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_a_missing_object_is_404_whatever_it_is(web: Website, keys: dict[str, str]):
    for what in ("commands", "share-links"):
        missing = web.ask(f"/v1/devices/{DEVICE}/{what}/999", keys["operator"], "DELETE")
        assert missing.status == 404, missing
    refused = web.ask(f"/v1/devices/{DEVICE}/commands", keys["reader"], "POST", {"verb": "locate"})
    assert refused.json["detail"] == "this requires the role operator; the token reader has the role reader"


def test_guessing_is_slow():
    buckets = Buckets()
    taken = [buckets.take("1.2.3.4", SHARED, 0.0) for _ in range(40)]
    assert taken == [True] * 30 + [False] * 10
    assert buckets.take("5.6.7.8", SHARED, 0.0)
    assert not buckets.take("1.2.3.4", SHARED, 1.0) and buckets.take("1.2.3.4", SHARED, 2.1)
    assert rate_of({"path": "/s/x", "method": "GET"}) == SHARED


def test_guessing_a_name_is_slow_from_wherever_it_comes(web: Website):
    form = web.ask("/sign-in")
    cookie = form.headers["set-cookie"].partition(";")[0]

    def guess(name: str, number: int) -> int:
        body = f"name={name}&token=wrong&csrf={csrf_in(form)}"
        from_there = {"Cookie": cookie, "X-Forwarded-For": f"192.0.2.{number}"}
        return web.ask("/sign-in", method="POST", form=body, **from_there).status

    answered = [guess("somebody", number) for number in range(1, 31)]
    assert answered[0] == 401 and 429 in answered
    assert guess("else", 31) == 401


def test_too_many_requests_are_refused(web: Website):
    answers = [web.ask("/s/none").status]
    while answers[-1] != 429 and len(answers) < 400:  # while one asks, more are allowed
        answers.append(web.ask("/s/none").status)
    assert answers[-1] == 429 and set(answers) <= {404, 429}


def test_the_document_describes_the_api(web: Website, keys: dict[str, str]):
    document = web.ask("/v1/openapi.json").json
    assert {"/v1/devices", "/v1/devices/{device}/track", "/v1/devices/{device}/commands"} <= set(
        document["paths"]
    )
    assert all(path.startswith(("/v1/", "/dcsa/v1/")) for path in document["paths"])


def test_browsers_keep_files_until_an_update(web: Website):
    (path,) = re.findall(r'href="(/static/[0-9a-f]+/pages.css)"', web.ask("/sign-in").text)

    def got(asked: str) -> tuple[str, bytes]:
        with urllib.request.urlopen(web.url + asked, timeout=60) as answer:
            return answer.headers["cache-control"], gzip.decompress(answer.read())

    style = (PAGES / "static" / "pages.css").read_bytes()
    assert got(path) == ("public, max-age=31536000, immutable", style)
    assert got("/static/old/pages.css") == ("no-store", style)
    assert web.ask("/static/old/nothing.css").status == 404


@pytest.mark.parametrize(("file", "least"), [(geography.COUNTRIES, 200), (geography.OVERVIEW, 150)])
def test_no_outline_goes_around_the_world(file, least):
    outlines = json.loads(gzip.decompress(file.read_bytes()))["features"]
    rings = [ring for each in outlines for polygon in each["geometry"]["coordinates"] for ring in polygon]
    assert len(outlines) > least and all(ring[0] == ring[-1] for ring in rings)
    # But for Antarctica, along the pole.
    steps = [(a, b) for ring in rings for a, b in pairwise(ring) if a[1] > -90]
    assert max(abs(b[0] - a[0]) for a, b in steps) < 30


@pytest.mark.parametrize(
    "lat, lon, place, code",
    [
        (52.1, 23.7, "Brest", "BY"),
        (51.43, 6.77, "Duisburg", "DE"),
        (45.2, 82.5, "Bole", "KZ"),
        (44.2163, 80.3673, None, "KZ"),
        (42.66, 21.16, None, "XK"),
        (35.25, 33.6, None, ""),
        (66.0, -172.0, None, "RU"),
        (72.0, -100.0, None, "CA"),
        (45.95, 63.3, None, "KZ"),
        (30.0, -40.0, None, None),
    ],
)
def test_a_point_is_near_a_place_and_in_a_country(
    lat: float, lon: float, place: str | None, code: str | None
):
    near, land = geography.where(lat, lon)
    assert (near and near.place.name) == place or place is None
    assert (land and land.code) == code


def test_odd_input_is_refused_in_words(web: Website, keys: dict[str, str]):
    key, its = keys["admin"], f"/v1/devices/{DEVICE}"
    for method, path, text in (
        ("POST", "/commands", '{"verb": "\\ud800"}'),
        ("POST", "/commands", '{"verb": "locate", "argument": NaN}'),
        ("PATCH", "/settings", '{"light_lux": NaN}'),
        ("PATCH", "/settings", '{"\\ud800": 1.5}'),
    ):
        answer = web.ask(its + path, key, method, form=text, **{"Content-Type": "application/json"})
        assert answer.status == 422 and answer.json["detail"], text
    half = {"light_lux": "\ud800"}
    assert web.ask(its + "/settings", key, "PATCH", half).status == 400
    assert web.ask(its + "/track?cursor=1.99999999999999999999", key).status == 400
    for path in ("/commands/99999999999999999999/cancel", "/share-links/99999999999999999999/revoke"):
        answer = web.ask(f"/devices/{DEVICE}{path}", key, "POST", form="x=1")
        assert answer.status == 422 and answer.text.startswith("<!doctype html>")


def test_a_form_sent_with_a_token_needs_no_csrf(web: Website, keys: dict[str, str]):
    answer = web.ask(f"/devices/{DEVICE}/settings", keys["operator"], "POST", form="light_lux=55")
    assert answer.status == 303
    default = {"light_lux": "default"}
    assert web.ask(f"/v1/devices/{DEVICE}/settings", keys["operator"], "PATCH", default).status == 200


def test_no_link_of_a_page_leads_to_another_host(web: Website):
    answer = web.ask("//evil.example/x")
    assert answer.status == 404 and 'href="/evil.example/x?language=zh"' in answer.text


def test_a_wrong_token_does_not_wait_for_who_writes(web: Website):
    form = web.ask("/sign-in")
    cookie = form.headers["set-cookie"].partition(";")[0]
    (csrf,) = re.findall(r'name="csrf" value="([0-9a-f]+)"', form.text)
    with web.installation.database().writing():
        assert web.ask("/sign-in", "", "POST", form=f"token=wrong&csrf={csrf}", Cookie=cookie).status == 401


def test_a_tenant_sees_no_session_of_before_its_trip(web: Website):
    with web.installation.database().reading() as connection:
        running = trips.running(connection, DEVICE)
        device = devices.find(connection, DEVICE)
    assert running is not None and device is not None and device.last_session_s is not None
    start_s = device.last_session_s + 60
    web.end_trip(running.trip, start_s)
    web.begin_trip("MSCU6639870", start_s, "rival")
    set_clock(web.installation.folder / "clock", start_s + 60)
    token = web.token("rival-operator", "operator", "rival")
    answered = web.ask(f"/v1/devices/{DEVICE}", token).json
    assert answered["state"] == "new"
    assert {answered[name] for name in ("last_session", "next_session", "battery_mv", "latitude")} == {None}
    link = web.ask(f"/v1/devices/{DEVICE}/share-links", token, "POST", {"length": "1d"}).json["path"]
    shown = web.ask(link, **{"X-Forwarded-For": "192.0.2.9"})
    assert shown.status == 200 and '"next_session":null' in shown.text
