"""Actions on the pages: alarms, the card, updates, passwords; and other contents of the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from landbridge.features.esim import policy
from landbridge.features.esim.coding import to_bytes
from landbridge.features.esim.queries import policies as cards
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.controls import Controls
from landbridge.features.sims.queries import ARMED, SimCard
from landbridge.features.updates import queries as releases
from landbridge.features.users import passwords
from landbridge.tracking import queries as tracking
from landbridge.tracking.recompute import recompute
from playwright.sync_api import Page, Route, expect

from host_tests.support.agent import DEVICE, NOW_S, set_clock
from host_tests.support.people import add_user
from host_tests.support.policies import POLICY
from host_tests.support.web import (
    CONTAINER,
    FIRST_S,
    LAST,
    Watched,
    Website,
    barriers,
    csrf_in,
    on_line,
    opens,
    picture,
    sign_in,
    until,
)

ITS = f"/v1/devices/{DEVICE}"
LIGHT, BACK = 1, 4096
IMEI = "867123456789012"


@pytest.fixture(scope="module")
def keys(web: Website) -> dict[str, str]:
    made = {role: web.token(role, role) for role in ("reader", "operator", "admin")}
    return made | {"acme": web.token("acme", "admin", "acme")}


@pytest.fixture(scope="module")
def card(web: Website) -> int:
    """A policy with two profiles, the first in use, 5 MB of it used; a switch that was undone, with cause 15.
    The card is in the inventory, on a plan of 10 MB."""
    found = policy.parse(POLICY)
    iccids = tuple(each.iccid for each in found.profiles.values())
    with web.installation.database().writing() as connection:
        inventory.set_controls(connection, "resold", Controls(quota_mb=10).stored(), "bench", FIRST_S)
        in_inventory = SimCard(0, "ACME Rail", "locator", "resold", "active", (), ARMED, None, None, iccids)
        inventory.add(connection, in_inventory, "bench", FIRST_S)
        revision = cards.set_desired(connection, DEVICE, found, policy.AUTOMATIC, "bench", FIRST_S)
    events = [[FIRST_S + 3600 * 20, 1, 2, 2, 15], [FIRST_S + 3600 * 30, 2, 1, 1, 0]]
    profiles = [[to_bytes(iccid), 2] for iccid in iccids]
    used = [321, [to_bytes(iccids[0]), 5 * 1024 * 1024, 0]]
    said = [revision, 2, "89033023", 1, 0, profiles, events, used]
    web.device.send([on_line(LAST + 1)], reports={14: said}, identity={0: IMEI, 1: iccids[0], 4: 0})
    return revision


@pytest.fixture(scope="module")
def release(web: Website) -> int:
    """A release that no device was offered yet."""
    files = [("main.mpy", b"x" * 100)]
    with web.installation.database().writing() as connection:
        releases.add(
            connection, "ESP32", 7, files, version="1.7", mpy=6, file_list=b"\xa0", added_s=FIRST_S + 3600
        )
        releases.says(connection, DEVICE, "ESP32", 6, False, FIRST_S + 3600 * LAST)
    return 7


@pytest.fixture(scope="module")
def hours() -> Iterator[int]:
    """Of the records that come in, whichever test is first."""
    return count(LAST + 2)


def alarm(web: Website, seq: int, **changes: int) -> None:
    """A record with an alarm comes in."""
    now_s = FIRST_S + 3600 * seq + 600
    set_clock(web.installation.folder / "clock", now_s)
    web.device.send([on_line(seq, **changes)], next_session_s=now_s + 7200)


def names(web: Website, keys: dict[str, str], query: str = "") -> list[str]:
    """The alarms that are listed."""
    return [each["alarm"] for each in web.ask(f"/v1/alarms{query}", keys["reader"]).json["alarms"]]


@pytest.fixture(scope="module")
def warmth(web: Website, keys: dict[str, str], hours: Iterator[int]) -> list[str]:
    """A temperature is out of range and back again; the alarms that were listed in between."""
    alarm(web, next(hours), events=4)
    listed = names(web, keys)
    alarm(web, next(hours), events=BACK)
    return listed


@pytest.fixture
def quiet(web: Website, keys: dict[str, str], warmth: list[str]) -> None:
    """No alarm of another test is open."""
    for each in web.ask("/v1/alarms", keys["reader"]).json["alarms"]:
        web.ask(f"/v1/alarms/{each['number']}/clear", keys["operator"], "POST")
    assert names(web, keys) == []


@pytest.fixture(scope="module")
def operator(web: Website, browser: Watched, keys: dict[str, str], warmth: list[str]) -> Iterator[Page]:
    """Signed in after the clock has moved: its session would be over."""
    page = browser.context().new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page, web, keys["admin"])
    yield page
    page.context.close()


@pytest.mark.usefixtures("quiet")
def test_an_alarm_is_open_until_somebody_handles_it(web: Website, keys: dict[str, str], hours: Iterator[int]):
    alarm(web, next(hours), events=LIGHT)
    (found,) = web.ask("/v1/alarms", keys["reader"]).json["alarms"]
    assert (found["alarm"], found["container"], found["state"]) == ("light", CONTAINER, "raised")
    path = f"/alarms/{found['number']}/acknowledge"
    assert web.ask(path, keys["reader"], "POST", form="x=1").status == 403
    assert web.ask(path, keys["acme"], "POST", form="x=1").status == 404
    assert web.ask("/v1/devices", keys["reader"]).json["devices"][0]["state"] == "alarm"
    assert web.ask(path, keys["operator"], "POST", form="x=1").status == 303
    assert web.ask(path, keys["operator"], "POST", form="x=1").status == 400
    (seen,) = web.ask("/v1/alarms", keys["reader"]).json["alarms"]
    assert (seen["acknowledged_by"], seen["state"]) == ("token operator", "acknowledged")
    assert web.ask("/v1/devices", keys["reader"]).json["devices"][0]["state"] == "moving"
    web.ask(f"/v1/alarms/{found['number']}/clear", keys["operator"], "POST")
    assert web.ask("/v1/alarms", keys["reader"]).json["alarms"] == []
    entries = web.ask("/v1/audit", keys["reader"]).json["entries"]
    said = [(each["who"], each["what"]) for each in entries]
    assert ("token operator", "alarm acknowledged: light detected") in said
    assert web.ask("/v1/audit", keys["acme"]).json["entries"] == []


def test_a_temperature_that_is_back_is_no_alarm(web: Website, keys: dict[str, str], warmth: list[str]):
    assert "temperature" in warmth
    assert "temperature" not in names(web, keys)


@pytest.mark.usefixtures("quiet")
def test_an_alarm_appears_and_goes_with_the_keyboard(
    web: Website, operator: Page, keys: dict[str, str], hours: Iterator[int]
):
    operator.goto(web.url)
    row = operator.locator(f"tr[data-device={DEVICE}]")
    expect(row).to_contain_text("moving")
    alarm(web, next(hours), events=LIGHT)
    expect(row).to_contain_text("light")
    panel = operator.locator("#alarms")
    expect(panel.locator("summary")).to_contain_text("Open alarms 1")
    panel.locator("summary").focus()
    operator.keyboard.press("Enter")
    expect(panel.get_by_role("button")).to_be_visible()
    picture(operator, "alarm")
    assert barriers(operator) == []
    operator.keyboard.press("Tab")
    operator.keyboard.press("Tab")
    expect(panel.get_by_role("button")).to_be_focused()
    operator.keyboard.press("Enter")
    expect(panel).to_be_hidden()
    expect(row).to_contain_text("moving")
    opens(operator, operator.get_by_role("link", name="Alarms", exact=True))
    expect(operator.locator("tbody tr")).to_have_count(1)  # looked after, not over
    opens(operator, operator.get_by_role("link", name="Show cleared alarms too"))
    expect(operator.locator("tbody tr")).to_have_count(len(names(web, keys, "?state=all")))
    expect(operator.locator("tbody")).to_contain_text("temperature")  # over
    picture(operator, "alarms")
    assert barriers(operator) == []


def test_a_raw_record_is_shown(web: Website, operator: Page):
    operator.goto(f"{web.url}/devices/{DEVICE}")
    until(operator, "document.getElementById('map').map?.getLayer('points')", "the track")
    operator.get_by_role("button", name="Details of this record").click()
    dialog = operator.get_by_role("dialog")
    expect(dialog).to_contain_text("Signal (dBm)")
    picture(operator, "record")
    assert barriers(operator) == []
    operator.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_card_is_switched(
    web: Website, operator: Page, keys: dict[str, str], card: int, hours: Iterator[int]
):
    operator.goto(f"{web.url}/devices/{DEVICE}/card")
    expect(operator.locator("#profiles tbody tr").first).to_contain_text("in use")
    expect(operator.get_by_text("returned to the previous profile, cause 15")).to_be_visible()
    expect(operator.get_by_role("region", name="Data by country")).to_contain_text("China")
    counted = re.compile("of 20 MB.*counted by the device, 5.00 MB")
    expect(operator.locator("#profiles tbody tr").first).to_contain_text(counted)
    expect(operator.locator("#plan")).to_contain_text("ACME Rail")
    expect(operator.get_by_text("Voice and SMS").locator("..")).to_contain_text("off")
    expect(operator.locator("#plan")).to_contain_text("of 10 MB")
    expect(operator.get_by_role("region", name="Data by country")).to_contain_text("of 10 MB per month")
    opens(operator, operator.get_by_role("button", name="Switch cis"))
    expect(operator.locator("#profiles").get_by_role("row", name="cis")).to_contain_text("requested")
    expect(operator.get_by_text("waiting for the device's next session")).to_be_visible()
    picture(operator, "card", full_page=True)
    assert barriers(operator) == []
    answer = web.ask(f"{ITS}/card", keys["reader"]).json
    assert (answer["desired"], answer["switches"][0]["by"]) == ("cis", "token admin")
    assert (answer["plan"]["stage"], answer["plan"]["binding"], answer["quota_mb"]) == ("active", "BOUND", 10)
    assert answer["services"] == "off"
    assert [each["used_mb"] for each in answer["profiles"]] == [5, None]
    # The sums of this month are of one estimate: by profile, and in the inventory.
    month_mb = sum(each["month_mb"] for each in answer["profiles"])
    assert month_mb == pytest.approx(answer["plan"]["month_bytes"] / 1e6)
    # What is around the payload on the air is counted too.
    assert all(each["on_air_bytes"] > each["bytes"] + 598 * each["reports"] for each in answer["usage"])
    assert web.ask(f"{ITS}/card/switch", keys["reader"], "POST", {"profile": "cis"}).status == 403
    assert web.ask(f"{ITS}/card/switch", keys["operator"], "POST", {"profile": "none"}).status == 400
    reply: Any = web.device.send([on_line(next(hours))])
    assert 10 in reply


def test_a_release_rolls_out_and_is_halted(web: Website, operator: Page, keys: dict[str, str], release: int):
    path = f"/updates/ESP32/{release}/roll-out"
    assert web.ask(path, keys["operator"], "POST", form="canaries=1").status == 403
    assert web.ask("/updates", keys["acme"]).status == 404
    assert web.ask(path, keys["acme"], "POST", form="canaries=1").status == 404
    operator.goto(f"{web.url}/updates")
    expect(operator.get_by_role("heading", name="not rolled out")).to_be_visible()
    opens(operator, operator.get_by_role("button", name="Roll out"))
    expect(operator.locator("[aria-current=step]")).to_have_text("canaries")
    picture(operator, "updates")
    assert barriers(operator) == []
    opens(operator, operator.get_by_role("button", name="Halt"))
    expect(operator.get_by_role("heading")).to_contain_text(
        ["Firmware updates", "halted: by an operator", "Devices"]
    )
    operator.get_by_text("More", exact=True).click()
    opens(operator, operator.get_by_role("link", name="Audit log"))
    expect(operator.locator("tbody")).to_contain_text("roll-out of 1.7 for ESP32 halted")
    picture(operator, "audit")
    assert barriers(operator) == []


def test_the_time_distance_diagram_of_a_route_is_drawn(web: Website, operator: Page, keys: dict[str, str]):
    answer = web.ask("/v1/time-distance?route=Chongqing%20-%20Duisburg", keys["reader"]).json
    (trip,) = answer["trips"]
    kms = [km for _, km in trip["points"]]
    assert trip["container"] == CONTAINER and kms == sorted(kms) and kms[0] < 100 and kms[-1] > 3000
    assert web.ask("/v1/time-distance?route=none", keys["reader"]).status == 404
    operator.goto(f"{web.url}/time-distance")
    curve = operator.locator(".diagram path.trip")
    expect(curve).to_have_css("stroke", "rgb(43, 123, 176)")
    expect(operator.locator(".diagram text.border")).to_contain_text("CN→KZ")
    assert [each["km"] for each in answer["usual"]] == [each["km"] for each in answer["stations"]]
    assert all(0 <= each["early_h"] <= each["planned_h"] <= each["late_h"] for each in answer["usual"])
    expect(operator.locator(".diagram path.band")).to_have_count(1)
    expect(operator.locator(".diagram path.planned")).to_have_count(1)
    operator.wait_for_load_state("networkidle")  # nothing that comes late moves it
    middle = operator.locator(".diagram path.reach").evaluate("""it => {
        const { x, y } = it.getPointAtLength(it.getTotalLength() / 2).matrixTransform(it.getScreenCTM());
        return [x, y];
    }""")
    operator.mouse.move(*middle)
    delay = re.compile(rf"{CONTAINER} · (\d+ hours? (late|early)|on time)")
    expect(operator.locator(".tip")).to_contain_text(delay)
    expect(operator.locator("#status a")).to_have_attribute("href", f"/devices/{DEVICE}")
    operator.get_by_label("Days since departure").check()
    operator.get_by_text("As a table").click()
    picture(operator, "time-distance")
    assert barriers(operator) == []


def test_a_container_that_stays_at_the_end_of_its_route_is_not_late(web: Website, operator: Page):
    def stays(route: Route) -> None:
        text = route.fetch().text()
        (data,) = re.findall(r'id="data">(.*?)</script>', text)
        shown = json.loads(data)
        trip, end_km = shown["trips"][0], shown["stations"][-1]["km"]
        begin = datetime.fromisoformat(trip["points"][0][0])
        arrived = begin + timedelta(hours=shown["usual"][-1]["planned_h"] - 24)
        along = [(begin, 0), (arrived, end_km - 1), (arrived + timedelta(days=30), end_km - 1)]
        trip["points"] = [(each.isoformat(), km) for each, km in along]
        changed = text.replace(data, json.dumps(shown | {"trips": [trip]}))
        route.fulfill(body=changed, content_type="text/html; charset=utf-8")

    of_page = re.compile("/time-distance$")
    operator.route(of_page, stays)
    operator.goto(f"{web.url}/time-distance")
    expect(operator.locator("#waits tbody tr td").nth(1)).to_have_text("24 hours early")
    expect(operator.locator("#waits tbody tr td").nth(2)).to_have_text("30 days")
    operator.unroute(of_page)


def test_the_last_station_of_a_route_has_its_name(web: Website, operator: Page):
    """Also with a border next to it."""

    def close(route: Route) -> None:
        answer = route.fetch()
        (data,) = re.findall(r'id="data">(.*?)</script>', answer.text())
        shown = json.loads(data)
        shown["stations"][-2]["km"] = shown["stations"][-1]["km"] - 1
        route.fulfill(response=answer, body=answer.text().replace(data, json.dumps(shown)))

    operator.route("**/time-distance", close)
    operator.goto(f"{web.url}/time-distance")
    expect(operator.locator(".diagram text.name").filter(has_text="Karaganda")).to_have_count(1)
    operator.unroute("**/time-distance")


def test_the_events_are_on_the_page(web: Website, operator: Page, keys: dict[str, str], warmth: list[str]):
    with web.installation.database().writing() as connection:
        tracking.mark(connection, DEVICE, 0)
        recompute(connection, DEVICE, NOW_S)
    answer = web.ask(f"{ITS}/events", keys["reader"]).json["events"]
    assert {"border", "alarm"} <= {each["type"] for each in answer}
    operator.goto(f"{web.url}/devices/{DEVICE}")
    expect(operator.locator("#events tbody")).to_contain_text("China → Kazakhstan")
    expect(operator.locator("#events tbody")).to_contain_text("temperature normal again")
    operator.get_by_role("button", name="China → Kazakhstan").click()
    shown = "document.getElementById('map').map?.queryRenderedFeatures({layers: ['events']}).length"
    until(operator, shown, "events on the map")
    picture(operator, "device-journey", full_page=True)


def test_a_stay_is_as_long_as_between_its_rows(web: Website, operator: Page):
    """A stop is detected an hour after its begin, and a departure by the first fix elsewhere."""
    stay = {"place": "Hamm", "latitude": None, "since": "2026-10-12T07:00:00Z", "stood_s": 7200}
    events = [
        stay | {"type": "stop", "time": "2026-10-12T08:05:00Z"},
        stay | {"type": "departure", "time": "2026-10-12T09:40:00Z", "until": "2026-10-12T09:00:00Z"},
    ]
    operator.route("**/v1/devices/*/events", lambda route: route.fulfill(json={"events": events}))
    operator.goto(f"{web.url}/devices/{DEVICE}")
    rows = operator.locator("#events tbody tr")
    expect(rows).to_have_text(["12 Oct, 09:00departure Hamm after 2 hours", "12 Oct, 07:00stop Hamm"])
    operator.unroute("**/v1/devices/*/events")


def test_a_password_signs_in(web: Website, browser: Watched, keys: dict[str, str]):
    given = "a horse, a battery"
    add_user(web.installation.database(), "operator", given, "operator")
    with pytest.raises(Exception, match="12 to 128"):
        passwords.hashed("short", "operator")
    kept = web.installation.folder.joinpath("landbridge.sqlite3-wal").read_bytes()
    assert given.encode() not in kept and b"$argon2id$" in kept
    form = web.ask("/sign-in")
    cookie, csrf = form.headers["set-cookie"].partition(";")[0], csrf_in(form)
    for name, password, status in (
        ("operator", "wrong", 401),
        ("nobody", given, 401),
        ("operator", given, 303),
    ):
        sent = f"name={name}&token={password}&csrf={csrf}"
        assert web.ask("/sign-in", "", "POST", form=sent, Cookie=cookie).status == status
    assert web.ask("/v1/devices", given).status == 401
    page = browser.context().new_page()
    page.goto(f"{web.url}/sign-in")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Token or password").fill(given)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{web.url}/")
    page.context.close()
