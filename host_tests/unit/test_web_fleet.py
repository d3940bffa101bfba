"""The fleet as a whole: place, ETA and tags of each row; the same for many devices; saved views."""

import json
from typing import Any

import pytest
from landbridge.core.errors import UserError
from landbridge.db import idempotency
from landbridge.features.routes.queries import routes
from landbridge.features.settings import fields
from landbridge.features.settings import queries as settings
from landbridge.features.trips import queries as trips
from landbridge.features.users import rules as tokens
from landbridge.protocol import settings as wire
from landbridge.protocol.settings import Report
from landbridge.tracking import silence
from landbridge.web import columns, device_head, device_views

from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.support.trips import BEGIN_S, HOUR_S, STATIONS

CONTAINER = "CSQU3054383"


def rows_of(fleet: Fleet, tenant: str | None = None, is_chinese: bool = False) -> dict[str, Any]:
    with fleet.database.reading() as connection:
        views = device_views.listed(connection, tenant)
        return columns.fleet(device_views.glances(connection, views, NOW_S), is_chinese)


def test_a_row_has_place_and_country_and_in_chinese(fleet: Fleet):
    fleet.trip(CONTAINER, 0, None, "acme")
    fleet.deliver(at(1, lat=52_41000, lon=16_93000))
    for is_chinese, place in ((False, "Poznań"), (True, "波兹南")):
        found = rows_of(fleet, is_chinese=is_chinese)
        named = found["columns"]
        assert [found["texts"][each] for each in named["place"]] == [place, None]
        assert [found["texts"][each] for each in named["country"]] == ["PL", None]
    with Pages(fleet).served() as pages:
        (row, _) = json.loads(pages.ask("/v1/devices", pages.token("anna"))[1])["devices"]
    assert (row["place"]["name"], row["country"]["code"], row["tags"]) == ("Poznań", "PL", [])


def test_a_device_is_overdue_when_its_alarm_is_raised(fleet: Fleet):
    fleet.trip(CONTAINER, 0, None, "acme")
    fleet.deliver(at(1))
    due_s = NOW_S - silence.GRACE_S
    for next_s, state, is_due in ((due_s, "dwelling", False), (due_s - 1, "silent", True)):
        fleet.heard(due_s - 9 * 86_400, next_s)
        with fleet.database.reading() as connection:
            (first, _) = device_views.glances(connection, device_views.listed(connection, None), NOW_S)
            assert (first.state, FIRST in silence.due_devices(connection, 0, NOW_S)) == (state, is_due)


