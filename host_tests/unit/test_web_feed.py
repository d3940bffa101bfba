"""The feed of events, and exports: what a platform that was away reads, and what a tenant does not."""

import csv
import io
import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from landbridge.core.clock import CLOCK_FILE_VARIABLE, Clock, iso
from landbridge.db import order
from landbridge.features.esim import policy
from landbridge.features.esim.coding import Policy, Profile, Report
from landbridge.features.esim.queries import policies as cards
from landbridge.features.fleet import queries as listed
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.queries import SimCard
from landbridge.features.users import rules as tokens
from landbridge.points import paged, quality
from landbridge.points import usage_by_card as report
from landbridge.points.queries import points
from landbridge.points.queries.uplinks import KeptUplink, keep
from landbridge.web import device_views

from host_tests.support.agent import set_clock
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.support.trips import BEGIN_S, HOUR_S
from tools.verify.harness.stored import store

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A device that rode for acme, then for bolt; one on no trip."""
    fleet = Fleet(tmp_path_factory.mktemp("feed"))
    fleet.trip("CSQU3054383", 0, 10, "acme")
    fleet.trip("MSKU0000006", 10, None, "bolt")
    fleet.deliver(*(at(hour, events=1) for hour in (2, 12, 4, 14)))
    fleet.deliver(at(3, events=2), device=SECOND)
    with Pages(fleet).served() as made:
        yield made
    fleet.database.close()


def events(pages: Pages, token: str, query: str) -> tuple[list[dict[str, Any]], int]:
    status, text = pages.ask(f"/v1/events?{query}", token)
    assert status == 200, text
    answer = json.loads(text)
    return answer["events"], answer["next"]


def test_a_platform_that_was_away_misses_nothing(pages):
    token = pages.token("operator")
    every, last = events(pages, token, "after=0")
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    for each in every:
        schema.validate(each)
    by_ones, after = [], 0
    while page := events(pages, token, f"after={after}&limit=1"):
        if not page[0]:
            break
        by_ones += page[0]
        after = page[1]
    assert by_ones == every and after == last
    assert [each["event"] for each in every] == sorted({each["event"] for each in every})
    assert events(pages, token, f"after={last}") == ([], last)
    shocks, _ = events(pages, token, f"after=0&device={SECOND}&type=alarm")
    assert [each["alarm"] for each in shocks] == ["shock"]


def test_a_platform_that_has_read_more_than_a_restored_backup_misses_nothing_either(tmp_path):
    fleet = Fleet(tmp_path)
    pages = Pages(fleet)
    secret = pages.token("platform")
    file, copy = Path(fleet.database.place), tmp_path / "copy"
    now_s = Clock().now_s()
    fleet.deliver(at(1, events=2), now_s=now_s - 2)
    fleet.database.close()
    shutil.copy(file, copy)
    fleet.deliver(at(2, events=512), now_s=now_s - 1)
    with pages.served():
        before, last = events(pages, secret, "after=0")
    fleet.database.close()
    shutil.copy(copy, file)
    fleet.deliver(at(2, events=512), at(3, events=1), now_s=now_s)
    with pages.served():
        answer, _ = events(pages, secret, f"after={last}")
        again, _ = events(pages, secret, "after=0")
    fleet.database.close()
    raised = [each["alarm"] for each in answer if each["type"] == "alarm-raised"]
    assert raised == ["tamper", "light"]
    assert {each["event"] for each in answer}.isdisjoint(each["event"] for each in before)
    assert again[-len(answer) :] == answer


def test_dcsa_events_come_in_the_order_of_publication(tmp_path):
    fleet = Fleet(tmp_path)
    fleet.trip("CSQU3054383", 0, None, "acme")
    there, away = {"lat": 52_40000, "lon": 17_00000}, {"lat": 51_10000, "lon": 16_00000}
    fleet.deliver(at(1, **there), at(3, **there, motion=0), at(9, **away, events=1))
    fleet.deliver(at(2, **away), now_s=NOW_S + 60)
    with Pages(fleet).served() as pages:
        status, text = pages.ask("/dcsa/v1/events", pages.token("port"))
        answer = events(pages, pages.token("operator"), "after=0")[0]
    fleet.database.close()
    assert status == 200
    schema = Draft202012Validator(json.loads((PROTOCOL / "dcsa-event.schema.json").read_text()))
    for each in json.loads(text)["events"]:
        schema.validate(each)
    times = [each["metadata"]["eventCreatedDateTime"] for each in json.loads(text)["events"]]
    assert times == sorted(times) and set(times) == {iso(NOW_S), iso(NOW_S + 60)}
    assert [each["published"] for each in answer] == sorted(each["published"] for each in answer)


def test_the_live_feed_begins_with_uplinks_received_while_the_page_loaded(tmp_path, monkeypatch):
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    fleet = Fleet(tmp_path)
    fleet.heard(NOW_S - 10)
    pages = Pages(fleet)
    headers = {"Authorization": f"Bearer {pages.token('operator')}"}
    with pages.served():
        request = urllib.request.Request(f"{pages.url}/live", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as feed:
            first = next(line for line in feed if line.startswith(b"data: "))
    fleet.database.close()
    assert json.loads(first.removeprefix(b"data: "))["device"] == FIRST


def test_the_live_feed_sends_no_row_after_its_token_was_revoked(tmp_path, monkeypatch):
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    fleet = Fleet(tmp_path)
    fleet.heard(NOW_S - 10)
    pages = Pages(fleet)
    headers = {"Authorization": f"Bearer {pages.token('operator')}"}
    with pages.served():
        request = urllib.request.Request(f"{pages.url}/live", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as feed:
            next(line for line in feed if line.startswith(b"data: "))
            with fleet.database.writing() as connection:
                tokens.revoke(connection, "operator", "bench", NOW_S)
            fleet.heard(NOW_S - 5)
            rest = feed.read()
    fleet.database.close()
    assert b"data" not in rest


def test_a_number_that_no_event_had_is_refused(pages):
    token = pages.token("ahead")
    for path in ("/v1/events", "/dcsa/v1/events"):
        status, text = pages.ask(f"{path}?after={order.HIGHEST}", token)
        assert status == 409 and "after=0" in text
        assert pages.ask(f"{path}?after={order.HIGHEST + 1}", token)[0] == 422


def test_a_tenant_gets_events_of_its_own_trips_only(pages):
    for tenant, container, hours in (("acme", "CSQU3054383", [2, 4]), ("bolt", "MSKU0000006", [12, 14])):
        token = pages.token(f"of-{tenant}", tenant=tenant)
        found, _ = events(pages, token, "after=0&type=alarm")
        assert [each["seq"] for each in found] == hours
        assert {each["container"] for each in found} == {container}
        status, text = pages.ask("/dcsa/v1/events", token)
        assert status == 200
        answer = [each["payload"] for each in json.loads(text)["events"]]
        assert {each["equipmentReference"] for each in answer} == {container}
        assert [each["iotEventCode"] for each in answer if "iotEventCode" in each] == ["DRO", "DRO"]
        status, text = pages.ask(f"/v1/devices/{FIRST}/export?format=gpx", token)
        assert status == 200
        assert len(ElementTree.fromstring(text).findall(".//{*}trkpt")) == 2
        assert pages.ask(f"/v1/devices/{SECOND}/export", token)[0] == 404
    assert pages.ask(f"/v1/devices/{FIRST}/export?trip=2", pages.token("a", tenant="acme"))[0] == 404
    status, text = pages.ask(f"/v1/devices/{FIRST}/export?format=kml", pages.token("all"))
    assert status == 200 and text.count("<Point>") == 4


def test_an_export_is_read_in_pages_and_of_a_time(pages, monkeypatch):
    token = pages.token("exports")
    path = f"/v1/devices/{FIRST}/export?format=csv"
    whole = pages.ask(path, token)[1]
    asked: list[int] = []
    of_sequences = points.of_sequences

    def seen_in_pages(connection: Any, device: str, sequences: Any) -> Any:
        asked.append(len(sequences))
        return of_sequences(connection, device, sequences)

    monkeypatch.setattr(points, "of_sequences", seen_in_pages)
    monkeypatch.setattr(paged, "PAGE", 3)
    assert pages.ask(path, token)[1] == whole and asked == [3, 1]
    assert [row["seq"] for row in csv.DictReader(io.StringIO(whole))] == ["2", "4", "12", "14"]
    span = f"since={iso(BEGIN_S + 4 * HOUR_S)}&until={iso(BEGIN_S + 14 * HOUR_S)}"
    part = csv.DictReader(io.StringIO(pages.ask(f"{path}&{span}", token)[1]))
    assert [row["seq"] for row in part] == ["4", "12"]


def in_pages(pages: Pages, token: str, path: str, name: str, limit: int) -> list[Any]:
    """All entries of a list, page after page."""
    found: list[Any] = []
    cursor = ""
    while True:
        page = json.loads(pages.ask(f"{path}?limit={limit}{cursor}", token)[1])
        found += page[name]
        if page["next"] is None:
            return found
        assert len(page[name]) == limit
        cursor = f"&cursor={page['next']}"


def test_lists_have_a_limit(pages):
    token = pages.token("lists", "operator")
    its = f"/v1/devices/{FIRST}"
    listed = json.loads(pages.ask(f"{its}/events", token)[1])["events"]
    assert json.loads(pages.ask(f"{its}/events?limit=2", token)[1])["events"] == listed[-2:]
    span = f"since={listed[1]['time']}&until={listed[-1]['time']}"
    part = json.loads(pages.ask(f"{its}/events?{span}", token)[1])["events"]
    assert part == [each for each in listed if listed[1]["time"] <= each["time"] < listed[-1]["time"]]
    assert in_pages(pages, token, f"{its}/events", "events", 2) == [
        *listed[-2:],
        *listed[-4:-2],
        *listed[:-4],
    ]
    for leaf, made, number in (
        ("commands", {"verb": "locate"}, "command"),
        ("share-links", {"length": "1d"}, "link"),
    ):
        name = leaf.replace("-", "_")
        for _ in range(3):
            assert pages.ask(f"{its}/{leaf}", token, "POST", made)[0] == 201
        whole = json.loads(pages.ask(f"{its}/{leaf}", token)[1])
        numbers = [each[number] for each in whole[name]]
        assert whole["next"] is None and len(numbers) == 3 and numbers == sorted(numbers, reverse=True)
        assert in_pages(pages, token, f"{its}/{leaf}", name, 2) == whole[name]


def test_the_card_s_activity_on_another_tenant_s_trip_is_not_shown(tmp_path, monkeypatch):
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    fleet = Fleet(tmp_path)
    fleet.trip("CSQU3054383", 0, 10, "acme")
    fleet.trip("MSKU0000006", 10, None, "bolt")
    profile = Profile("8988280000000000022", "a", "", "")
    with fleet.database.writing() as connection:
        for hour, desired in ((2, policy.AUTOMATIC), (12, "cis")):
            at_s = BEGIN_S + hour * HOUR_S
            found = Policy({"cis": profile}, "cis", {})
            cards.set_desired(connection, FIRST, found, desired, "bench", at_s)
            keep(connection, [KeptUplink(FIRST, hour, at_s, b"1234", 0, 0)])
        cards.keep_identity(connection, FIRST, {"iccid": profile.iccid}, BEGIN_S)
        said = Report(2, 0, "", 1, 0, (), (), 321, ((profile.iccid, 3 * 1024),))
        cards.keep_report(connection, FIRST, said, BEGIN_S + 13 * HOUR_S)
        inventory.set_controls(connection, "resold", {}, "bench", BEGIN_S)
        card = SimCard(
            0, "ACME Rail", "locator", "resold", "active", (), "ARMED", None, None, (profile.iccid,)
        )
        inventory.add(connection, card, "bench", BEGIN_S)
    with Pages(fleet).served() as pages:
        answer = {
            name: json.loads(pages.ask(f"/v1/devices/{FIRST}/card", pages.token(name, tenant=tenant))[1])
            for name, tenant in (("bolt", "bolt"), ("operator", None))
        }
    assert [each["to"] for each in answer["bolt"]["switches"]] == ["cis"]
    assert [each["to"] for each in answer["operator"]["switches"]] == ["cis", policy.AUTOMATIC]
    assert answer["bolt"]["plan"] is None and answer["bolt"]["profiles"][0]["used_mb"] is None
    assert (answer["operator"]["plan"]["holder"], answer["operator"]["profiles"][0]["used_mb"]) == (
        "ACME Rail",
        3,
    )
    assert [each["reports"] for each in answer["bolt"]["usage"]] == [1]
    assert [each["reports"] for each in answer["operator"]["usage"]] == [2]
    fleet.database.close()


def test_bytes_by_country_are_the_same_on_the_page_and_in_the_report(tmp_path, monkeypatch):
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    fleet = Fleet(tmp_path)
    fleet.trip("MSKU0000006", 10, None, "bolt")
    with fleet.database.writing() as connection:
        for hour, plmn in ((2, 460_000), (12, 0), (14, 401_001)):
            at_s = BEGIN_S + hour * HOUR_S
            store(connection, FIRST, [quality.check(at(hour, plmn=plmn), None, at_s)], at_s)
            keep(connection, [KeptUplink(FIRST, hour, at_s, b"1234", 0, 0)])
        kazakhstan, china = report.rows(connection, BEGIN_S, NOW_S)
    with Pages(fleet).served() as pages:
        operator, bolt = (
            json.loads(pages.ask(f"/v1/devices/{FIRST}/card", pages.token(name, tenant=tenant))[1])["usage"]
            for name, tenant in (("operator", None), ("bolt", "bolt"))
        )
    assert [(each.country, each.used.messages) for each in (kazakhstan, china)] == [("401", 1), ("460", 2)]
    counted = {each["country"]: (each["reports"], each["on_air_bytes"]) for each in operator}
    assert counted == {"CN": (2, china.used.on_air_bytes), "KZ": (1, kazakhstan.used.on_air_bytes)}
    # Where it was before his trip is not the tenant's to see.
    assert {each["country"]: each["reports"] for each in bolt} == {None: 1, "KZ": 1}
    fleet.database.close()


def test_a_large_fleet_is_served_as_a_small_one(pages, monkeypatch):
    secrets = [pages.token("sees-all"), pages.token("sees-bolt", tenant="bolt")]
    small = [json.loads(pages.ask("/v1/devices", secret)[1])["devices"] for secret in secrets]
    monkeypatch.setattr(listed, "NAMED", 0)
    assert [json.loads(pages.ask("/v1/devices", secret)[1])["devices"] for secret in secrets] == small
    assert [[each["device"] for each in answer] for answer in small] == [[FIRST, SECOND], [FIRST]]
    assert all(each["latitude"] is not None for each in small[0])


def test_a_page_of_the_fleet_reads_no_more_than_it_shows(pages, monkeypatch):
    rides, read = device_views.listed, []

    def counted(*given: Any, **named: Any) -> list[device_views.DeviceView]:
        read.append(rides(*given, **named))
        return list(read[-1])

    monkeypatch.setattr(device_views, "listed", counted)
    secret, page, devices = pages.token("turns"), "", []
    while page is not None:
        answer = json.loads(pages.ask(f"/v1/devices?limit=1{page}", secret)[1])
        devices += [each["device"] for each in answer["devices"]]
        page = answer["next"] and f"&cursor={answer['next']}"
    assert devices == [FIRST, SECOND] and [len(each) for each in read] == [2, 1]
    mine = json.loads(pages.ask("/v1/devices?limit=1", pages.token("bolt-turns", tenant="bolt"))[1])
    assert ([each["device"] for each in mine["devices"]], mine["next"]) == ([FIRST], None)


def test_without_a_token_there_is_no_feed(pages):
    for path in ("/v1/events", "/dcsa/v1/events", f"/v1/devices/{FIRST}/export"):
        assert pages.ask(path, "wrong")[0] == 401
    assert pages.ask("/v1/events?after=-1", pages.token("b"))[0] == 422
