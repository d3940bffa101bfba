"""Channels, rules and report schedules over HTTP and on their pages: for operators, and what a tenant may."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.rules import ALARMS, DEFAULT
from landbridge.web import answers

from host_tests.support.fleet import Fleet, Pages
from host_tests.support.in_process import Api
from host_tests.support.people import Visitor, add_user, said

CHANNELS, SCHEDULES = "/v1/notification-channels", "/v1/report-schedules"
ROOM = "json://10.0.0.1/hooks/verysecret"


@pytest.fixture
def api(fleet: Fleet, tmp_path: Path) -> Api:
    return Api(fleet, tmp_path)


@pytest.fixture
def pages(fleet: Fleet) -> Iterator[Pages]:
    with Pages(fleet).served() as made:
        yield made


@pytest.fixture
def root(fleet: Fleet, pages: Pages) -> Visitor:
    """An administrator who has signed in."""
    add_user(fleet.database, "root", role="admin")
    visitor = Visitor(pages.url)
    assert visitor.sign_in("root").status == 303
    return visitor


def test_a_rule_may_name_each_alarm_that_is_raised():
    known = answers.protocol("event")["properties"]["alarm"]["enum"]
    assert {*known} - {*ALARMS} == {"temperature-back", "heard-again"} and {*ALARMS} <= {*known}


def test_an_operator_makes_channels_and_rules_over_http(api):
    room = {"name": "room", "address": ROOM, "language": "zh", "zone": "Asia/Shanghai"}
    status, made = api.ask("POST", CHANNELS, room)
    assert status == 201 and made["service"] == "JSON" and len(made["rules"]) == len(DEFAULT)
    assert api.ask("POST", CHANNELS, room)[0] == 400
    api.ask("POST", CHANNELS, {"name": "boss", "address": "boss@example.org"})
    rule = {"kinds": ["light"], "severity": "major", "quiet": "22:00-06:00", "escalate_s": 1800}
    status, changed = api.ask(
        "PUT", f"{CHANNELS}/room/rules/doors", rule | {"escalate_to": "boss", "first": True}
    )
    assert status == 200 and [each["name"] for each in changed["rules"]] == ["doors", "critical", "important"]
    assert api.ask("GET", f"{CHANNELS}/room")[1] == changed
    assert api.ask("DELETE", f"{CHANNELS}/room/rules/doors")[0] == 204
    assert api.ask("DELETE", f"{CHANNELS}/room/rules/doors")[0] == 404
    assert api.ask("POST", f"{CHANNELS}/room/test", {})[0] == 202
    shown = api.ask("GET", CHANNELS)[1], api.ask("GET", "/v1/notifications")[1]
    assert "verysecret" not in json.dumps(shown) and len(shown[0]["channels"]) == 2
    assert api.ask("DELETE", f"{CHANNELS}/room")[0] == 204
    assert api.ask("GET", f"{CHANNELS}/room")[0] == 404


@pytest.mark.parametrize(
    "address",
    [
        ROOM, "json://erp.example/hook", "mailto://user:pass@10.0.0.1", "mailtos://smtp.example?smtp=10.0.0.1",
        "mailto:a@b.example?smtp=10.0.0.1", "wecombot://key", "syslog://", "https://127.0.0.1/",
    ],
)  # fmt: skip
def test_the_agent_calls_no_address_that_a_tenant_chose(api, address):
    refused = api.ask("POST", CHANNELS, {"name": "mine", "address": address}, "admin", "acme")
    assert refused[0] == 400, refused
    assert api.ask("GET", CHANNELS)[1]["channels"] == []


def test_a_tenant_has_mailboxes_and_rules_of_its_own(api):
    api.ask("POST", CHANNELS, {"name": "boss", "address": "boss@example.org"})
    mine = {"name": "mine", "address": "dispatch@acme.example"}
    assert api.ask("POST", CHANNELS, mine, "operator", "acme")[0] == 403
    assert api.ask("POST", CHANNELS, mine | {"tenant": "bolt"}, "admin", "acme")[0] == 403
    status, made = api.ask("POST", CHANNELS, mine, "admin", "acme")
    assert (status, made["tenant"], made["service"]) == (201, "acme", "dispatch@acme.example")
    doors = {"kinds": ["light"], "escalate_s": 1800, "escalate_to": "boss"}
    assert api.ask("PUT", f"{CHANNELS}/mine/rules/doors", doors, "admin", "acme")[0] == 400
    assert api.ask("PUT", f"{CHANNELS}/mine/rules/doors", doors)[0] == 200  # by the operator
    for method, path in (("GET", ""), ("DELETE", ""), ("DELETE", "/rules/critical"), ("POST", "/test")):
        body: object = {} if method == "POST" else None
        assert api.ask(method, f"{CHANNELS}/boss{path}", body, "admin", "acme")[0] == 404
    for number in range(60):
        status, answer = api.ask("POST", CHANNELS, mine | {"name": f"more-{number}"}, "admin", "acme")
        if status != 201:
            break
    assert status == 409 and "50" in answer["detail"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kinds": ["no such"]}, "no event type"),
        ({"kinds": ["light", "critical"]}, "critical"),  # a word of the pages, and no alarm
        ({"kinds": ["heard-again"]}, "no event type"),  # clears another, and is never raised
        ({"severity": "dire"}, "choose from warning"),
        ({"quiet": "22-6"}, "like 22:00-06:00"),
        ({"digest": "month"}, "choose from hour, day, week"),
        ({"escalate_s": 60}, "needs a delay"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_one_sentence(api, wrong, why):
    api.ask("POST", CHANNELS, {"name": "boss", "address": "boss@example.org"})
    status, answer = api.ask("PUT", f"{CHANNELS}/boss/rules/doors", wrong)
    assert status == 400 and why in answer["detail"]


def test_reports_are_scheduled_over_http_and_a_tenant_schedules_its_own(api):
    theirs, ours = (
        api.fleet.trip("CSQU3054383", 0, None, "bolt"),
        api.fleet.trip("MSKU0000006", 0, None, "acme"),
    )
    monday = {"name": "monday", "kind": "fleet", "mailbox": "dispatch@example.org"}
    status, made = api.ask("POST", SCHEDULES, monday)
    assert status == 201 and made["due"].endswith("T06:00:00Z") and made["answer"] is None
    assert api.ask("POST", SCHEDULES, monday)[0] == 400
    mine = {"name": "mine", "kind": "trip", "subject": str(ours), "mailbox": "dispatch@acme.example"}
    for wrong in (
        {"kind": "fleet", "subject": ""},
        {"subject": str(theirs)},
        {"mailbox": "nobody"},
        {"language": "tlh"},
    ):
        assert api.ask("POST", SCHEDULES, mine | wrong, "admin", "acme")[0] == 400
    assert api.ask("POST", SCHEDULES, mine | {"tenant": "bolt"}, "admin", "acme")[0] == 403
    assert api.ask("POST", SCHEDULES, mine, "admin", "acme")[1]["tenant"] == "acme"
    assert [each["name"] for each in api.ask("GET", SCHEDULES, None, "reader", "acme")[1]["schedules"]] == [
        "mine"
    ]
    assert api.ask("DELETE", f"{SCHEDULES}/monday", None, "admin", "acme")[0] == 404
    assert api.ask("DELETE", f"{SCHEDULES}/mine", None, "admin", "acme")[0] == 204
    assert [each["name"] for each in api.ask("GET", SCHEDULES)[1]["schedules"]] == ["monday"]


def test_the_pages_add_and_remove_channels_and_rules_like_the_api(pages, fleet):
    add_user(fleet.database, "root", role="admin")
    add_user(fleet.database, "lena", role="admin", tenant="acme")
    root, lena = Visitor(pages.url), Visitor(pages.url)
    assert root.sign_in("root").status == 303 and lena.sign_in("lena").status == 303
    root.get("/notifications")
    wrong = root.post("/notifications", name="room", address="pigeon://loft/verysecret", zone="UTC")
    assert (
        wrong.status == 400
        and "pigeon:... is not a service" in said(wrong)
        and "verysecret" not in wrong.text
    )
    assert root.post("/notifications", name="room", address=ROOM, zone="Asia/Shanghai").status == 303
    shown = root.get("/notifications").text
    assert "Asia/Shanghai" in shown and "important" in shown and "verysecret" not in shown
    rule = {"channel": "room", "name": "doors", "kind": "light", "severity": "major", "after": "30m"}
    wrong = root.post("/notifications/rules", **rule | {"after": "soon"})
    assert wrong.status == 400 and "is not a duration" in said(wrong)
    wrong = root.post("/notifications/rules", **rule, weekly="0")  # nothing would ever be sent by it
    assert wrong.status == 400 and "1 to 1000" in said(wrong)
    assert root.post("/notifications/rules", **rule, weekly="3", digest="day", first="1").status == 303
    with fleet.database.reading() as connection:
        (room,) = stored.channels(connection)
        doors = stored.rules(connection, room.channel)[0]
    assert (doors["name"], doors["kinds"], doors["least_s"], doors["most_a_week"]) == (
        "doors",
        ["light"],
        1800,
        3,
    )
    changed = {"language": "zh", "zone": "Europe/Berlin", "paused": "1"}
    wrong = root.post("/notifications/room/change", **changed, address="pigeon://loft/x")
    assert wrong.status == 400 and "is not a service" in said(wrong) and "<details open>" in wrong.text
    assert root.post("/notifications/room/change", **changed).status == 303
    with fleet.database.reading() as connection:
        (room,) = stored.channels(connection)
    assert (room.service, room.language, room.zone, room.paused) == ("JSON", "zh", "Europe/Berlin", True)
    assert root.post("/notifications/room/rules/doors/remove").status == 303
    assert root.post("/notifications/room/test").status == 303
    assert ">waiting<" in root.get("/notifications").text
    lena.get("/notifications")
    wrong = lena.post("/notifications", name="mine", address=ROOM)
    assert wrong.status == 400 and "by mail only" in said(wrong)
    assert lena.post("/notifications", name="mine", address="lena@acme.example").status == 303
    assert "lena@acme.example" in lena.get("/notifications").text
    assert lena.post("/notifications/room/remove").status == 404
    assert lena.post("/notifications/room/change", **changed).status == 404
    moved = lena.post("/notifications/mine/change", **changed, address=ROOM)
    assert moved.status == 400 and "by mail only" in said(moved)
    assert root.post("/notifications/room/remove").status == 303
    assert root.post("/notifications/room/remove").status == 404


def test_time_zones_are_listed_in_order_and_the_one_in_use_is_among_them(root):
    root.get("/notifications")
    assert root.post("/notifications", name="old", address="a@b.example", zone="US/Pacific").status == 303
    lists = re.findall(r'<select name="zone">(.*?)</select>', root.get("/notifications").text, re.DOTALL)
    of_old, new = (re.findall(r"<option( selected)?>([^<]+)<", each) for each in lists)
    zones = [zone for _selected, zone in new]
    assert zones == ["UTC", *sorted(zones[1:])] and {"Asia/Shanghai", "Europe/Berlin"} < {*zones}
    assert "US/Pacific" not in zones and (" selected", "US/Pacific") in of_old
    assert [zone for selected, zone in of_old if selected] == ["US/Pacific"]
    assert root.post("/notifications/old/change", language="en", zone="US/Pacific").status == 303


def test_a_paused_integration_is_paused_on_the_page_of_the_system_too(root):
    root.get("/integrations")
    hook = "https://erp.example/x"
    assert root.post("/integrations", name="erp", kind="webhook", address=hook, what="event").status == 200
    row = re.compile(r'<th scope="row">erp</th><td class="sentence">(.*?)</td>')
    assert row.findall(root.get("/system").text) == ["delivering"]
    assert root.post("/integrations/erp/change", address=hook, what="event", paused="1").status == 303
    assert row.findall(root.get("/system").text) == ["paused"]


def test_each_rule_of_a_new_channel_is_in_the_audit_log(api):
    api.ask("POST", CHANNELS, {"name": "boss", "address": "boss@example.org"})
    what = [each["what"] for each in api.ask("GET", "/v1/audit")[1]["entries"]]
    assert [each for each in what if each.startswith("notification ")] == [
        "notification rule important added",
        "notification rule critical added",
        "notification channel boss added",
    ]


def test_an_error_at_an_address_is_shown_as_typed(root):
    root.get("/integrations")
    wrong = root.post("/integrations", name="erp", kind="webhook", address="ftp://erp.example/x")
    assert wrong.status == 400 and '<span class="wrong" role="alert" id="wrong">&#39;ftp://erp' in wrong.text
    root.get("/notifications")
    wrong = root.post("/notifications", name="room", address="a@b.example", zone="Mars")
    assert wrong.status == 400 and 'class="card wrong sentence" role="alert">no time zone' in wrong.text


def test_the_page_of_reports_schedules_them(root, fleet):
    root.get("/reports")
    wrong = root.post("/reports", name="monday", what="fleet", mailbox="nobody")
    assert wrong.status == 400 and "is not a mail address" in said(wrong)
    assert (
        root.post("/reports", name="monday", what="fleet", mailbox="a@b.example", every="month").status == 303
    )
    shown = root.get("/reports").text
    assert "monday" in shown and "a@b.example" in shown and "monthly, on the 1st" in shown
    changed = {"format": "xlsx", "language": "zh", "every": "day", "paused": "1"}
    wrong = root.post("/reports/monday/change", **changed, mailbox="nobody")
    assert wrong.status == 400 and "is not a mail address" in said(wrong) and 'value="nobody"' in wrong.text
    assert root.post("/reports/monday/change", **changed, mailbox="c@d.example").status == 303
    shown = root.get("/reports").text
    assert "c@d.example" in shown and "XLSX · daily · 中文" in shown and "paused</span>" in shown
    assert root.post("/reports/monday/remove").status == 303
    assert "a@b.example" not in root.get("/reports").text


def test_a_number_that_no_trip_can_have_is_refused(api):
    wanted = {"name": "monday", "kind": "trip", "subject": "9" * 30, "mailbox": "dispatch@example.org"}
    status, answer = api.ask("POST", SCHEDULES, wanted)
    assert status == 400 and "no trip 999" in answer["detail"]


def test_a_name_of_another_tenant_is_free_and_not_revealed(api):
    trips = {tenant: api.fleet.trip("CSQU3054383", 0, None, tenant) for tenant in ("bolt", "acme")}
    for tenant in ("bolt", "acme"):
        channel = {"name": "desk", "address": f"desk@{tenant}.example"}
        assert api.ask("POST", CHANNELS, channel, "admin", tenant)[0] == 201
        assert api.ask("POST", CHANNELS, channel, "admin", tenant)[0] == 400
        monday = {
            "name": "monday",
            "kind": "trip",
            "subject": str(trips[tenant]),
            "mailbox": channel["address"],
        }
        assert api.ask("POST", SCHEDULES, monday, "admin", tenant)[0] == 201
    assert api.ask("POST", CHANNELS, {"name": "desk", "address": "desk@example.org"})[0] == 201
    rule = {"kinds": ["light"], "escalate_s": 1800, "escalate_to": "desk"}
    assert api.ask("PUT", f"{CHANNELS}/desk/rules/doors", rule, "admin", "acme")[0] == 200
    status, answer = api.ask("DELETE", f"{CHANNELS}/desk")  # whose, the operator has to say
    assert status == 400 and "used by acme, bolt, operator" in answer["detail"]
    names, path = [], f"{CHANNELS}?limit=2"
    while path:
        shown = api.ask("GET", path)[1]
        names += [each["tenant"] for each in shown["channels"]]
        path = shown["next"] and f"{CHANNELS}?limit=2&cursor={shown['next']}"
    assert names == ["bolt", "acme", None]
    assert api.ask("DELETE", f"{CHANNELS}/desk", None, "admin", "bolt")[0] == 204
    assert api.ask("GET", f"{CHANNELS}/desk?tenant=acme")[1]["rules"][2]["escalate_to"] == "desk"
    assert api.ask("DELETE", f"{CHANNELS}/desk?tenant=operator")[0] == 204
    assert api.ask("DELETE", f"{SCHEDULES}/monday")[0] == 400
    assert api.ask("DELETE", f"{SCHEDULES}/monday?tenant=bolt")[0] == 204
    (left,) = api.ask("GET", SCHEDULES)[1]["schedules"]
    assert left["tenant"] == "acme" and api.ask("GET", f"{CHANNELS}/desk")[1]["tenant"] == "acme"


def test_a_tenant_has_so_many_rules_schedules_and_tests(api):
    trip = api.fleet.trip("CSQU3054383", 0, None, "acme")
    api.ask("POST", CHANNELS, {"name": "desk", "address": "desk@acme.example"}, "admin", "acme")
    monday = {"kind": "trip", "subject": str(trip), "mailbox": "desk@acme.example"}
    for number in range(51):
        ruled = api.ask("PUT", f"{CHANNELS}/desk/rules/more-{number}", {}, "admin", "acme")
        scheduled = api.ask("POST", SCHEDULES, monday | {"name": f"more-{number}"}, "admin", "acme")
        assert {ruled[0], scheduled[0]} <= {200, 201, 409}
    assert ruled[0] == scheduled[0] == 409 and "50" in ruled[1]["detail"] and "50" in scheduled[1]["detail"]
    assert api.ask("PUT", f"{CHANNELS}/desk/rules/more-1", {"severity": "major"}, "admin", "acme")[0] == 200
    tests = [api.ask("POST", f"{CHANNELS}/desk/test", {}, "operator", "acme")[0] for _ in range(6)]
    assert tests == [202] * 5 + [429]