def test_a_row_has_the_eta_and_the_planned_arrival(fleet: Fleet):
    trip = fleet.trip(CONTAINER, 0, None, "acme")
    with fleet.database.writing() as connection:
        routes.add(connection, "west", STATIONS, [1.0], BEGIN_S)
    fleet.deliver(*(at(hour, lat=52_23000, lon=21_01000, speed=0) for hour in range(1, 4)))
    first = expected(fleet, trip)
    assert first and first[0] == first[1], "nothing has changed yet"
    fleet.deliver(*(at(hour, lat=52_23000, lon=21_01000, speed=0) for hour in range(4, 200, 4)))
    planned_s, eta_s = expected(fleet, trip) or (0, 0)
    assert planned_s == first[0] and eta_s > planned_s + 24 * HOUR_S, "it stands, and is late"
    row = rows_of(fleet)["columns"]
    assert (row["planned_s"][0], row["eta_s"][0]) == (planned_s // 60, eta_s // 60)
    with fleet.database.writing() as connection:
        trips.end(connection, trip, NOW_S)
    assert rows_of(fleet, "acme")["columns"]["eta_s"] == [None]


def expected(fleet: Fleet, trip: int) -> tuple[int, int] | None:
    """What was planned, and what is expected now."""
    with fleet.database.reading() as connection:
        row = trips.find(connection, trip)
        return row and row.planned_s and (row.planned_s, row.eta_s)


def test_many_are_set_and_a_tenant_reaches_its_own_only(fleet: Fleet):
    fleet.trip(CONTAINER, 0, None, "acme")
    fleet.trip("MSKU0000006", 0, None, "bolt", SECOND)
    with Pages(fleet).served() as pages:
        anna, acme = pages.token("anna", "operator"), pages.token("acme", "operator", "acme")
        many = {"devices": [FIRST, SECOND, "lb-9", FIRST], "changes": {"light_lux": 55}}
        assert pages.ask("/v1/fleet/settings", pages.token("rita"), "POST", many)[0] == 403
        found = json.loads(pages.ask("/v1/fleet/settings", acme, "POST", many)[1])
        assert found["done"] == [FIRST] and [each["device"] for each in found["refused"]] == [SECOND, "lb-9"]
        found = json.loads(pages.ask("/v1/fleet/settings", anna, "POST", many)[1])
        assert found["done"] == [FIRST, SECOND]
        status, text = pages.ask(
            "/v1/fleet/settings", anna, "POST", many | {"changes": {"light_lux": 1, "tilt_deg": 20}}
        )
        assert status == 400 and "light_lux=1" in text
        with fleet.database.reading() as connection:
            assert [settings.desired(connection, each).changes for each in (FIRST, SECOND)] == 2 * [
                {"light_lux": 55}
            ]
        sent = {"devices": [FIRST, SECOND], "verb": "locate", "expires": "1h"}
        assert json.loads(pages.ask("/v1/fleet/commands", anna, "POST", sent)[1])["done"] == [FIRST, SECOND]
        assert pages.ask("/v1/fleet/commands", anna, "POST", sent | {"verb": "shipping"})[0] == 403
        assert pages.ask("/v1/fleet/commands", anna, "POST", sent | {"verb": "fly"})[0] == 400


def test_many_are_tagged_and_shared(fleet: Fleet):
    fleet.trip(CONTAINER, 0, None, "acme")
    with Pages(fleet).served() as pages:
        anna = pages.token("anna", "operator")
        both = {"devices": [FIRST, SECOND]}
        found = json.loads(
            pages.ask("/v1/fleet/tags", anna, "POST", both | {"add": ["frozen", " x "], "remove": []})[1]
        )
        assert found["done"] == [FIRST] and "is not on a trip" in found["refused"][0]["why"]
        pages.ask("/v1/fleet/tags", anna, "POST", both | {"add": ["late"], "remove": ["x"]})
        (row, _) = json.loads(pages.ask("/v1/devices", anna)[1])["devices"]
        assert row["tags"] == ["frozen", "late"]
        found = json.loads(pages.ask("/v1/fleet/share-links", anna, "POST", both | {"length": "2d"})[1])
        (link,) = found["links"]
        assert (link["device"], link["container"]) == (FIRST, CONTAINER)
        assert pages.ask(link["path"], "")[0] == 200


def test_a_view_is_kept_for_its_owner(fleet: Fleet):
    with Pages(fleet).served() as pages:
        anna, bert = pages.token("anna"), pages.token("bert")
        view = {"name": "Late in Poland", "query": "country=PL&late=1"}
        assert pages.ask("/v1/fleet/views", anna, "POST", view)[0] == 201
        assert pages.ask("/v1/fleet/views", anna, "POST", view | {"query": "country=PL"})[0] == 201
        (kept,) = json.loads(pages.ask("/v1/fleet/views", anna)[1])["views"]
        assert kept["query"] == "country=PL"
        assert json.loads(pages.ask("/v1/fleet/views", bert)[1])["views"] == []
        assert pages.ask(f"/v1/fleet/views/{kept['view']}", bert, "DELETE")[0] == 404
        assert pages.ask(f"/v1/fleet/views/{kept['view']}", anna, "DELETE")[0] == 204
        assert json.loads(pages.ask("/v1/fleet/views", anna)[1])["views"] == []


def test_a_reused_token_name_reveals_nothing_of_its_earlier_owner(fleet: Fleet):
    with Pages(fleet).served() as pages:
        view = {"name": "Late in Poland", "query": "country=PL"}
        assert pages.ask("/v1/fleet/views", pages.token("anna", "reader", "acme"), "POST", view)[0] == 201
        with fleet.database.writing() as connection:
            idempotency.begin(connection, "token acme/anna", "k-1", "0" * 64, NOW_S)
            tokens.revoke(connection, "anna", "bench", NOW_S)
            assert idempotency.begin(connection, "token acme/anna", "k-1", "0" * 64, NOW_S) is None
        another = pages.token("anna", "reader", "acme")
        assert json.loads(pages.ask("/v1/fleet/views", another)[1])["views"] == []


def test_applied_and_wanted_settings_are_shown_side_by_side(fleet: Fleet):
    with fleet.database.writing() as connection:
        assert device_head.on_device(connection, FIRST) is None
        settings.change(connection, FIRST, {"light_lux": 55}, "bench", NOW_S)
        reported = Report(1, wire.values_hash({"light_lux": 55}), 1, 0, 0)
        settings.keep_report(connection, FIRST, reported, NOW_S)
        settings.change(connection, FIRST, {"light_lux": 77}, "bench", NOW_S + 1)
        applies = device_head.on_device(connection, FIRST)
        assert applies and applies["light_lux"] == 55 and applies["tilt_deg"] == 30


def test_a_field_is_in_peoples_units():
    before = wire.applied({"interval_s": 1830})
    given = {
        "interval_s": ["30.5"],
        "temperature_low_dc": ["-12,5"],
        "alarms": ["0", "1", "256"],
        "paced": ["1"],
    }
    assert fields.shown("interval_s", 1830) == "30.5"
    assert fields.changes(given, before) == {"temperature_low_dc": -125, "alarms": 257}
    shown = fields.shown("alarms", before["alarms"])
    stale = {"was-interval_s": ["60"], "interval_s": ["60"], "was-alarms": [shown], "alarms": ["0", "256"]}
    assert fields.changes(stale, before) == {"alarms": 256}, "another user has changed the interval since"
    with pytest.raises(UserError, match=r"was changed to 30\.5 after you opened this page"):
        fields.changes(stale | {"interval_s": ["90"]}, before)
    assert fields.changes(stale | {"interval_s": ["30.5"]}, before) == {"alarms": 256}, "both want the same"
    with pytest.raises(UserError, match="Fixed interval between positions: enter 5 to 1440 minutes"):
        fields.changes({"interval_s": ["4"]}, before)
    with pytest.raises(UserError, match=r"Low-battery alarm below: enter 3 to 3\.5 V"):
        fields.changes({"battery_low_mv": ["much"]}, before)
    assert set(fields.FIELDS) == set(wire.SETTINGS)


def test_a_delay_is_reported_in_words():
    said = [str(device_head.lateness(hours * HOUR_S)) for hours in (-60, -20, 5, 7, 47, 48)]
    assert said == [
        "2 days early",
        "20 hours early",
        "on time",
        "7 hours late",
        "47 hours late",
        "2 days late",
    ]
