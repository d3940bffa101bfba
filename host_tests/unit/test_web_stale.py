"""Two users change the same thing: the form that was opened before undoes nothing unseen."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from landbridge.features.settings import queries as settings

from host_tests.support.fleet import FIRST, Fleet, Pages
from host_tests.support.people import Visitor, add_user, said

STATIONS = "name,country,lat,lon,kind\nEast,PL,52,19,yard\nWest,PL,52,{lon},yard\n"
POINT = '{{"type": "Point", "coordinates": [{lon}, 52]}}'
CASES = {
    "integration": (
        "/integrations", "/integrations", {"name": "erp", "kind": "webhook", "address": "https://erp.example/1"},
        "/integrations/erp/change", {"address": "https://erp.example/{lon}"},
    ),
    "schedule": (
        "/reports", "/reports", {"name": "monday", "what": "fleet", "mailbox": "a@b.example"},
        "/reports/monday/change",
        {"mailbox": "a{lon}@b.example", "format": "pdf", "language": "en", "every": "week"},
    ),
    "channel": (
        "/notifications", "/notifications", {"name": "room", "address": "a@b.example"},
        "/notifications/room/change", {"address": "a{lon}@b.example", "language": "en", "zone": "UTC"},
    ),
    "rule": (
        "/notifications", "/notifications", {"name": "room", "address": "a@b.example"},
        "/notifications/rules", {"channel": "room/operator", "name": "important", "after": "{lon}m"},
    ),
    "route": (
        "/routes", "/routes", {"name": "west", "stations": STATIONS.format(lon=10)},
        "/routes", {"name": "west", "changed": "west", "stations": STATIONS},
    ),
}  # fmt: skip


@pytest.fixture
def pages(fleet: Fleet) -> Iterator[Pages]:
    with Pages(fleet).served() as made:
        yield made


@pytest.fixture
def both(pages: Pages, fleet: Fleet) -> tuple[Visitor, Visitor]:
    made = Visitor(pages.url), Visitor(pages.url)
    for name, visitor in zip(("anna", "boris"), made, strict=True):
        add_user(fleet.database, name, role="admin")
        assert visitor.sign_in(name).status == 303
    return made


def hidden(html: str, path: str) -> dict[str, str]:
    """The hidden fields of the form that is sent to a path, if they have a value."""
    forms = re.findall(r"<form[^>]*>.*?</form>", html, re.DOTALL)
    form = next(each for each in forms if f'action="{path}"' in each)
    found = re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found if value or name == "seen"}


def filled(form: dict[str, str], lon: int) -> dict[str, str]:
    return {name: text.format(lon=lon) for name, text in form.items()}


@pytest.mark.parametrize("case", CASES)
def test_a_stale_form_is_refused_once_and_nothing_is_lost(both, case):
    page, add, new, path, form = CASES[case]
    anna, boris = both
    anna.get(page)
    assert anna.post(add, **new).status in (200, 303)
    opened = [hidden(each.get(page).text, path) for each in both]
    assert anna.post(path, **opened[0] | filled(form, 11)).status == 303
    refused = boris.post(path, **opened[1] | filled(form, 12))
    assert refused.status == 409 and "was changed after you opened this page" in said(refused)
    for name, text in filled(form, 12).items():
        assert text in unescape(refused.text), name
    assert boris.post(path, **hidden(refused.text, path) | filled(form, 12)).status == 303
    # Without a change of the other one nothing is refused.
    again = hidden(boris.get(page).text, path)
    assert boris.post(path, **again | filled(form, 13)).status == 303


def test_a_form_that_was_refused_for_another_reason_is_still_stale(both):
    anna, boris = both
    anna.get("/routes")
    anna.post("/routes", name="west", stations=STATIONS.format(lon=10))
    form = {"name": "west", "changed": "west"}
    opened = hidden(boris.get("/routes").text, "/routes")
    assert anna.post("/routes", **form, stations=STATIONS.format(lon=11)).status == 303
    wrong = boris.post("/routes", **opened | form, stations=STATIONS.format(lon="far"))
    assert wrong.status == 400
    again = hidden(wrong.text, "/routes") | form | {"stations": STATIONS.format(lon=12)}
    assert boris.post("/routes", **again).status == 409


def test_a_rule_that_the_page_has_not_shown_is_not_replaced(both):
    anna, boris = both
    anna.get("/notifications")
    anna.post("/notifications", name="room", address="a@b.example")
    opened = hidden(boris.get("/notifications").text, "/notifications/rules")
    rule = {"channel": "room/operator", "name": "doors", "kind": "light"}
    assert anna.post("/notifications/rules", **rule).status == 303
    refused = boris.post("/notifications/rules", **opened | rule | {"kind": "shock", "first": "1"})
    assert refused.status == 409
    assert '<option value="shock" selected>' in refused.text and 'value="1" checked> Put' in refused.text


def test_a_geofence_that_was_changed_is_not_replaced_and_the_drawing_is_kept(both):
    anna, boris = both
    anna.get("/geofences")
    yard = {"name": "Yard", "radius_m": "500"}
    assert anna.post("/geofences", **yard, geometry=POINT.format(lon=10)).status == 303
    boris.get("/geofences")
    assert anna.post("/geofences", **yard, geometry=POINT.format(lon=11), changed="1").status == 303
    refused = boris.post("/geofences", **yard, geometry=POINT.format(lon=12), changed="1")
    assert refused.status == 409 and "Yard was changed or removed" in said(refused)
    assert POINT.format(lon=12) in unescape(refused.text)
    again = hidden(refused.text, "/geofences")
    assert "changed" not in again
    other = yard | {"name": "Yard 2"}
    assert boris.post("/geofences", **again | other, geometry=POINT.format(lon=12)).status == 303


def test_a_route_that_was_renamed_is_saved_as_a_new_one(both):
    anna, boris = both
    anna.get("/routes")
    anna.post("/routes", name="west", stations=STATIONS.format(lon=10))
    opened = hidden(boris.get("/routes").text, "/routes")
    stations = STATIONS.format(lon=12)
    assert anna.post("/routes", name="far west", changed="west", stations=stations).status == 303
    refused = boris.post("/routes", **opened | {"name": "west", "changed": "west", "stations": stations})
    assert refused.status == 400 and stations in unescape(refused.text)
    again = hidden(refused.text, "/routes")
    assert "changed" not in again
    assert boris.post("/routes", **again | {"name": "west", "stations": stations}).status == 303


def test_a_setting_that_both_have_changed_is_refused_once(both, fleet):
    anna, boris = both
    path = f"/devices/{FIRST}/settings"
    opened = hidden(boris.get(f"/devices/{FIRST}").text, path)
    anna.get(f"/devices/{FIRST}")
    assert anna.post(path, interval_s="30").status == 303
    for text in ("99999999", "45"):
        refused = boris.post(path, **opened | {"interval_s": text})
        assert "was changed to 30 after you opened this page" in said(refused)
    assert refused.status == 400 and "was changed to 30 after you opened this page" in said(refused)
    assert boris.post(path, **hidden(refused.text, path) | {"interval_s": "45"}).status == 303
    with fleet.database.reading() as connection:
        assert settings.desired(connection, FIRST).changes["interval_s"] == 45 * 60
