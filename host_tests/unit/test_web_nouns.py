"""Each noun over HTTP from its making to its end; who may, and what is said when it cannot be."""

import json
from pathlib import Path

import pytest
from landbridge.features.updates import queries as releases

from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet
from host_tests.support.in_process import Api

CONTAINER, OTHER = "CSQU3054383", "MSKU0000006"
TRIP = {"device": FIRST, "container": CONTAINER, "route": "west", "destination": "Poznan"}
STATIONS = [
    {"name": "Warsaw", "country": "PL", "lat": 52.2, "lon": 21.0, "kind": "hub"},
    {"name": "Poznan", "country": "PL", "lat": 52.4, "lon": 16.9, "kind": "hub"},
]
YARD = {"type": "Point", "coordinates": [16.9, 52.4]}
SIM = {"iccids": ["8986001234567890123"], "controls": "mine", "holder": "ACME", "purpose": "tracker"}


def audited(api: Api, noun: str) -> list[tuple[str, str]]:
    """(who, action) of the entries of a noun, oldest first."""
    found = api.ask("GET", f"/v1/audit?noun={noun.replace(' ', '%20')}")[1]["entries"]
    return [(each["who"], each["action"]) for each in reversed(found)]


@pytest.fixture
def api(fleet: Fleet, tmp_path: Path) -> Api:
    return Api(fleet, tmp_path)


def test_a_trip_is_started_read_changed_and_ended(api):
    status, made = api.ask(
        "POST", "/v1/trips", TRIP | {"tenant": "acme", "tags": ["b", "a", "b"]}, "operator"
    )
    assert status == 201 and made["tags"] == ["a", "b"] and made["ended"] is None
    path = f"/v1/trips/{made['trip']}"
    assert api.ask("GET", path)[1] == made
    assert api.ask("GET", path, None, "reader", "acme") == (200, made)
    assert api.ask("GET", path, None, "reader", "bolt")[0] == 404
    status, said = api.ask("POST", "/v1/trips", TRIP, "operator")
    assert status == 400 and "is on trip" in said["detail"]
    changes = {"destination": "Duisburg", "references": {"order": "4711"}}
    status, changed = api.ask("PATCH", path, changes, "operator")
    assert (status, changed) == (200, made | changes)
    assert api.ask("PATCH", path, {}, "operator") == (200, changed)
    status, ended = api.ask("POST", f"{path}/end", None, "operator")
    assert status == 200 and ended["ended"] and not ended["arrived"]
    status, said = api.ask("POST", f"{path}/end", None, "operator")
    assert status == 400 and "has ended already" in said["detail"]
    assert [each for each, _ in audited(api, "trip")] == ["token operator-operator"] * 4
    assert {action for _, action in audited(api, "trip")} == {"added", "changed"}


def test_a_tenant_starts_no_trip_and_a_reader_changes_none(api):
    assert api.ask("POST", "/v1/trips", TRIP, "admin", "acme")[0] == 404
    assert api.ask("POST", "/v1/trips", TRIP, "reader")[0] == 403
    assert api.ask("GET", "/v1/trips")[1] == {"trips": [], "next": None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"container": "CSQU3054384"}, "the check digit should be 3"),
        ({"device": "lb-99"}, "no device lb-99"),
        ({"since": "2099-01-01T00:00:00Z"}, "is in the future"),
        ({"tenant": "A B"}, "cannot be the name of a tenant"),
    ],
)
def test_a_trip_that_cannot_be_is_refused_in_one_sentence(api, changes, said):
    status, answer = api.ask("POST", "/v1/trips", TRIP | changes)
    assert status == 400 and said in answer["detail"]


