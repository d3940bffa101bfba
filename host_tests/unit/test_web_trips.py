"""The pages of trips, of the SIM inventory and of the system: their contents by user."""

import json
import re

from landbridge.core.clock import iso
from landbridge.events import publishing
from landbridge.features.routes.queries import routes
from landbridge.features.sharing import rules as shares
from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint
from landbridge.protocol.event import Event

from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.support.pages import CONTAINER, Shown
from host_tests.support.trips import BEGIN_S, HOUR_S, STATIONS

OTHER = "MSKU0000006"


def listed(pages: Pages, path: str, token: str) -> list[str]:
    return re.findall(r'href="/trips/\d+">(\w+)</a>', pages.ask(path, token)[1])


def test_trips_are_listed_for_whom_they_are(fleet: Fleet):
    mine = fleet.trip(CONTAINER, 0, 10, "acme")
    theirs = fleet.trip(OTHER, 11, None, "bolt", SECOND)
    with Pages(fleet).served() as pages:
        acme, anna = pages.token("acme", "operator", "acme"), pages.token("anna", "operator")
        assert listed(pages, "/trips", anna) == [OTHER]
        assert listed(pages, "/trips?state=ended", acme) == [CONTAINER]
        assert listed(pages, "/trips?state=all", acme) == [CONTAINER]
        assert listed(pages, "/trips?state=all&text=msku", anna) == [OTHER]
        assert pages.ask(f"/trips/{theirs}", acme)[0] == 404
        status, text = pages.ask(f"/trips/{mine}?language=en", acme)
        assert status == 200 and CONTAINER in text
        # The form names the routes of all tenants, and the API lets the operator tenant alone correct trips.
        assert 'id="edit"' not in text and "datalist" not in text
        text = pages.ask(f"/trips/{mine}?language=en", anna)[1]
        assert 'id="edit"' in text and 'id="end"' not in text
        assert 'id="edit"' not in pages.ask(f"/trips/{theirs}", pages.token("rita"))[1]


def test_a_wrong_container_number_is_reported(fleet: Fleet):
    with Pages(fleet).served() as pages:
        anna = pages.token("anna", "operator")
        new = {"device": FIRST, "container": "CSQU3054384", "route": "west", "destination": "Poznan"}
        status, text = pages.ask("/v1/trips", anna, "POST", new)
        assert status == 400 and "the check digit should be 3" in text


def test_a_device_that_saw_light_is_offered_for_a_trip(fleet: Fleet):
    fleet.deliver(at(1, lat=52_40000, lon=17_00000, events=1))
    with Pages(fleet).served() as pages:
        anna = pages.token("anna", "operator")
        text = pages.ask("/trips?language=en", anna)[1]
        assert f'data-offer="{FIRST}"' in text and "light detected" in text and "Poznań" in text
        since = text.partition('data-since="')[2].partition('"')[0]
        new = {"device": FIRST, "container": CONTAINER, "route": "west", "destination": "Poznan"}
        status, answer = pages.ask("/v1/trips", anna, "POST", new | {"since": since})
        assert status == 201 and json.loads(answer)["started"] == since
        assert "data-offer" not in pages.ask("/trips", anna)[1]


def test_filters_find_trips_older_than_the_newest_200(fleet: Fleet):
    old = fleet.trip(CONTAINER, 0, 1, "acme")
    for number in range(250):
        fleet.trip(OTHER, 2 + 2 * number, 3 + 2 * number, "acme")
    with Pages(fleet).served() as pages:
        anna = pages.token("anna", "operator")
        assert "The newest 200 trips" in pages.ask("/trips?state=all&language=en", anna)[1]
        assert "The newest" not in pages.ask("/trips?state=all&text=csqu&language=en", anna)[1]
        newest = listed(pages, "/trips?state=all", anna)
        assert len(newest) == 200 and CONTAINER not in newest
        assert listed(pages, "/trips?state=all&text=csqu", anna) == [CONTAINER]
        assert CONTAINER not in pages.ask("/reports", anna)[1]
        assert f"subject={old}&amp;" in pages.ask("/reports?text=csqu", anna)[1]
        assert "No trip matches the filter" in pages.ask("/reports?text=%25&language=en", anna)[1]


def said(pages: Shown, query: str) -> list[str]:
    """What the rows of the audit log say."""
    _, text = pages.ask(f"/audit?language=en&{query}", pages.dispatch)
    return re.findall(r'<td class="sentence">([^<]*)</td>', text)


