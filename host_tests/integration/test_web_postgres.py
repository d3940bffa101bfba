"""The API on PostgreSQL, where its questions are written for both engines: lists, filters, odd characters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.support.fleet import FIRST, Fleet, at
from host_tests.support.in_process import Api

CONTAINER = "CSQU3054383"


@pytest.fixture
def api(tmp_path: Path, postgres: str) -> Iterator[Api]:
    fleet = Fleet(tmp_path, postgres)
    fleet.trip(CONTAINER, 0, None, "acme")
    fleet.deliver(at(1), at(2))
    yield Api(fleet, tmp_path)
    fleet.database.close()


def test_lists_and_their_filters_answer_there_too(api):
    assert api.ask("POST", f"/v1/devices/{FIRST}/commands", {"verb": "locate"})[0] == 201
    assert api.ask("PATCH", f"/v1/devices/{FIRST}", {"tags": ["frozen"]})[0] == 200
    policy = {
        "fallback": "roaming",
        "profile": {"roaming": {"iccid": "8931440400012345678"}},
        "countries": {"elsewhere": ["roaming"]},
    }
    assert api.ask("PUT", f"/v1/devices/{FIRST}/profile-policy", policy)[0] == 200
    made = api.ask("POST", "/v1/share-links", {"device": FIRST, "length": "2h"}, "operator", "acme")
    assert made[0] == 201
    for path, name, count in (
        ("/v1/commands?state=open&verb=locate&limit=1", "commands", 1),
        ("/v1/share-links?state=open", "share_links", 1),
        (f"/v1/share-links?device={FIRST}", "share_links", 1),
        ("/v1/profile-policies", "policies", 1),
        ("/v1/downloads?state=open", "downloads", 0),
        (f"/v1/devices?tag=frozen&container={CONTAINER}", "devices", 1),
        ("/v1/audit?by_tenant=acme&noun=share%20link", "entries", 1),
        ("/v1/trip-suggestions", "suggestions", 0),
        ("/v1/users?role=admin&tenant=acme", "users", 0),
    ):
        status, found = api.ask("GET", path)
        assert status == 200 and len(found[name]) == count, (path, found)
    seen = api.ask("GET", "/v1/audit", None, "reader", "acme")[1]["entries"]
    assert {"command", "share link"} <= {each["noun"] for each in seen}
    assert not api.ask("GET", "/v1/audit", None, "reader", "bolt")[1]["entries"]
    assert api.ask("DELETE", f"/v1/devices/{FIRST}/profile-policy")[0] == 204


def test_a_character_that_it_does_not_store_breaks_nothing(api):
    wanted = {"name": "mine", "query": "a\0b"}
    assert api.ask("POST", "/v1/fleet/views", wanted)[0] == 201
    assert api.ask("GET", "/v1/audit?by=%00")[0] == 200
    assert api.ask("GET", "/v1/users/%00")[0] == 404
    (view,) = api.ask("GET", "/v1/fleet/views")[1]["views"]
    assert view["query"] == "a\ufffdb"