def test_trips_are_filtered_by_state_device_container_tag_and_route(api):
    api.ask("POST", "/v1/trips", TRIP | {"tags": ["frozen"]})
    api.ask("POST", "/v1/trips", TRIP | {"device": SECOND, "container": OTHER, "tenant": "acme"})
    first, second = (each["trip"] for each in api.ask("GET", "/v1/trips")[1]["trips"])
    assert first > second
    for query, found in (
        ("state=ended", []), ("state=running", [first, second]), (f"device={FIRST}", [second]),
        (f"container={OTHER}", [first]), ("tag=frozen", [second]), ("route=east", []), ("limit=1", [first]),
    ):  # fmt: skip
        assert [each["trip"] for each in api.ask("GET", f"/v1/trips?{query}")[1]["trips"]] == found, query
    cursor = api.ask("GET", "/v1/trips?limit=1")[1]["next"]
    page = api.ask("GET", f"/v1/trips?limit=1&cursor={cursor}")[1]
    assert ([each["trip"] for each in page["trips"]], page["next"]) == ([second], None)
    mine = api.ask("GET", "/v1/trips", None, "reader", "acme")[1]["trips"]
    assert [each["trip"] for each in mine] == [first]


def test_a_route_is_added_shown_and_removed(api):
    status, made = api.ask("POST", "/v1/routes", {"name": "west", "stations": STATIONS})
    assert status == 201 and made["stations"][1]["km"] > 250
    assert api.ask("GET", "/v1/routes/west")[1] == made
    assert api.ask("GET", "/v1/routes")[1]["routes"] == [made]
    status, said = api.ask("POST", "/v1/routes", {"name": "west", "stations": STATIONS})
    assert status == 400 and "already exists" in said["detail"]
    status, said = api.ask("POST", "/v1/routes", {"name": "east", "stations": STATIONS[:1] * 2})
    assert status == 400 and "station 2, column lat" in said["detail"]
    assert api.ask("GET", "/v1/routes/west", None, "reader", "acme")[0] == 404
    api.ask("POST", "/v1/trips", TRIP | {"tenant": "acme"})
    assert api.ask("GET", "/v1/routes/west", None, "reader", "acme")[0] == 200
    assert api.ask("DELETE", "/v1/routes/west", None, "admin", "acme")[0] == 404
    assert api.ask("DELETE", "/v1/routes/west")[0] == 204
    assert api.ask("GET", "/v1/routes/west")[0] == api.ask("DELETE", "/v1/routes/west")[0] == 404
    assert [action for _, action in audited(api, "route")] == ["added", "removed"]


def test_a_tenant_has_geofences_of_its_own(api):
    geofence = {"name": "Yard", "geometry": YARD, "radius_m": 800}
    status, ours = api.ask("POST", "/v1/geofences", geofence)
    assert status == 201 and ours["tenant"] is None and ours["radius_m"] == 800
    status, theirs = api.ask("POST", "/v1/geofences", geofence | {"name": "Dock"}, "operator", "acme")
    assert status == 201 and theirs["tenant"] == "acme"
    assert (
        api.ask("POST", "/v1/geofences", geofence | {"name": "x", "tenant": "bolt"}, "admin", "acme")[0]
        == 403
    )
    assert [each["name"] for each in api.ask("GET", "/v1/geofences")[1]["geofences"]] == ["Dock", "Yard"]
    seen = api.ask("GET", "/v1/geofences", None, "reader", "bolt")[1]["geofences"]
    assert [each["name"] for each in seen] == ["Yard"]
    path = f"/v1/geofences/{theirs['geofence']}"
    assert api.ask("PATCH", path, {"name": "Pier"}, "operator", "bolt")[0] == 404
    assert api.ask("PATCH", path, {"name": "Yard"}, "operator", "acme")[0] == 400
    assert api.ask("PATCH", path, {"name": "Pier"}, "operator", "acme")[1]["name"] == "Pier"
    assert api.ask("DELETE", f"/v1/geofences/{ours['geofence']}", None, "admin", "acme")[0] == 403
    assert api.ask("DELETE", path, None, "operator", "acme")[0] == 204
    assert api.ask("DELETE", path, None, "operator", "acme")[0] == 400
    assert api.ask("GET", path, None, "reader", "acme")[1]["removed"]
    kept = api.ask("GET", "/v1/geofences?removed=true", None, "reader", "acme")[1]["geofences"]
    assert [each["name"] for each in kept] == ["Pier", "Yard"]
    assert [action for _, action in audited(api, "geofence")][-2:] == ["changed", "changed"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x", "geometry": YARD}, "a Point needs a radius"),
        ({"name": "x", "geometry": {"type": "Polygon", "coordinates": [[1]]}}, "geometry: "),
        ({"name": "x", "geometry": {"type": "Circle", "coordinates": []}}, "geometry 'Circle' is none of"),
    ],
)
def test_a_geofence_that_cannot_be_is_refused(api, body, said):
    status, answer = api.ask("POST", "/v1/geofences", body)
    assert status == 400 and said in answer["detail"]