def test_the_audit_log_is_filtered(pages: Shown):
    every = said(pages, "")
    mine = said(pages, f"text={FIRST}")
    assert 0 < len(mine) < len(every) and set(mine) < set(every)
    status, _ = pages.ask(f"/v1/devices/{SECOND}/commands", pages.dispatch, "POST", {"verb": "locate"})
    assert status == 201 and said(pages, f"noun=command&text={SECOND}") == ["command sent: locate"]
    assert said(pages, f"noun=geofence&text={SECOND}") == []
    assert said(pages, "text=nobody") == [] == said(pages, "since=2090-01-01")
    assert said(pages, "until=2001-01-01") == []
    # What is no day, or no kind, filters nothing.
    assert len(said(pages, "since=never&until=9999-12-31&noun=x")) >= len(every)


def test_the_operators_pages_are_the_operators(pages: Shown):
    _, text = pages.ask("/sims?language=en", pages.dispatch)
    assert "ACME Rail" in text and "of 10 MB" in text
    assert "No card matches the filter" in pages.ask("/sims?text=nobody&language=en", pages.dispatch)[1]
    _, text = pages.ask("/system?language=en", pages.dispatch)
    assert "Devices with a missed session" in text and 'href="/alarms?severity=critical"' in text
    acme = pages.token("acme-admin", "admin", "acme")
    assert [pages.ask(path, acme)[0] for path in ("/sims", "/system")] == [404, 404]


def test_a_trip_that_goes_on_after_the_arrival_is_not_under_way(fleet: Fleet):
    trip = fleet.trip(CONTAINER, 0, None, "acme")
    since, shown = iso(BEGIN_S + HOUR_S), BEGIN_S + 3 * HOUR_S
    content = {"type": "arrival", "place": "Poznan", "since": since, "trip": trip, "latitude": None}
    arrival = Event(f"{FIRST}/3/arrival", FIRST, "arrival", True, trip, 3, shown, content, "acme")
    pages = Pages(fleet)
    with pages.served():
        anna = pages.token("anna", "operator")
        assert "running</span></h1>" in pages.ask(f"/trips/{trip}?language=en", anna)[1]
        with fleet.database.writing() as connection:
            publishing.publish(connection, [arrival], NOW_S)
        head = pages.ask(f"/trips/{trip}?language=en", anna)[1].partition('id="map"')[0]
        assert "arrived</span></h1>" in head and "ETA" not in head
        assert f'<dt>Arrived</dt><dd><time datetime="{since}"' in head, "since when it stands there"
        assert f'datetime="{since}"' in pages.ask("/trips", anna)[1]


def test_a_shared_page_says_that_the_container_arrived_and_where(fleet: Fleet):
    dit = Waypoint("Duisburg DIT", "DE", 51.45, 6.75, "hub", 1100.0)
    with fleet.database.writing() as connection:
        routes.add(connection, "west", [*STATIONS, dit], [1.0], BEGIN_S)
        trip = trips.start(connection, FIRST, CONTAINER, "west", "Duisburg", 3600, BEGIN_S)
        row = trips.find(connection, trip)
        assert row is not None
        link = shares.add(connection, row, "2000h", "bench", NOW_S).secret
    fleet.heard(BEGIN_S + 40 * HOUR_S, BEGIN_S + 41 * HOUR_S)
    pages = Pages(fleet)
    with pages.served():
        anna = pages.token("anna", "operator")
        shown = pages.ask(f"/s/{link}?language=en", "")[1]
        assert ">To Duisburg</p>" in shown and "Next session" in shown
        assert "Duisburg" not in pages.ask("/trips?language=zh", anna)[1]
        content = {"type": "stop", "place": "Duisburg DIT", "time": iso(BEGIN_S), "trip": trip}
        for number in range(31):
            stop = Event(f"{FIRST}/{number}/stop", FIRST, "stop", True, trip, number, NOW_S, content, None)
            with fleet.database.writing() as connection:
                publishing.publish(connection, [stop], NOW_S)
        since = iso(BEGIN_S + HOUR_S)
        content = {"type": "arrival", "place": "Duisburg", "since": since, "trip": trip}
        arrival = Event(f"{FIRST}/99/arrival", FIRST, "arrival", True, trip, 99, NOW_S, content, None)
        with fleet.database.writing() as connection:
            publishing.publish(connection, [arrival], NOW_S)
        shown = pages.ask(f"/s/{link}?language=en", "")[1]
        assert f'>Arrived in Duisburg <b><time datetime="{since}"' in shown and "Next session" not in shown
        assert "Earlier events are not shown." in shown
        shown = pages.ask(f"/s/{link}?language=zh", "")[1].partition("<main")[2]
        assert "杜伊斯堡" in shown and "Duisburg" not in shown
