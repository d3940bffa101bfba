"""Operations over HTTP beyond one device: releases, profile policies, tags, share links, lists."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from landbridge.features.devices import queries as devices
from landbridge.features.routes.queries import routes
from landbridge.features.sharing import queries, rules
from landbridge.features.trips import queries as trips
from landbridge.features.updates import queries as releases
from landbridge.protocol.limits import RELEASE_BYTES
from landbridge.web.guard import UPLOAD_BYTES, refusal
from starlette.datastructures import Headers

from host_tests.support.fleet import FIRST, NOW_S, SECOND
from host_tests.support.in_process import Api
from host_tests.support.pages import shown

BOARD = "BENCH"
CODE = b"M\x06" + bytes(range(200))
HOOK = "https://erp.example/hook"
ICCID, PASSWORD, CODE_OF_PROFILE = "8931440400012345678", "swordfish", "LPA:1$smdp.example$7QX-2M"
POLICY = {
    "fallback": "roaming",
    "blocked": [432],
    "profile": {"roaming": {"iccid": ICCID, "apn": "iot.example", "user": "u", "password": PASSWORD}},
    "countries": {"250": ["roaming"], "elsewhere": ["roaming"]},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("operations")
    with shown(folder) as pages:
        yield Api(pages.fleet, folder)


def release(sequence: int = 7, **changes: Any) -> dict[str, Any]:
    """An upload."""
    files = {f"locator/{name}.mpy": base64.b64encode(CODE).decode() for name in ("a", "b")}
    return {"sequence": sequence, "version": "0.7.0", "board": BOARD, "mpy": 6, "files": files} | changes


def test_a_release_is_uploaded_rolled_out_and_read_byte_for_byte(api):
    status, made = api.ask("POST", "/v1/releases", release())
    assert status == 201 and (made["board"], made["sequence"], made["stage"]) == (BOARD, 7, None)
    with api.fleet.database.reading() as connection:
        assert releases.piece(connection, BOARD, 7, 1, 0, 1_000) == CODE
        assert len(releases.piece(connection, BOARD, 7, 0, 0, 1_000)) == 80
    assert api.ask("GET", f"/v1/releases?board={BOARD}")[1]["releases"] == [made]
    assert api.ask("GET", "/v1/releases?board=other")[1]["releases"] == []
    (entry, *_) = api.ask("GET", "/v1/audit?noun=release")[1]["entries"]
    assert entry["after"]["version"] == "0.7.0" and "file_list" not in entry["after"]
    status, rolled = api.ask("POST", f"/v1/releases/{BOARD}/7/roll-out", {"canaries": 1})
    assert status == 200 and rolled["stage"] is not None
    status, refused = api.ask("DELETE", f"/v1/releases/{BOARD}/7")
    assert status == 400 and "was rolled out: halt the roll-out instead" in refused["detail"]


def test_a_release_without_a_roll_out_can_be_removed(api):
    board = {"board": "ESP32-OLD"}
    assert api.ask("POST", "/v1/releases", release(3, **board))[0] == 201
    assert api.ask("DELETE", "/v1/releases/ESP32-OLD/3")[0] == 204
    assert api.ask("GET", "/v1/releases/ESP32-OLD/3")[0] == 404
    assert api.ask("POST", "/v1/releases", release(3, **board))[0] == 201


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"sequence": 1, "board": "SIM"}, 400, "already exists: raise SEQUENCE above it"),
        ({"mpy": 5}, 400, "is not compiled for runtime 5"),
        ({"files": {"boot.py": "TQY="}}, 400, "its files cannot be"),
        ({"files": {"locator/../boot.py": "TQY="}}, 400, "its files cannot be"),
        ({"files": {"locator/a.mpy": ""}}, 400, "is not compiled for runtime 6"),
        ({"files": {"locator/a.mpy": "no base64"}}, 422, "#/files/locator/a.mpy"),
        ({"files": {}}, 422, "#/files"),
        ({"board": "a/b"}, 400, "its number or its board cannot be"),
        ({"version": "0.7 \u202egnp"}, 400, "its version or its runtime cannot be"),
        ({"sequence": 0}, 422, "#/sequence"),
        ({"files": {"locator/a.mpy": base64.b64encode(b"M\x06" + bytes(RELEASE_BYTES)).decode()}}, 400,
         f"a slot takes {RELEASE_BYTES}"),
    ],
)  # fmt: skip
def test_an_upload_that_is_no_release_is_refused(api, changes, status, why):
    with api.fleet.database.writing() as connection:
        if releases.find(connection, "SIM", 1) is None:
            releases.add(connection, "SIM", 1, [], version="0", mpy=6, file_list=b"", added_s=NOW_S)
    before = api.ask("GET", "/v1/releases")[1]
    given = api.ask("POST", "/v1/releases", release(8) | changes)
    assert (given[0], why in given[1]["detail"]) == (status, True), given
    assert api.ask("GET", "/v1/releases")[1] == before


def test_only_an_upload_may_be_that_long(api):
    long = {"files": {"locator/a.mpy": "x" * UPLOAD_BYTES}}
    status, refused = api.ask("POST", "/v1/releases", release() | long)
    assert status == 413 and str(UPLOAD_BYTES) in refused["detail"]
    status, refused = api.ask("POST", "/v1/geofences", {"name": "x" * 70_000})
    assert status == 413 and "65536" in refused["detail"]
    assert refusal(Headers({"content-length": "9" * 5_000})) == 413  # more digits than Python reads


def test_a_policy_is_set_shown_without_its_password_and_removed(api):
    path = f"/v1/devices/{FIRST}/profile-policy"
    status, made = api.ask("PUT", path, POLICY)
    assert status == 200 and made["profile"]["roaming"]["apn"] == "iot.example"
    assert made["countries"] == {"250": ["roaming"], "elsewhere": ["roaming"]} and made["blocked"] == [432]
    assert api.ask("PUT", path, POLICY)[1]["revision"] == made["revision"]
    listed = api.ask("GET", "/v1/profile-policies")[1]["policies"]
    assert made in listed and api.ask("GET", path)[1] == made
    log = api.ask("GET", "/v1/audit?noun=profile%20policy")[1]
    assert log["entries"][0]["device"] == FIRST
    assert PASSWORD not in json.dumps([made, listed, log])
    assert api.ask("DELETE", path)[0] == 204 and api.ask("GET", path)[0] == 404
    assert api.ask("DELETE", path)[0] == 404
    assert api.ask("GET", f"/v1/devices/{FIRST}/card")[1]["state"] == "no policy"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fallback": "other"}, "is not a profile; choose from roaming"),
        ({"countries": {"9": ["roaming"]}}, "a mobile country code"),
        ({"countries": {"250": ["x"]}}, "a list of profiles, the best first"),
        ({"profile": {"roaming": {"iccid": "1"}}}, "18 to 20 digits"),
        ({"profile": {}}, "1 to"),
        ({"profile": {"roaming": {"iccid": ICCID, "password": PASSWORD + '"'}}}, "without quotes"),
        ({"profile": {"roaming": {"iccid": ICCID, "download": CODE_OF_PROFILE}}}, "must be on the card"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_without_its_secrets(api, changes, why):
    status, refused = api.ask("PUT", f"/v1/devices/{SECOND}/profile-policy", POLICY | changes)
    assert status == 400 and why in refused["detail"]
    assert PASSWORD not in refused["detail"] and CODE_OF_PROFILE not in refused["detail"]


def test_a_tag_chooses_the_devices_of_a_request(api):
    with api.fleet.database.writing() as connection:
        devices.tag(connection, SECOND, ["spare"])
        running = trips.running(connection, FIRST)
        assert running is not None
        trips.change(connection, running.trip, {"tags": ["frozen"]})
    both = {"tag": "spare", "devices": [FIRST]}
    done = [SECOND]
    assert (
        api.ask("POST", "/v1/fleet/settings", {"tag": "spare", "changes": {"light_lux": 60}})[1]["done"]
        == done
    )
    assert api.ask("POST", "/v1/fleet/commands", {"tag": "spare", "verb": "locate"})[1]["done"] == done
    assert api.ask("POST", "/v1/fleet/key-rotations", {"tag": "spare"})[1]["done"] == done
    assert api.ask("POST", "/v1/profile-policies", {"tag": "spare", "policy": POLICY})[1]["done"] == done
    tagged = api.ask("POST", "/v1/fleet/device-tags", both | {"add": ["new"], "remove": ["spare"]})[1]
    assert tagged["done"] == [FIRST, SECOND]
    assert [each["device"] for each in api.ask("GET", "/v1/devices?tag=new")[1]["devices"]] == [FIRST, SECOND]
    assert [each["device"] for each in api.ask("GET", "/v1/devices?tag=frozen")[1]["devices"]] == [FIRST]
    ended = api.ask("POST", "/v1/fleet/end-trips", {"tag": "nothing"})
    assert ended[0] == 400 and "no device in use has the tag 'nothing'" in ended[1]["detail"]
    nobody = api.ask("POST", "/v1/fleet/commands", {"verb": "locate"})
    assert nobody[0] == 400 and "give devices or a tag" in nobody[1]["detail"]


def test_a_tenant_chooses_by_the_tags_of_its_trips_alone(api):
    with api.fleet.database.writing() as connection:
        running = trips.running(connection, FIRST)
        assert running is not None
        trips.change(connection, running.trip, {"tags": ["cold"]})
        for device in (FIRST, SECOND):
            devices.tag(connection, device, ["of-the-operator"])
    wanted = {"verb": "locate"}
    mine = api.ask("POST", "/v1/fleet/commands", wanted | {"tag": "cold"}, "operator", "acme")
    assert mine[1]["done"] == [FIRST]
    for tag, tenant in (("of-the-operator", "acme"), ("cold", "bolt")):
        assert api.ask("POST", "/v1/fleet/commands", wanted | {"tag": tag}, "operator", tenant)[0] == 400
        assert api.ask("GET", f"/v1/devices?tag={tag}", None, "reader", tenant)[1]["devices"] == []


def test_a_tenant_sees_makes_and_ends_its_own_share_links(api):
    status, made = api.ask("POST", "/v1/share-links", {"device": FIRST, "length": "2h"}, "operator", "acme")
    assert status == 201 and made["path"].startswith("/s/")
    link = made["link"]
    mine = api.ask("GET", "/v1/share-links?state=open", None, "reader", "acme")[1]["share_links"]
    assert mine[0]["link"] == link and mine[0]["device"] == FIRST and mine[0]["state"] == "open"
    assert made["path"] not in json.dumps(mine)
    everything = api.ask("GET", "/v1/share-links")[1]["share_links"]
    assert {each["state"] for each in everything} >= {"open", "revoked"}
    page = api.ask("GET", "/v1/share-links?limit=1", None, "reader", "acme")[1]
    assert len(page["share_links"]) == 1 and page["next"]
    assert api.ask("GET", "/v1/share-links", None, "reader", "bolt")[1]["share_links"] == []
    for method in ("GET", "DELETE"):
        assert api.ask(method, f"/v1/share-links/{link}", None, "admin", "bolt")[0] == 404
    assert api.ask("POST", "/v1/share-links", {"device": FIRST}, "admin", "bolt")[0] == 404
    assert api.ask("DELETE", f"/v1/share-links/{link}", None, "reader", "acme")[0] == 403
    assert api.ask("DELETE", f"/v1/share-links/{link}", None, "operator", "acme")[0] == 204
    assert api.ask("GET", f"/v1/share-links/{link}", None, "reader", "acme")[1]["state"] == "revoked"
    still = api.ask("GET", "/v1/share-links?state=open", None, "reader", "acme")[1]["share_links"]
    assert link not in {each["link"] for each in still}


def test_share_links_listed_as_open_are_those_that_work(api):
    """The list asks the database, the link itself Python."""
    with api.fleet.database.writing() as connection:
        ended = trips.start(connection, SECOND, "MSKU0000006", "west", "x", 3600, NOW_S - 100)
        row = trips.find(connection, ended)
    assert row is not None
    for length in ("", "1m", "30d"):
        with api.fleet.database.writing() as connection:
            rules.add(connection, row, length, "bench", NOW_S)
    with api.fleet.database.writing() as connection:
        trips.end(connection, ended, NOW_S + 50)
    with api.fleet.database.reading() as connection:
        for now_s in (NOW_S + 1, NOW_S + 49, NOW_S + 50, NOW_S + 60, NOW_S + 366 * 86_400, NOW_S + 2**29):
            every = queries.listed(connection, queries.Wanted(), now_s, 2**31, 1_000)
            is_open = queries.listed(connection, queries.Wanted(only_open=True), now_s, 2**31, 1_000)
            works = [each.share_link for each in every if rules.state(each, now_s) == "open"]
            assert [each.share_link for each in is_open] == works, now_s


def test_lists_of_the_whole_fleet_have_pages(api):
    for path, name, filtered in (
        ("/v1/commands", "commands", "state=open&verb=locate"),
        ("/v1/downloads", "downloads", "state=open"),
        ("/v1/trip-suggestions", "suggestions", ""),
        (f"/v1/devices/{FIRST}/log", "log", ""),
        ("/v1/sims", "sims", "stage=active&controls=x&holder=y"),
        ("/v1/users", "users", "role=operator&tenant=acme"),
        ("/v1/geofences", "geofences", "name=x&tenant=operator"),
        ("/v1/integrations", "integrations", "kind=webhook&tenant=operator"),
        ("/v1/updates", "updates", "board=x"),
    ):
        whole: list[Any] = []
        cursor = ""
        for _ in range(200):
            status, page = api.ask("GET", f"{path}?limit=1{cursor}")
            assert status == 200 and len(page[name]) <= 1
            whole += page[name]
            cursor = f"&cursor={page['next']}"
            if page["next"] is None:
                break
        assert whole == api.ask("GET", f"{path}?limit=1000")[1][name], path
        status, some = api.ask("GET", f"{path}?{filtered}")
        assert status == 200 and all(each in whole for each in some[name])


def test_a_route_gets_other_stations(api):
    stations = [
        {"name": "A", "country": "CN", "lat": 29.63, "lon": 106.39, "kind": "hub"},
        {"name": "B", "country": "DE", "lat": 51.43, "lon": 6.76, "kind": "hub"},
    ]
    assert api.ask("PUT", "/v1/routes/none", {"stations": stations})[0] == 404
    assert api.ask("POST", "/v1/routes", {"name": "drawn", "stations": stations})[0] == 201
    other = [stations[0], stations[1] | {"name": "C", "lat": 52.4, "lon": 16.9, "country": "PL"}]
    assert api.ask("PUT", "/v1/routes/drawn", {"stations": other})[1]["stations"][1]["name"] == "C"
    assert api.ask("PUT", "/v1/routes/drawn", {"stations": other[:1]})[0] == 422
    with api.fleet.database.reading() as connection:
        assert routes.known_route(connection, "drawn").stations[1][0] == "C"


def test_a_webhook_gets_a_new_secret_in_addition_to_the_old_one(api):
    made = api.ask(
        "POST", "/v1/integrations", {"name": "turn", "address": "https://e.example/x"}, "admin", "acme"
    )
    path = "/v1/integrations/turn/rotate"
    status, first = api.ask("POST", path, {}, "admin", "acme")
    assert status == 200 and first["secret"].startswith("whsec_") and first["secret"] != made[1]["secret"]
    assert api.ask("POST", path, {}, "admin", "acme")[0] == 400
    assert api.ask("POST", path, {"finish": True}, "admin", "acme")[1] == {"secret": None}
    assert api.ask("POST", path, {}, "admin", "bolt")[0] == 404
    log = api.ask("GET", "/v1/audit", None, "reader", "acme")[1]["entries"]
    assert "new secret created for turn" in {each["what"] for each in log}
    assert first["secret"] not in json.dumps(log)


def test_controls_that_a_card_demands_stay(api):
    assert api.ask("PUT", "/v1/controls/gone", {})[0] == 200
    card = {"iccids": ["8986001234567890198"], "controls": "gone", "holder": "x", "purpose": "x"}
    assert api.ask("POST", "/v1/sims", card)[0] == 201
    status, refused = api.ask("DELETE", "/v1/controls/gone")
    assert status == 400 and refused["detail"].startswith("controls gone are in use (cards: 1)")
    assert api.ask("PUT", "/v1/controls/unused", {})[0] == 200
    assert api.ask("DELETE", "/v1/controls/unused")[0] == 204
    assert api.ask("GET", "/v1/controls/unused")[0] == 404


def test_a_user_gets_another_mail_address(api):
    assert api.ask("POST", "/v1/users", {"name": "mia", "mail": "old@example.org"})[0] == 201
    assert api.ask("PATCH", "/v1/users/mia", {"mail": "new@example.org"})[1]["mail"] == "new@example.org"
    status, refused = api.ask("PATCH", "/v1/users/mia", {"mail": "nobody"})
    assert status == 400 and "is not a mail address" in refused["detail"]
    assert api.ask("PATCH", "/v1/users/mia", {"mail": ""})[1]["mail"] is None


def test_a_token_is_shown_without_its_secret(api):
    made = api.ask("POST", "/v1/tokens", {"name": "seen"})[1]
    (listed, *_) = api.ask("GET", "/v1/tokens?limit=1")[1]["tokens"]
    assert api.ask("GET", f"/v1/tokens/{listed['token']}")[1] == listed and listed["name"] == "seen"
    assert made["secret"] not in json.dumps(listed)
    assert api.ask("GET", f"/v1/tokens/{listed['token']}", None, "admin", "acme")[0] == 404


ODD = ("a\x00b", "a\nb", " ", "x ", "\x1b[2J", "\x85")


@pytest.mark.parametrize("odd", ODD)
def test_a_name_is_one_line_without_spaces_at_its_ends(api, odd):
    point = {"geometry": {"type": "Point", "coordinates": [17.0, 52.4]}, "radius_m": 90}
    stations = [
        {"name": name, "country": country, "lat": lat, "lon": lon, "kind": "hub"}
        for name, country, lat, lon in (("A", "CN", 29.63, 106.39), ("B", "DE", 51.43, 6.76))
    ]
    for method, path, body in (
        ("POST", "/v1/geofences", {"name": odd} | point),
        ("POST", "/v1/routes", {"name": odd, "stations": stations}),
        ("POST", "/v1/routes", {"name": "odd", "stations": [stations[0] | {"name": odd}, stations[1]]}),
        ("PATCH", "/v1/trips/1", {"destination": odd}),
        ("PATCH", "/v1/trips/1", {"references": {odd: "x"}}),
        ("PATCH", "/v1/trips/1", {"tags": [odd]}),
        ("PATCH", f"/v1/devices/{FIRST}", {"tags": [odd]}),
        ("POST", "/v1/fleet/device-tags", {"devices": [FIRST], "add": [odd]}),
        ("POST", "/v1/fleet/views", {"name": odd, "query": ""}),
    ):
        status, refused = api.ask(method, path, body)
        assert status == 422, (path, refused)
    for path in ("/v1/integrations", "/v1/tokens", "/v1/users", "/v1/devices"):
        key = "device" if path == "/v1/devices" else "name"
        status, refused = api.ask(
            "POST", path, {key: odd, "address": HOOK} if "integ" in path else {key: odd}
        )
        assert status == 400 and "cannot be" in refused["detail"], (path, refused)
    address = {"name": "odd", "address": f"{HOOK}/{odd}"}
    assert api.ask("POST", "/v1/integrations", address)[0] == 400


def test_a_body_that_is_deep_or_endless_breaks_nothing(api):
    deep: list[Any] = [0.0]
    for _ in range(900):
        deep = [deep]
    geofence = {"name": "deep", "geometry": {"type": "Polygon", "coordinates": deep}}
    assert api.ask("POST", "/v1/geofences", geofence)[0] == 400
    policy = POLICY | {"profile": {"roaming": {"iccid": deep}}}
    assert api.ask("PUT", f"/v1/devices/{FIRST}/profile-policy", policy)[0] == 400
    assert api.ask("PUT", "/v1/controls/deep", {"quota_mb": deep})[0] == 400
    number = {
        "name": "n",
        "geometry": {"type": "Point", "coordinates": [float("nan"), 1e400]},
        "radius_m": 90,
    }
    assert api.ask("POST", "/v1/geofences", number)[0] in (400, 422)