def test_a_tenant_has_integrations_of_its_own_on_public_hosts(api):
    hook = {"name": "erp", "address": "https://erp.example/hook"}
    status, made = api.ask("POST", "/v1/integrations", hook, "admin", "acme")
    assert status == 201 and made["tenant"] == "acme" and made["secret"]
    shown = api.ask("GET", "/v1/integrations/erp", None, "reader", "acme")[1]
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert api.ask("GET", "/v1/integrations/erp", None, "reader", "bolt")[0] == 404
    assert api.ask("GET", "/v1/integrations", None, "reader", "bolt")[1]["integrations"] == []
    for address in (
        "http://erp.example",
        "https://127.0.0.1/x",
        "https://localhost",
        "https://[::1]/",
        "https://a.internal",
    ):
        status, said = api.ask("POST", "/v1/integrations", {"name": "x", "address": address}, "admin", "acme")
        assert status == 400 and "public host" in said["detail"], address
    assert (
        api.ask("POST", "/v1/integrations", hook | {"name": "in", "address": "http://10.0.0.1/x"})[0] == 201
    )
    assert api.ask("POST", "/v1/integrations", hook, "operator", "acme")[0] == 403
    assert api.ask("GET", "/v1/integrations/erp/deliveries")[1] == {"deliveries": [], "next": None}
    assert api.ask("DELETE", f"/v1/integrations/erp/deliveries/{FIRST}")[0] == 400
    assert api.ask("DELETE", "/v1/integrations/erp", None, "admin", "bolt")[0] == 404
    assert api.ask("DELETE", "/v1/integrations/erp", None, "admin", "acme")[0] == 204
    assert api.ask("GET", "/v1/integrations/erp")[0] == 404


def test_a_sim_goes_through_its_life(api):
    status, said = api.ask("POST", "/v1/sims", SIM)
    assert status == 400 and "no controls 'mine'" in said["detail"]
    status, made = api.ask("PUT", "/v1/controls/mine", {"binding": True, "quota_mb": 10})
    assert status == 200 and made["controls"]["quota_mb"] == 10
    assert api.ask("GET", "/v1/controls/mine")[1] == api.ask("GET", "/v1/controls")[1]["controls"][0] == made
    assert api.ask("PUT", "/v1/controls/mine", {"colour": 1})[0] == 400
    assert api.ask("GET", "/v1/controls/none")[0] == 404
    status, card = api.ask("POST", "/v1/sims", SIM)
    assert status == 201 and card["stage"] == "stock"
    path = f"/v1/sims/{SIM['iccids'][0]}"
    changes = {"stage": "active", "blocked": "stolen", "why": "police"}
    assert api.ask("PATCH", path, changes)[1]["blocked"] == "stolen"
    assert api.ask("PATCH", path, {"blocked": ""})[1]["blocked"] is None
    assert api.ask("POST", f"{path}/rebind", {"why": "broken"})[0] in (200, 400)
    assert api.ask("PATCH", path, {"stage": "retired"})[1]["stage"] == "retired"
    assert api.ask("PATCH", path, {"stage": "active"})[0] == 400
    shown = api.ask("GET", path)[1]
    done = [each["what"] for each in shown["history"]]
    assert done[1:3] == ["stage active, blocked stolen", "blocked None"]
    assert [each["card"] for each in api.ask("GET", "/v1/sims")[1]["sims"]] == [shown["card"]]
    assert api.ask("GET", path, None, "admin", "acme")[0] == api.ask("GET", "/v1/sims/1")[0] == 404
    assert ("token admin-operator", "added") in audited(api, "SIM")


