"""Every page on a phone, in both languages, and the messages of a form that is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from playwright.sync_api import Dialog, Page, expect

from host_tests.support.fleet import FIRST, SECOND
from host_tests.support.pages import CONTAINER, Shown, english
from host_tests.support.web import (
    Watched,
    barriers,
    drawn,
    opens,
    picture,
    sign_in,
    until,
)

pytestmark = pytest.mark.slow

PLACES = {
    "fleet": "/",
    "alarms": "/alarms?every=true",
    "time-distance": "/time-distance",
    "updates": "/updates",
    "audit": "/audit",
    "device": f"/devices/{FIRST}",
    "device-unlocated": f"/devices/{SECOND}",
    "card": f"/devices/{FIRST}/card",
    "card-none": f"/devices/{SECOND}/card",
    "trips": "/trips?state=all",
    "trip": "/trips/1",
    "sims": "/sims",
    "system": "/system",
    "nothing": "/nothing",
}
MORE = {
    name: f"/{name}"
    for name in ("reports", "notifications", "integrations", "users", "account", "geofences", "routes")
}
"""Pages of others than devices and releases."""


@pytest.fixture(scope="module")
def web(pages: Shown) -> Shown:
    """Pages without an agent behind them."""
    return pages


@pytest.fixture
def page(browser: Watched, pages: Shown) -> Iterator[Page]:
    """A phone page of an administrator."""
    made = browser.context(viewport={"width": 360, "height": 740}).new_page()
    sign_in(made, pages, pages.dispatch)
    yield made
    made.context.close()


def fits(page: Page) -> bool:
    """Nothing is to the right of the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def laid_out(page: Page) -> None:
    """Wait for what scripts draw."""
    page.wait_for_load_state("networkidle")
    until(page, "document.querySelector('main').innerText.trim().length > 0", "a page that is not blank")


def turned(page: Page, width: int) -> None:
    """Give the page another width, and wait until its scripts have drawn for it."""
    page.set_viewport_size({"width": width, "height": 740})
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_fits_on_a_phone(browser: Watched, pages: Shown, language: str):
    page = browser.context(viewport={"width": 360, "height": 740}).new_page()
    sign_in(page, pages, pages.dispatch)
    places = PLACES | {"sign-in": "/sign-in", "shared": f"/s/{pages.link}"} | MORE
    wide = []
    for name, place in places.items():
        page.goto(f"{pages.url}{place}{'&' if '?' in place else '?'}language={language}")
        laid_out(page)
        page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
        picture(page, f"phone-{language}-{name}", full_page=True)
        for width in (360,) if name in MORE else (360, 400):
            turned(page, width)
            if not fits(page):
                wide.append((name, width, page.evaluate("document.documentElement.scrollWidth")))
            expect(page.locator("main"), name).to_be_visible()
            if width == 360:  # a wider one is the same page: the styles turn at another width
                assert barriers(page) == [], name
        turned(page, 360)
    page.context.close()
    assert wide == []


