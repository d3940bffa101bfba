"""The page of alarms: several at once, who is on one, comments, and the place of one without a fix."""

import json
import re

from landbridge.features.alarms import queries as alarms

from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at

CONTAINER = "CSQU3054383"


def raised(fleet: Fleet) -> list[int]:
    """Numbers of three alarms, oldest first; the last one came without a position."""
    fleet.trip(CONTAINER, 0, None, "acme")
    fleet.trip("MSKU0000006", 0, None, "bolt", SECOND)
    fleet.deliver(at(1, lat=51_43000, lon=6_76000, events=1), at(3, kind=2, events=8))
    fleet.deliver(at(2, events=2), device=SECOND)
    with fleet.database.reading() as connection:
        return [row.alarm for row in alarms.listed(connection, alarms.Wanted(), 2**31 - 1, 9)][::-1]


def test_several_are_acknowledged_together_or_none(fleet: Fleet):
    first, second, theirs = sorted(raised(fleet))
    with Pages(fleet).served() as pages:
        acme, anna = pages.token("acme", "operator", "acme"), pages.token("anna", "operator")
        path = "/v1/alarms/acknowledge"
        assert pages.ask(path, acme, "POST", {"alarms": [first, theirs]})[0] == 404
        assert json.loads(pages.ask("/v1/alarms", acme)[1])["alarms"][0]["state"] == "raised"
        assert pages.ask(path, pages.token("rita"), "POST", {"alarms": [first]})[0] == 403
        status, text = pages.ask(path, anna, "POST", {"alarms": [second, theirs, second], "note": "called"})
        assert status == 200
        assert [(each["acknowledged_by"], each["note"]) for each in json.loads(text)["alarms"]] == 2 * [
            ("token anna", "called")
        ]
        assert pages.ask(path, anna, "POST", {"alarms": [first, second]})[0] == 400
        listed = json.loads(pages.ask("/v1/alarms", anna)[1])["alarms"]
        left = [each for each in listed if each["state"] == "raised"]
        assert [each["number"] for each in left] == [first]


def test_the_assignee_and_comments_of_an_alarm_are_on_the_page(fleet: Fleet):
    first, *_, theirs = sorted(raised(fleet))
    with Pages(fleet).served() as pages:
        acme, anna = pages.token("acme", "operator", "acme"), pages.token("anna", "operator")
        assert pages.ask(f"/v1/alarms/{theirs}/take", acme, "POST")[0] == 404
        assert pages.ask(f"/v1/alarms/{first}/take", anna, "POST")[0] == 204
        status, text = pages.ask(f"/v1/alarms/{first}/comments", anna, "POST", {"text": " "})
        assert status == 400 and "the comment is empty" in text
        said = {"text": "door <closed> again"}
        assert pages.ask(f"/v1/alarms/{first}/comments", anna, "POST", said)[0] == 204
        page = pages.ask("/alarms?language=en", acme)[1]
        assert "handled by token anna" in page and "door &lt;closed&gt; again" in page
        assert pages.ask(f"/v1/alarms/{first}/leave", anna, "POST")[0] == 204
        assert "handled by" not in pages.ask("/alarms?language=en", acme)[1]
        whats = [each["what"] for each in json.loads(pages.ask("/v1/audit", anna)[1])["entries"]]
        assert whats[:3] == [
            "handed the alarm back: light detected",
            "comment on the alarm light detected: door <closed> again",
            "took over the alarm: light detected",
        ]


def test_an_alarm_without_a_fix_shows_where_the_container_was(fleet: Fleet):
    raised(fleet)
    with Pages(fleet).served() as pages:
        page = pages.ask("/alarms?language=en", pages.token("anna"))[1]
    (row,) = [each for each in page.split("<tr data-alarm")[1:] if "battery low" in each]
    assert "Duisburg" in row and "last known position" in row and "No position yet" not in row
    assert re.search(rf'href="/devices/{FIRST}\?at=20[^"]+"', row), "a link to its moment"


def test_alarms_are_filtered_and_the_gravest_come_first(fleet: Fleet):
    raised(fleet)
    with fleet.database.writing() as connection:
        row = alarms.shown(connection, SECOND)[0]
        assert row.severity == "minor" and row.raised_s <= NOW_S
    with Pages(fleet).served() as pages:
        token = pages.token("anna")

        def names(query: str) -> list[str]:
            return re.findall(r'badge alarm (\w+)"', pages.ask(f"/alarms{query}", token)[1])

        assert names("") == ["major", "major", "minor"]
        assert names("?severity=minor") == ["minor"]
        assert names("?text=csqu") == ["major", "major"]
        assert names(f"?text={SECOND}") == ["minor"]
        assert "No alarm matches the filter" in pages.ask("/alarms?text=x%25&language=en", token)[1]