def test_a_release_is_rolled_out_and_halted(api):
    with api.fleet.database.writing() as connection:
        for sequence in (1, 2):
            releases.add(
                connection, "ESP32", sequence, [], version="1.0", mpy=6, file_list=b"", added_s=NOW_S
            )
    newest, older = api.ask("GET", "/v1/releases")[1]["releases"]
    assert (newest["sequence"], older["sequence"], newest["stage"]) == (2, 1, None)
    cursor = api.ask("GET", "/v1/releases?limit=1")[1]["next"]
    assert api.ask("GET", f"/v1/releases?cursor={cursor}")[1]["releases"] == [older]
    path = "/v1/releases/ESP32/2"
    assert api.ask("POST", f"{path}/roll-out", {}, "operator")[0] == 403
    assert api.ask("POST", f"{path}/roll-out", {"days": 1})[1]["stage"]
    assert api.ask("POST", f"{path}/halt")[1]["halted"] is True
    assert api.ask("GET", path)[1]["halted"] is True
    assert api.ask("GET", "/v1/releases/ESP32/9")[0] == 404
    assert api.ask("POST", "/v1/releases/ESP32/9/halt")[0] == 400
    assert [each["device"] for each in api.ask("GET", "/v1/updates")[1]["updates"]] == [FIRST, SECOND]
    for each in ("/v1/releases", path, "/v1/updates", "/v1/profile-roll-outs"):
        assert api.ask("GET", each, None, "admin", "acme")[0] == 404


def test_a_profile_is_not_rolled_out_without_devices(api):
    status, said = api.ask("POST", "/v1/profile-roll-outs", {"tag": "x", "profile": "cis"})
    assert status == 400 and "no device on a trip with the tag 'x'" in said["detail"]
    assert api.ask("GET", "/v1/profile-roll-outs")[1] == {"rollouts": [], "next": None}
    assert (
        api.ask("GET", "/v1/profile-roll-outs/1")[0]
        == api.ask("POST", "/v1/profile-roll-outs/1/halt")[0]
        == 404
    )


def test_a_device_is_added_tagged_and_retired(api):
    status, made = api.ask("POST", "/v1/devices", {"device": "lb-9", "tags": ["a"]})
    assert status == 201 and made["settings"]["device"] == "lb-9" and len(made["settings"]["key"]) == 64
    assert "BEGIN CERTIFICATE" in made["ca"] and made["problem"] is None
    status, said = api.ask("POST", "/v1/devices", {"device": "lb-9"})
    assert status == 400 and "already exists" in said["detail"]
    assert api.ask("POST", "/v1/devices", {"device": "LB 9"})[0] == 400
    assert api.ask("PATCH", "/v1/devices/lb-9", {"tags": ["c", "b"]}) == (
        200, {"device": "lb-9", "tags": ["b", "c"]},
    )  # fmt: skip
    assert api.ask("DELETE", "/v1/devices/lb-9", None, "operator")[0] == 403
    assert api.ask("DELETE", "/v1/devices/lb-9")[0] == 204
    assert api.ask("DELETE", "/v1/devices/lb-9")[0] == 400
    assert [action for _, action in audited(api, "device")] == ["added", "changed", "changed"]
    everything = json.dumps(api.ask("GET", "/v1/audit")[1])
    assert made["settings"]["key"] not in everything and made["settings"]["broker_password"] not in everything


def test_a_command_and_a_share_link_are_read_alone(api):
    trip = api.ask("POST", "/v1/trips", TRIP)[1]["trip"]
    its = f"/v1/devices/{FIRST}"
    given = [api.ask("POST", f"{its}/commands", {"verb": "locate"})[1]["command"] for _ in range(2)]
    for each in given:
        assert api.ask("GET", f"{its}/commands/{each}")[1]["command"] == each
    link = api.ask("POST", f"{its}/share-links", {"length": "1d"})[1]["link"]
    assert api.ask("GET", f"{its}/share-links/{link}")[1]["trip"] == trip
    assert api.ask("GET", f"{its}/commands/99")[0] == api.ask("GET", f"{its}/share-links/99")[0] == 404
    assert api.ask("GET", f"{its}/downloads/1")[0] == api.ask("GET", "/v1/alarms/1")[0] == 404
