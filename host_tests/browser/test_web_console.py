"""What a dispatcher does all day: find, filter, select, act; on a desk, in the dark and in Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Dialog, Page, expect

from host_tests.support.fleet import FIRST, SECOND
from host_tests.support.pages import CONTAINER, Shown, english
from host_tests.support.web import MAP, WAIT_MS, Watched, barriers, chromium, drawn, picture, sign_in, until

pytestmark = pytest.mark.slow
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def watched(pages: Shown) -> Iterator[Watched]:
    """A browser on these pages."""
    with chromium() as launched:
        yield Watched(launched, pages.url)


@pytest.fixture(scope="module")
def desk(watched: Watched, pages: Shown) -> Iterator[Page]:
    """The page of somebody who may do everything."""
    page = watched.context(viewport={"width": 1280, "height": 860}).new_page()
    page.on("dialog", answer)
    sign_in(page, pages, pages.house)
    yield page
    page.context.close()


def answer(dialog: Dialog) -> None:
    """Agree; a view is called so."""
    dialog.accept("west" if dialog.type == "prompt" else None)


@pytest.fixture(autouse=True)
def _nothing_to_complain_of(watched: Watched) -> Iterator[None]:
    yield
    assert watched.complaints == []


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_the_address_keeps_what_is_shown(pages: Shown, desk: Page):
    row = desk.locator(f"tr[data-device={FIRST}]")
    expect(row).to_contain_text("China")
    desk.get_by_text("Filters, groups and columns").click()
    desk.locator("select[name=country]").select_option("CN")
    desk.locator("select[name=group]").select_option("country")
    desk.get_by_label("Tags", exact=True).check()
    expect(desk.locator("tbody tr[data-device]")).to_have_count(1)
    expect(desk.locator("tr.group")).to_have_text("China (1)")
    assert query(desk)["country"] == ["CN"] and query(desk)["columns"][0].endswith("tags")
    desk.get_by_role("button", name="Save this view").click()
    expect(desk.get_by_label("Saved views")).to_contain_text("west")
    picture(desk, "fleet-grouped")
    assert barriers(desk) == []
    desk.reload()
    expect(desk.locator("tbody tr[data-device]")).to_have_count(1)
    expect(desk.get_by_role("button", name="Tags").first).to_be_visible()
    desk.goto(f"{pages.url}/")
    expect(desk.locator("tbody tr[data-device]")).to_have_count(2)
    desk.get_by_label("Saved views").select_option(label="west")
    expect(desk.locator("tbody tr[data-device]")).to_have_count(1)


def test_several_are_selected_on_the_map_and_in_the_list(pages: Shown, desk: Page):
    desk.goto(f"{pages.url}/")
    drawn(desk, "devices")
    desk.get_by_role("button", name="Select", exact=True).click()
    middle = desk.evaluate(f"(() => {{ const {{x, y}} = {MAP}.project([106.39, 29.63]); return [x, y]; }})()")
    box = desk.locator("#map").bounding_box()
    assert box
    x, y = box["x"] + middle[0], box["y"] + middle[1]
    desk.mouse.move(x - 90, y - 90)
    desk.mouse.down()
    desk.mouse.move(x + 90, y + 90, steps=4)
    picture(desk, "fleet-box")
    desk.mouse.up()
    expect(desk.locator("#selected")).to_have_text("1 selected")
    desk.get_by_label("Select all").check()
    expect(desk.locator("#selected")).to_have_text("2 selected")
    desk.get_by_role("button", name="Tags", exact=True).last.click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Add tags, with commas between them").fill("frozen, late")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("status")).to_contain_text("Done for 1 devices")
    expect(dialog.get_by_role("status")).to_contain_text(f"{SECOND} is not on a trip")
    picture(desk, "fleet-tagged")
    dialog.get_by_role("button", name="Close").click()
    desk.get_by_role("button", name="Change a setting").click()
    dialog.locator("select[name=setting]").select_option(label="Shortest interval between sessions")
    dialog.get_by_role("textbox", name="Shortest interval between sessions").fill("45")
    assert barriers(desk) == []
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("status")).to_contain_text("Done for 2 devices")
    dialog.get_by_role("button", name="Close").click()
    desk.get_by_role("button", name="Share", exact=True).click()
    dialog.get_by_role("button", name="Apply").click()
    links = dialog.get_by_role("textbox", name="Share links").input_value()
    assert re.fullmatch(rf"{CONTAINER} {pages.url}/s/\S+", links)
    dialog.get_by_role("button", name="Close").click()


def test_it_is_there_in_the_dark_and_in_chinese(pages: Shown, watched: Watched):
    page = watched.context(viewport={"width": 1280, "height": 860}, color_scheme="dark").new_page()
    sign_in(page, pages, pages.house)
    for name, path in {"fleet": "/", "alarms": "/alarms"}.items():
        page.goto(f"{pages.url}{path}?language=en")
        page.wait_for_load_state("networkidle")
        picture(page, f"{name}-dark")
        assert barriers(page) == [], name
        page.goto(f"{pages.url}{path}?language=zh")
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
        picture(page, f"{name}-desk-chinese")
        page.evaluate("document.getElementById('map')?.remove()")
        assert english(page.content()) <= {"frozen", "late"}, name
    page.context.close()


def test_alarms_are_acknowledged_together(pages: Shown, desk: Page):
    desk.goto(f"{pages.url}/alarms?severity=minor")
    rows = desk.locator("tr[data-alarm]")
    before = rows.count()
    assert before > 1
    desk.get_by_label("Select all").check()
    desk.get_by_label("Note").fill("terminal called")
    desk.get_by_role("button", name="Acknowledge selected").click()
    expect(rows.first.get_by_text("terminal called")).to_be_visible()
    expect(desk.get_by_role("button", name="Acknowledge", exact=True)).to_have_count(0)
    expect(rows).to_have_count(before)
    rows.first.get_by_text("Comments").click()
    rows.first.get_by_role("textbox").fill("door is shut")
    rows.first.get_by_role("button", name="Add comment").click()
    rows.first.get_by_text("Comments (1)").click()
    expect(rows.first.get_by_text("door is shut")).to_be_visible()
    rows.first.get_by_role("button", name="Take over").click()
    expect(rows.first.get_by_text("handled by token house")).to_be_visible()
    picture(desk, "alarms-together")
    assert barriers(desk) == []
    rows.first.locator(".when a").click()
    until(desk, "document.getElementById('moment')?.textContent.length", "the moment on the track")
