"""The daily work of a dispatcher: find, filter, select, act; on a desktop, in dark mode and in Chinese."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from landbridge.features.trips import queries as trips
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from host_tests.support.fleet import FIRST, SECOND
from host_tests.support.pages import CONTAINER, Shown, english, shown
from host_tests.support.web import PICTURES as OUT
from host_tests.support.web import (
    Watched,
    barriers,
    drawn,
    opens,
    picture,
    place_on_screen,
    sign_in,
    until,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Shown]:
    """Without an agent behind them; new for each test: most of these change what they show."""
    with shown(tmp_path) as made:
        yield made


@pytest.fixture
def browser(launched: Browser, pages: Shown) -> Watched:
    return Watched(launched, pages.url)


@pytest.fixture
def desktop(browser: Watched, pages: Shown) -> Iterator[Page]:
    """A desktop page of an administrator."""
    page = browser.context(viewport={"width": 1280, "height": 860}).new_page()
    page.on("dialog", answer)
    sign_in(page, pages, pages.dispatch)
    yield page
    page.context.close()


def answer(dialog: Dialog) -> None:
    """Agree; a view is called so."""
    dialog.accept("west" if dialog.type == "prompt" else None)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_the_url_keeps_filters_groups_and_columns(pages: Shown, desktop: Page):
    desktop.goto(pages.url)
    row = desktop.locator(f"tr[data-device={FIRST}]")
    expect(row).to_contain_text("China")
    desktop.get_by_text("Filters, groups and columns").click()
    desktop.locator("select[name=country]").select_option("CN")
    desktop.locator("select[name=group]").select_option("country")
    desktop.get_by_label("Tags", exact=True).check()
    expect(desktop.locator("tbody tr[data-device]")).to_have_count(1)
    expect(desktop.locator("tr.group")).to_have_text("China (1)")
    expect(desktop).to_have_url(re.compile("columns="))
    assert query(desktop)["country"] == ["CN"] and query(desktop)["columns"][0].endswith("tags")
    desktop.get_by_role("button", name="Save this view").click()
    expect(desktop.get_by_label("Saved views")).to_contain_text("west")
    picture(desktop, "fleet-grouped")
    assert barriers(desktop) == []
    desktop.reload()
    expect(desktop.locator("tbody tr[data-device]")).to_have_count(1)
    expect(desktop.get_by_role("button", name="Tags").first).to_be_visible()
    desktop.goto(f"{pages.url}/")
    expect(desktop.locator("tbody tr[data-device]")).to_have_count(2)
    desktop.get_by_label("Saved views").select_option(label="west")
    expect(desktop.locator("tbody tr[data-device]")).to_have_count(1)


def test_the_list_of_the_fleet_fits_its_column(pages: Shown, desktop: Page):
    desktop.goto(f"{pages.url}/")
    expect(desktop.locator("tbody tr[data-device]")).to_have_count(2)
    wider = "(it) => it.scrollWidth - it.clientWidth"
    assert desktop.locator(".list .rows").evaluate(wider) == 0


def test_several_are_selected_on_the_map_and_in_the_list(pages: Shown, desktop: Page):
    desktop.goto(f"{pages.url}/")
    drawn(desktop, "devices")
    desktop.get_by_role("button", name="Select devices", exact=True).click()
    x, y = place_on_screen(desktop, 106.39, 29.63)
    desktop.mouse.move(x - 90, y - 90)
    desktop.mouse.down()
    desktop.mouse.move(x + 90, y + 90, steps=4)
    picture(desktop, "fleet-box")
    desktop.mouse.up()
    expect(desktop.locator("#selected")).to_have_text("1 selected")
    desktop.get_by_label("Select all").check()
    expect(desktop.locator("#selected")).to_have_text("2 selected")
    desktop.get_by_role("button", name="Tags", exact=True).last.click()
    dialog = desktop.get_by_role("dialog")
    dialog.get_by_label("Add tags, with commas between them").fill("frozen, late")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("status")).to_contain_text("Done for 1 devices")
    expect(dialog.get_by_role("status")).to_contain_text(f"{SECOND} is not on a trip")
    picture(desktop, "fleet-tagged")
    dialog.get_by_role("button", name="Close").click()
    desktop.get_by_role("button", name="Change a setting").click()
    dialog.locator("select[name=setting]").select_option(label="Shortest interval between sessions")
    dialog.get_by_role("textbox", name="Shortest interval between sessions").fill("45")
    assert barriers(desktop) == []
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("status")).to_contain_text("Done for 2 devices")
    dialog.get_by_role("button", name="Close").click()
    desktop.get_by_role("button", name="Share", exact=True).click()
    dialog.get_by_role("button", name="Apply").click()
    link = re.compile(rf"^{CONTAINER} {pages.url}/s/\S+$")
    expect(dialog.get_by_role("textbox", name="Share links")).to_have_value(link)
    dialog.get_by_role("button", name="Close").click()


def test_it_is_there_in_the_dark_and_in_chinese(pages: Shown, browser: Watched):
    page = browser.context(viewport={"width": 1280, "height": 860}, color_scheme="dark").new_page()
    sign_in(page, pages, pages.dispatch)
    for name, path in {"fleet": "/", "alarms": "/alarms"}.items():
        page.goto(f"{pages.url}{path}?language=en")
        page.wait_for_load_state("networkidle")
        picture(page, f"{name}-dark")
        assert barriers(page) == [], name
        page.goto(f"{pages.url}{path}?language=zh")
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
        picture(page, f"{name}-desktop-chinese")
        page.evaluate("document.getElementById('map')?.remove()")
        assert english(page.content()) <= {"frozen", "late"}, name
    page.context.close()


def test_alarms_are_acknowledged_together(pages: Shown, desktop: Page):
    desktop.goto(f"{pages.url}/alarms?severity=minor")
    rows = desktop.locator("tr[data-alarm]")
    expect(rows.nth(1)).to_be_visible()
    before = rows.count()
    desktop.get_by_label("Select all").check()
    desktop.get_by_label("Note").fill("terminal called")
    opens(desktop, desktop.get_by_role("button", name="Acknowledge selected"))
    expect(rows.first.get_by_text("terminal called")).to_be_visible()
    expect(desktop.get_by_role("button", name="Acknowledge", exact=True)).to_have_count(0)
    expect(rows).to_have_count(before)
    rows.first.get_by_text("Comments").click()
    rows.first.get_by_role("textbox").fill("door is shut")
    opens(desktop, rows.first.get_by_role("button", name="Add comment"))
    rows.first.get_by_text("Comments (1)").click()
    expect(rows.first.get_by_text("door is shut")).to_be_visible()
    opens(desktop, rows.first.get_by_role("button", name="Take over"))
    expect(rows.first.get_by_text("handled by token dispatch")).to_be_visible()
    picture(desktop, "alarms-together")
    assert barriers(desktop) == []
    opens(desktop, rows.first.locator(".when a"))
    until(desktop, "document.getElementById('moment')?.textContent.length", "the moment on the track")


def test_charts_slider_and_map_are_zoomed_and_pointed_at_together(pages: Shown, desktop: Page):
    desktop.goto(f"{pages.url}/devices/{FIRST}")
    drawn(desktop, "points")
    slider = desktop.get_by_label("Time", exact=True)
    expect(slider).to_be_enabled()
    whole = int(slider.get_attribute("max") or 0)
    before = desktop.locator(".axis span").all_inner_texts()
    assert whole and before
    desktop.locator("#zoom-in").click()
    # Around the moment, which is the last.
    until(desktop, f"Number(document.getElementById('slider').min) >= {whole // 2 - 60}", "half of the time")
    expect(desktop.locator(".axis span")).not_to_have_text(before)
    boxes = {each.get_attribute("viewBox") for each in desktop.locator("#charts svg").all()}
    assert len({(box or "").split()[0] for box in boxes}) == 1, "all charts show the same time"
    desktop.get_by_role("button", name="Whole track").click()
    expect(slider).to_have_attribute("min", "0")
    expect(desktop.locator(".axis span")).to_have_text(before)
    moment = desktop.locator("#moment").inner_text()
    battery = desktop.locator("#charts figure", has_text="Battery").first
    battery.locator("svg").hover(position={"x": 2, "y": 20})
    drawn(desktop, "hover")
    expect(desktop.locator("#moment"), "pointing does not move the moment").to_have_text(moment)
    picture(desktop, "device-zoom", full_page=True)


def test_each_part_of_a_device_has_an_address(pages: Shown, desktop: Page):
    for part in ("commands", "settings", "updates", "share-links", "exports"):
        desktop.goto(f"{pages.url}/devices/{FIRST}#{part}")
        expect(desktop.locator(f"#{part}")).to_be_visible()
        expect(desktop.locator("#track")).to_be_hidden()
        expect(desktop.locator(f'.tabs a[href$="#{part}"]')).to_have_attribute("aria-current", "page")
    desktop.locator('.tabs a[href$="#track"]').focus()
    desktop.keyboard.press("Enter")
    expect(desktop.locator("#map")).to_be_visible()
    expect(desktop.locator("#exports")).to_be_hidden()


def test_a_dispatchers_task_takes_few_clicks(pages: Shown, desktop: Page):
    """Find a container by its last four digits, see where it waits and since when, tell whether it is late,
    share it, acknowledge its alarm."""
    desktop.goto(f"{pages.url}/")
    clicks: list[tuple[str, int]] = []

    def click(what: str, part: Locator) -> None:
        begin = time.monotonic()
        part.click()
        desktop.wait_for_load_state("networkidle")
        clicks.append((what, round(1000 * (time.monotonic() - begin))))

    click("search", desktop.get_by_label("Search"))
    desktop.keyboard.type(CONTAINER[-4:])
    expect(desktop.locator("tbody tr[data-device]")).to_have_count(1)
    click("open", desktop.get_by_role("link", name=CONTAINER))
    head = desktop.locator("#device")
    expect(head).to_contain_text("Chongqing, China")
    expect(head).to_contain_text("Last session")
    click("share", desktop.locator(".tabs").get_by_role("link", name="Share"))
    with desktop.expect_navigation():
        click("create", desktop.get_by_role("button", name="Share this trip"))
    expect(desktop.get_by_label("Copy the link now; it is not shown again:")).to_be_visible()
    alarms = desktop.get_by_role("region", name="Open alarms").get_by_role("listitem")
    expect(alarms).not_to_have_count(0)
    before = alarms.count()
    with desktop.expect_navigation():
        click("acknowledge", alarms.first.get_by_role("button", name="Acknowledge"))
    expect(alarms).to_have_count(before - 1)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "task.json").write_text(json.dumps(clicks))
    assert len(clicks) <= 12


def test_a_trip_is_started_corrected_and_ended(pages: Shown, desktop: Page):
    desktop.goto(f"{pages.url}/trips")
    form = desktop.locator("#start")
    form.get_by_label("Device").fill(SECOND)
    form.get_by_label("Container").fill("MSKU0000007")
    form.get_by_label("Route").fill("west")
    form.get_by_label("Destination").fill("Poznan")
    form.get_by_label("References, NAME=VALUE, one per line").fill("order=4711")
    form.get_by_role("button", name="Start").click()
    expect(form.get_by_role("alert")).to_contain_text("the check digit should be 6")
    form.get_by_label("Container").fill("MSKU 000000-6")
    picture(desktop, "trips", full_page=True)
    assert barriers(desktop) == []
    form.get_by_label("Tenant").fill("zeta")
    with desktop.expect_request(lambda it: it.method == "POST" and it.url.endswith("/v1/trips")) as sent:
        opens(desktop, form.get_by_role("button", name="Start"))
    assert '"tenant":"zeta"' in (sent.value.post_data or "")
    expect(desktop.get_by_role("heading", level=1)).to_contain_text("MSKU0000006")
    expect(desktop.locator("#trip")).to_contain_text("4711")
    desktop.get_by_label("Tags, separated by commas").fill("frozen")
    with pages.fleet.database.writing() as connection:  # another user's change, which stays
        trips.change(connection, int(desktop.url.rpartition("/")[2]), {"destination": "Lodz"})
    opens(desktop, desktop.get_by_role("button", name="Save"))
    expect(desktop.get_by_label("Destination")).to_have_value("Lodz")
    expect(desktop.locator("#trip .tag")).to_have_text("frozen")
    opens(desktop, desktop.get_by_role("button", name="End the trip"))
    expect(desktop.locator("#trip .badge")).to_have_text("trip ended")
    desktop.goto(f"{pages.url}/trips/1")
    drawn(desktop, "track")
    picture(desktop, "trip", full_page=True)
    assert barriers(desktop) == []


def test_the_operators_pages_are_seen(pages: Shown, desktop: Page):
    for name, path in {"sims": "/sims", "system": "/system"}.items():
        desktop.goto(f"{pages.url}{path}")
        picture(desktop, name, full_page=True)
        assert barriers(desktop) == [], name