def questions(page: Page, agree: bool) -> list[str]:
    """Return the list of what the page asks from now on; each question is agreed to or refused."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        (dialog.accept if agree else dialog.dismiss)()

    page.on("dialog", answer)
    return asked


def test_a_refused_command_keeps_the_page_and_its_fields(page: Page, pages: Shown):
    page.goto(f"{pages.url}/devices/{FIRST}#commands")
    section = page.locator("#commands")
    asked = questions(page, agree=True)
    section.get_by_role("combobox").select_option("dense")
    section.get_by_label("Seconds").fill("99999999")
    section.get_by_label("Expires after").fill("3d")
    opens(page, section.get_by_role("button", name="Send"))
    expect(section.get_by_role("alert")).to_contain_text("dense needs an argument from 0 to")
    assert asked == [f"Send dense 99999999 to {FIRST} ({CONTAINER})?"]
    expect(section.get_by_role("combobox")).to_have_value("dense")
    argument = section.get_by_label("Seconds")
    expect(argument).to_have_value("99999999")
    expect(argument).to_have_attribute("aria-invalid", "true")
    expect(section.get_by_label("Expires after")).to_have_value("3d")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    expect(page.locator("#events tbody tr"), "the page works").not_to_have_count(0)
    laid_out(page)
    assert fits(page) and barriers(page) == []
    picture(page, "refused")
    argument.fill("3600")
    section.get_by_role("button", name="Send").click()
    expect(page).to_have_url(f"{pages.url}/devices/{FIRST}#commands")
    expect(section.locator("tbody tr").first).to_contain_text("dense 3600")


def test_settings_that_are_refused_keep_their_check_boxes(pages: Shown):
    csrf = re.findall(r'data-csrf="([0-9a-f]+)"', pages.answer("/alarms", pages.session)[2])[0]
    form = {"csrf": csrf, "alarms": ["0", "2", "16"], "light_lux": "999999"}
    code, _, text = pages.answer(f"/devices/{FIRST}/settings", pages.session, form)
    assert code == 400
    boxes = re.findall(r'name="alarms" value="(\d+)"( checked)?', text)
    assert len(boxes) > 10 and [value for value, is_checked in boxes if is_checked] == ["2", "16"]


def test_on_a_phone_each_value_of_a_row_has_its_label(page: Page, pages: Shown):
    page.goto(f"{pages.url}/sims?language=en")
    row = page.locator(".stack tbody tr").first
    expect(row).to_be_visible()
    expect(page.locator(".stack thead")).to_be_hidden()
    expect(row.locator("[data-label=Owner]")).to_be_visible()
    inside = "(it) => it.getBoundingClientRect().right <= innerWidth"
    assert all(row.locator("td").evaluate_all(f"(all) => all.map({inside})"))


FORMS = [
    (f"/devices/{FIRST}/commands", {"verb": "locate", "expires": "1y"}, 400, "expires"),
    (f"/devices/{FIRST}/commands", {"verb": "dense", "argument": "1x"}, 400, "argument"),
    (f"/devices/{FIRST}/commands", {"verb": "locate", "argument": 300 * "9"}, 422, "argument"),
    (f"/devices/{FIRST}/commands", {"verb": "fly", "expires": "3d"}, 400, "verb"),
    (f"/devices/{FIRST}/commands/99/cancel", {}, 404, ""),
    (f"/devices/{FIRST}/settings", {"light_lux": "77", "no_such": "1"}, 400, ""),
    (f"/devices/{FIRST}/settings", {"light_lux": "999999", "interval_s": "600"}, 400, "light_lux"),
    (f"/devices/{FIRST}/share-links", {"length": "400d"}, 400, "length"),
    (f"/devices/{SECOND}/share-links", {"length": "1d"}, 400, ""),
    (f"/devices/{FIRST}/share-links/99/revoke", {}, 404, ""),
    (f"/devices/{FIRST}/card/switch", {"profile": "none"}, 400, ""),
    ("/updates/ESP32/7/roll-out", {"canaries": "0", "days": "3"}, 422, ""),
    ("/updates/ESP32/8/roll-out", {"canaries": "0", "days": "3"}, 422, "canaries"),
    ("/updates/ESP32/70/halt", {}, 400, ""),
    ("/alarms/99/acknowledge", {"after": "/alarms?every=true"}, 404, ""),
]
"""Address, what is sent, status, the field that is wrong; "": none alone."""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("path", "form", "status", "field"), FORMS)
def test_a_form_that_is_refused_is_shown_again_with_its_page(
    pages: Shown, path: str, form: dict[str, str], status: int, field: str, language: str
):
    cookie = f"{pages.session}; language={language}"
    csrf = re.findall(r'data-csrf="([0-9a-f]+)"', pages.answer("/alarms", cookie)[2])[0]
    code, _, text = pages.answer(path, cookie, form | {"csrf": csrf})
    assert code == status
    assert f'<nav class="places" aria-label="{"Pages" if language == "en" else "页面"}">' in text
    assert re.search(r'<form method="post" action="/(devices|updates|alarms)/[^"]+"', text), "its page"
    assert text.count('role="alert"') == 1
    (why,) = re.findall(r'role="alert"[^>]*>([^<]*)<', text)
    assert language == "en" or english(unescape(why)) <= {"no", "such", "fly"}
    if field:
        (asked,) = re.findall(rf'<(?:input|select)[^>]* name="{field}"[^>]*>(?=.*?role="alert")', text)[-1:]
        assert "aria-invalid" in asked
        for name, typed in form.items():
            assert f'name="{name}"' in text and (f'value="{typed}"' in text or name == "verb"), name


def test_a_sign_in_that_fails_keeps_the_name(pages: Shown):
    _, headers, text = pages.answer("/sign-in?after=%2Falarms")
    kept = str(headers["set-cookie"]).partition(";")[0]
    form = {"name": "anna", "token": "not hers", "csrf": re.findall(r'name="csrf" value="([^"]*)"', text)[0]}
    for csrf, status in ((form["csrf"], 401), ("old", 403)):
        code, _, text = pages.answer("/sign-in", kept, form | {"csrf": csrf, "after": "/alarms"})
        assert code == status and text.count('role="alert"') == 1
        assert 'name="name"' in text and 'value="anna"' in text and "not hers" not in text
        assert 'name="after" value="/alarms"' in text


def test_every_question_names_the_device_or_the_release(pages: Shown):
    found = []
    for place in PLACES.values():
        _, _, text = pages.answer(place, f"{pages.session}; language=en")
        for action, question in re.findall(r'action="([^"]+)"[^>]*data-confirm="([^"]*)"', text):
            found.append(question)
            about = re.findall(r"/updates/ESP32/(\d+)/", action) or [FIRST, SECOND]
            assert any(each in question for each in about), question
        questions = len(re.findall("data-confirm=", text))
        assert questions == text.count('<form method="post"') - text.count('action="/sign-out"'), place
    assert len(set(found)) > 20


def test_a_page_that_is_not_there_has_the_ways_on(pages: Shown):
    for path in ("/nothing", "/devices/lb-9", "/time-distance?route=none"):
        code, _, text = pages.answer(path, pages.session)
        assert code == 404 and '<nav class="places"' in text and "Sign out" in text
        assert '<nav class="places"' not in pages.answer(path)[2]


def test_the_shared_page_shows_its_map_above_its_card(browser: Watched, pages: Shown):
    page = browser.context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{pages.url}/s/{pages.link}")
    drawn(page, "here")
    picture(page, "phone-shared")
    card, shown = page.locator(".over").bounding_box(), page.locator("#map").bounding_box()
    # What lies over a map is composed wrongly where there is no GPU: the map is blank.
    assert card and shown and card["y"] >= shown["y"] + shown["height"] > 300
    page.context.close()


def test_a_phone_reaches_every_page_of_the_head(page: Page, pages: Shown):
    page.goto(f"{pages.url}/alarms")
    page.locator("summary", has_text="More").click()
    opens(page, page.get_by_role("link", name="Account"))
    expect(page).to_have_url(f"{pages.url}/account")
    expect(page.get_by_role("heading", name="API tokens")).to_be_visible()


REFUSED_TRIPS = [
    ("since", "tomorrow", "请输入协调世界时时间，例如 2026-10-01T08:00:00Z"),
    ("since", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z 在将来；行程只能从现在或过去开始"),
    ("references", "4711", "4711 的格式应为“名称=值”，例如 订单=4711"),
    ("references", "订单=", "订单= 的格式应为“名称=值”，例如 订单=4711"),
    ("device", "lb-9", "没有设备 lb-9；请在设备列表中查找其编号"),
    ("device", FIRST, f"{FIRST} 正与 {CONTAINER} 绑定（行程 1）；请先结束该行程"),
    ("container", CONTAINER, f"起在 {FIRST} 的行程 1 中；请先结束该行程，或更正箱号"),
    ("route", "wesst", "没有线路 'wesst'；是否为 'west'？请更正名称"),
    ("tenant", "A B", "'A B' 不能作为租户的名称：1 至 32 个字符，只用 a-z、0-9 和 -，且不能是 operator"),
]  # fmt: skip


def test_a_trip_that_is_refused_says_at_which_field_and_why(page: Page, pages: Shown):
    page.goto(f"{pages.url}/trips?language=zh")
    form = page.locator("#start")
    usual = {"device": SECOND, "container": "MSKU1234565", "route": "west", "destination": "Poznan"}
    for name, typed, why in REFUSED_TRIPS:
        form.evaluate("(it) => it.reset()")
        for field, text in (usual | {name: typed}).items():
            form.locator(f"[name={field}]").fill(text)
        form.get_by_role("button").click()
        expect(form.get_by_role("alert")).to_contain_text(why)
        wrong = form.locator("[aria-invalid]")
        expect(wrong).to_have_attribute("name", name)
        expect(wrong).to_be_focused()
        expect(wrong).to_have_accessible_description(re.compile(re.escape(why)))
        expect(form.locator(f"[name={name}]")).to_have_value(typed)
    assert fits(page) and barriers(page) == []


def test_files_of_the_editors_are_refused_in_the_language_of_the_page(page: Page, pages: Shown):
    page.goto(f"{pages.url}/geofences?language=zh")
    page.locator("[name=name]").first.fill("Yard")
    page.get_by_role("button", name="用近期行程检查").click()
    why = "请在地图上绘制电子围栏，或提供其 GeoJSON"
    expect(page.locator("#tried")).to_have_text(why)
    expect(page.locator("#tried")).to_be_in_viewport()
    opens(page, page.get_by_role("button", name="保存"))
    expect(page.locator("#form").get_by_role("alert")).to_have_text(why)
    for csv, why in (
        ("name,country,lat,lon", "CSV：第 1 行：缺少 kind 列；第一行应为列名"),
        ("A,PL,52,17,harbour", "CSV：第 2 行，kind 列：'harbour' 不符合要求，应为以下之一：hub, border"),
        ("A,PL,north,17,hub", "CSV：第 2 行，lat 列：'north' 不符合要求，应为数字"),
        ("A,PL,95,17,hub", "CSV：第 2 行，lat 列：95 不符合要求，应为-90 至 90 之间的值"),
        ("A,PL,52,17,hub", "CSV：共 1 个车站；一条线路应有 2 至 120 个"),
    ):  # fmt: skip
        page.goto(f"{pages.url}/routes?language=zh")
        page.locator("[name=name]").first.fill("x")
        head = "" if csv.startswith("name") else "name,country,lat,lon,kind\n"
        page.locator("textarea").fill(head + csv)
        opens(page, page.get_by_role("button", name="保存"))
        expect(page.locator("#form").get_by_role("alert")).to_contain_text(why)


def test_settings_that_are_saved_ask_what_changed_and_nothing_if_nothing_did(page: Page, pages: Shown):
    page.goto(f"{pages.url}/devices/{FIRST}#settings")
    section = page.locator("#settings")
    asked = questions(page, agree=False)
    opens(page, section.get_by_role("button", name="Save changes"))
    assert asked == []
    section.get_by_label("Door-open light threshold").fill("77")
    section.locator("[name=alarms][value='2']").click()
    section.get_by_role("button", name="Save changes").click()
    (question,) = asked
    assert re.fullmatch(
        r"Change Reported immediately: .+, Door-open light threshold: 77 lx on .+\?", question
    )
