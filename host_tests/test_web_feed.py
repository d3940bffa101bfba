"""The feed of events, and exports: what a platform that was away reads, and what a tenant does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from landbridge.clock import CLOCK_FILE_VARIABLE
from landbridge.fleet import policy
from landbridge.store import cards, register
from landbridge.store.points import KeptUplink, keep_uplinks
from landbridge.store.register import Registered
from landbridge.web import seen
from landbridge.wire.cards import Profile, Report

from host_tests.agent_bench import set_clock
from host_tests.fleet_bench import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.journey_bench import BEGIN_S, HOUR_S

PROTOCOL = Path(__file__).parent.parent / "docs" / "protocol"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A device that rode for acme, then for bolt; one on no trip."""
    fleet = Fleet(tmp_path_factory.mktemp("feed"))
    fleet.trip("CSQU3054383", 0, 10, "acme")
    fleet.trip("MSKU0000006", 10, None, "bolt")
    fleet.deliver(*(at(hour, events=1) for hour in (2, 12, 4, 14)))
    fleet.deliver(at(3, events=2), device=SECOND)
    made = Pages(fleet)
    with made.served():
        yield made
    fleet.database.close()


def events(pages: Pages, token: str, query: str) -> tuple[list[dict[str, Any]], int]:
    status, text = pages.ask(f"/v1/events?{query}", token)
    assert status == 200, text
    told = json.loads(text)
    return told["events"], told["next"]


def test_a_platform_that_was_away_misses_nothing(pages):
    token = pages.token("house")
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


def test_a_tenant_is_told_of_its_own_trips_only(pages):
    for tenant, container, hours in (("acme", "CSQU3054383", [2, 4]), ("bolt", "MSKU0000006", [12, 14])):
        token = pages.token(f"of-{tenant}", tenant=tenant)
        found, _ = events(pages, token, "after=0&type=alarm")
        assert [each["seq"] for each in found] == hours
        assert {each["container"] for each in found} == {container}
        status, text = pages.ask("/dcsa/v1/events", token)
        assert status == 200
        told = [each["payload"] for each in json.loads(text)["events"]]
        assert {each["equipmentReference"] for each in told} == {container}
        assert [each["iotEventCode"] for each in told if "iotEventCode" in each] == ["DRO", "DRO"]
        status, text = pages.ask(f"/v1/devices/{FIRST}/export?format=gpx", token)
        assert status == 200
        assert len(ElementTree.fromstring(text).findall(".//{*}trkpt")) == 2
        assert pages.ask(f"/v1/devices/{SECOND}/export", token)[0] == 404
    assert pages.ask(f"/v1/devices/{FIRST}/export?trip=2", pages.token("a", tenant="acme"))[0] == 404
    status, text = pages.ask(f"/v1/devices/{FIRST}/export?format=kml", pages.token("all"))
    assert status == 200 and text.count("<Point>") == 4


def test_what_a_card_did_on_the_trip_of_another_is_not_told(tmp_path, monkeypatch):
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    fleet = Fleet(tmp_path)
    fleet.trip("CSQU3054383", 0, 10, "acme")
    fleet.trip("MSKU0000006", 10, None, "bolt")
    profile = Profile("8988280000000000022", "a", "", "")
    with fleet.database.writing() as connection:
        for hour, wish in ((2, policy.AUTOMATIC), (12, "cis")):
            at_s = BEGIN_S + hour * HOUR_S
            found = policy.Policy({"cis": profile}, "cis", {})
            cards.set_desired(connection, FIRST, found, wish, "bench", at_s)
            keep_uplinks(connection, [KeptUplink(FIRST, hour, at_s, b"1234", 0, 0)])
        cards.see_identity(connection, FIRST, {"iccid": profile.iccid}, BEGIN_S)
        report = Report(2, 0, "", 1, 0, (), (), 321, ((profile.iccid, 3 * 1024),))
        cards.keep_report(connection, FIRST, report, BEGIN_S + 13 * HOUR_S)
        register.set_class(connection, "resold", {}, "bench", BEGIN_S)
        card = Registered(
            0, "ACME Rail", "locator", "resold", "active", (), "ARMED", None, None, (profile.iccid,)
        )
        register.add(connection, card, "bench", BEGIN_S)
    pages = Pages(fleet)
    with pages.served():
        told = {
            name: json.loads(pages.ask(f"/v1/devices/{FIRST}/card", pages.token(name, tenant=tenant))[1])
            for name, tenant in (("bolt", "bolt"), ("house", None))
        }
    assert [each["to"] for each in told["bolt"]["switches"]] == ["cis"]
    assert [each["to"] for each in told["house"]["switches"]] == ["cis", policy.AUTOMATIC]
    assert told["bolt"]["plan"] is None and told["bolt"]["profiles"][0]["used_mb"] is None
    assert (told["house"]["plan"]["holder"], told["house"]["profiles"][0]["used_mb"]) == ("ACME Rail", 3)
    assert [each["reports"] for each in told["bolt"]["usage"]] == [1]
    assert [each["reports"] for each in told["house"]["usage"]] == [2]
    fleet.database.close()


def test_a_large_fleet_is_told_as_a_small_one(pages, monkeypatch):
    secrets = [pages.token("sees-all"), pages.token("sees-bolt", tenant="bolt")]
    small = [json.loads(pages.ask("/v1/fleet", secret)[1])["devices"] for secret in secrets]
    monkeypatch.setattr(seen, "_NAMED", 0)
    assert [json.loads(pages.ask("/v1/fleet", secret)[1])["devices"] for secret in secrets] == small
    assert [[each["device"] for each in told] for told in small] == [[FIRST, SECOND], [FIRST]]
    assert all(each["latitude"] is not None for each in small[0])


def test_a_page_of_the_fleet_reads_no_more_than_it_shows(pages, monkeypatch):
    rides, read = seen.rides, []

    def counted(*given: Any, **named: Any) -> list[seen.Ride]:
        read.append(rides(*given, **named))
        return list(read[-1])

    monkeypatch.setattr(seen, "rides", counted)
    secret, after, devices = pages.token("turns"), "", []
    while after is not None:
        told = json.loads(pages.ask(f"/v1/fleet?limit=1&after={after}", secret)[1])
        devices += [each["device"] for each in told["devices"]]
        after = told["next"]
    assert devices == [FIRST, SECOND] and [len(each) for each in read] == [2, 1]
    mine = json.loads(pages.ask("/v1/fleet?limit=1", pages.token("bolt-turns", tenant="bolt"))[1])
    assert ([each["device"] for each in mine["devices"]], mine["next"]) == ([FIRST], None)


def test_without_a_token_there_is_no_feed(pages):
    for path in ("/v1/events", "/dcsa/v1/events", f"/v1/devices/{FIRST}/export"):
        assert pages.ask(path, "wrong")[0] == 401
    assert pages.ask("/v1/events?after=-1", pages.token("b"))[0] == 422
