"""The pages in a browser: what a fleet operator and a shipper do, step by step, on one agent.

Each picture is kept in out/web/. Nothing may be asked of another host, the console stays without a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from landbridge.features.devices import queries as devices
from landbridge.features.settings import queries as settings
from landbridge.points.rows import CheckedPoint
from playwright.sync_api import Page, expect

from host_tests.support.agent import DEVICE, NOW_S, heard, set_clock
from host_tests.support.tiles import tile_server
from host_tests.support.web import (
    CONTAINER,
    FIRST_S,
    LAST,
    MAP,
    PICTURES,
    Watched,
    Website,
    barriers,
    drawn,
    on_line,
    opens,
    picture,
    sign_in,
    until,
)
from tools.verify.harness.stored import store

SAID = "[...document.querySelectorAll('#map [aria-label]')].map((it) => it.getAttribute('aria-label'))"
"""What of the map is read aloud."""


@pytest.fixture(scope="module")
def operator(web: Website, browser: Watched) -> Iterator[Page]:
    """The page of an operator who has signed in."""
    page = browser.context().new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page, web, web.token("anna", "operator"))
    yield page
    page.context.close()


def test_a_token_opens_the_page_that_was_asked_for_and_none_opens_nothing(web: Website, browser: Watched):
    page = browser.context().new_page()
    page.goto(f"{web.url}/devices/{DEVICE}")
    page.get_by_label("Token or password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign-in failed")
    picture(page, "sign-in")
    assert barriers(page) == []
    page.get_by_label("Token or password").fill(web.token("gerd", "reader"))
    opens(page, page.get_by_role("button", name="Sign in"))
    page.wait_for_url(f"{web.url}/devices/{DEVICE}")
    page.context.close()


def test_the_fleet_is_on_the_map_and_in_the_list(web: Website, operator: Page):
    operator.goto(web.url)
    row = operator.locator(f"tr[data-device={DEVICE}]")
    expect(row).to_contain_text(CONTAINER)
    expect(row).to_contain_text("moving")
    drawn(operator, "devices")
    legend = operator.locator("details.signs")
    legend.get_by_text("Legend").click()
    expect(legend.get_by_text("session overdue")).to_be_visible()
    legend.get_by_text("Legend").click()
    operator.get_by_label("Search").fill("nobody")
    expect(operator.get_by_text("No matching devices")).to_be_visible()
    operator.get_by_label("Search").fill("csqu")
    operator.get_by_role("button", name="Container", exact=True).click()
    expect(row).to_be_visible()
    picture(operator, "fleet")


def test_an_uplink_appears_on_the_open_page_at_once(web: Website, operator: Page):
    operator.goto(web.url)
    set_clock(web.installation.folder / "clock", FIRST_S + 3600 * (LAST + 1) + 600)
    web.device.send([on_line(LAST + 1, events=1, speed=0)], status={0: 3480})
    row = operator.locator(f"tr[data-device={DEVICE}]")
    expect(row).to_contain_text("light")
    expect(row).to_contain_text("3.48 V")
    expect(operator.locator("#feed")).to_have_text("live")


def test_a_track_is_played(web: Website, operator: Page):
    operator.goto(web.url)
    opens(operator, operator.get_by_role("link", name=CONTAINER))
    expect(operator).to_have_url(f"{web.url}/devices/{DEVICE}")
    drawn(operator, "points")
    until(operator, f"{MAP}.queryRenderedFeatures({{layers: ['gaps']}}).length === 0", "no gap at the end")
    drawn(operator, "route-ahead")
    drawn(operator, "route-travelled")
    drawn(operator, "stations")
    expect(operator.locator("figure")).to_have_count(7)
    expect(operator.locator("#wakes tr.here")).to_contain_text("next position while moving")
    picture(operator, "device", full_page=True)
    assert barriers(operator) == []
    slider = operator.get_by_label("Time", exact=True)
    # Before the late points came in: they were not known then.
    middle_s = 3600 * (LAST - 15)
    slider.evaluate(f"it => {{ it.value = {middle_s}; it.dispatchEvent(new Event('input')); }}")
    operator.get_by_label("Map: as known at the selected time").check()
    until(operator, f"{MAP}.queryRenderedFeatures({{layers: ['gaps']}}).length > 0", "the gap is dashed")
    operator.get_by_label("Map: as known at the selected time").uncheck()
    until(operator, f"{MAP}.queryRenderedFeatures({{layers: ['gaps']}}).length === 0", "the gap is filled")
    late = f"{MAP}.queryRenderedFeatures({{layers: ['points'], filter: ['get', 'late']}}).length"
    until(operator, late, "late points are marked")
    before = operator.locator("#moment").inner_text()
    slider.focus()
    for _ in range(3):
        operator.keyboard.press("ArrowLeft")
    expect(operator.locator("#moment")).not_to_have_text(before)
    operator.get_by_role("button", name="Play").click()
    expect(operator.get_by_role("button", name="Pause")).to_be_visible()
    operator.get_by_role("button", name="Pause").click()
    assert float(slider.input_value()) > middle_s - 3600
    picture(operator, "device-middle")


def test_a_command_is_sent_and_its_states_are_shown(web: Website, operator: Page):
    operator.goto(f"{web.url}/devices/{DEVICE}")
    operator.get_by_role("link", name="Commands").click()
    section = operator.locator("#commands")
    expect(section.get_by_text("takes effect in the next session")).to_be_visible()
    section.get_by_role("combobox").select_option("locate")
    opens(operator, section.get_by_role("button", name="Send"))
    expect(section).to_contain_text("waiting for the device's next session")
    expect(section).to_contain_text("token anna")
    set_clock(web.installation.folder / "clock", FIRST_S + 3600 * (LAST + 3) + 600)
    reply = web.device.send([on_line(LAST + 2)])
    ((command, *_),) = reply[5]
    web.device.send([on_line(LAST + 3)], reports={7: [[command, 1]]})
    operator.reload()
    expect(section.locator("tbody tr").first).to_contain_text("done")


def test_a_setting_is_changed(web: Website, operator: Page):
    operator.goto(f"{web.url}/devices/{DEVICE}")
    operator.get_by_role("link", name="Settings").click()
    section = operator.locator("#settings")
    section.get_by_label("Door-open light threshold").fill("50")
    section.get_by_label("Low-temperature alarm below").fill("-12.5")
    section.get_by_label("Prefer").select_option("low energy")
    section.get_by_label("tilt", exact=True).uncheck()
    with web.installation.database().writing() as connection:  # another user's change, which stays
        settings.change(connection, DEVICE, {"interval_s": 7200}, "bench", NOW_S)
    opens(operator, section.get_by_role("button", name="Save changes"))
    light = section.get_by_role("row", name="Door-open light")
    expect(light.locator(".changed input")).to_have_value("50")
    expect(light).to_contain_text("not reported", ignore_case=True)
    expect(section.get_by_label("Low-temperature alarm below")).to_have_value("-12.5")
    expect(section.get_by_label("tilt", exact=True)).not_to_be_checked()
    expect(section.get_by_label("shock", exact=True)).to_be_checked()
    expect(section.get_by_label("Fixed interval between positions")).to_have_value("120")
    expect(section.locator(".changed")).to_have_count(5)
    picture(operator, "device-settings", full_page=True)
    assert barriers(operator) == []


def test_a_reader_can_only_look(web: Website, browser: Watched):
    page = browser.context(viewport={"width": 390, "height": 780}, color_scheme="dark").new_page()
    sign_in(page, web, web.token("rita", "reader"))
    page.goto(f"{web.url}/")
    drawn(page, "devices")
    picture(page, "fleet-phone-dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # With the keyboard alone.
    link = page.get_by_role("link", name=CONTAINER)
    link.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page).to_have_url(f"{web.url}/devices/{DEVICE}")
    drawn(page, "points")
    picture(page, "device-phone-dark", full_page=True)
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Send", "Save changes", "Share this trip"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    csrf = page.locator("input[name=csrf]").first.input_value()
    refused = page.request.post(
        f"{web.url}/devices/{DEVICE}/commands", form={"csrf": csrf, "verb": "locate"}, max_redirects=0
    )
    assert refused.status == 403 and "requires the role operator" in refused.text()
    page.context.close()


def test_a_shared_link_shows_one_container_until_it_is_revoked(
    web: Website, operator: Page, browser: Watched
):
    operator.goto(f"{web.url}/devices/{DEVICE}")
    operator.get_by_role("link", name="Share", exact=True).click()
    section = operator.locator("#share-links")
    opens(operator, section.get_by_role("button", name="Share this trip"))
    link = section.get_by_label("Copy the link now; it is not shown again:").input_value()
    page = browser.context().new_page()
    page.goto(link)
    expect(page.get_by_role("heading")).to_have_text(CONTAINER)
    expect(page.locator("dl")).to_contain_text("Kazakhstan")
    drawn(page, "here")
    drawn(page, "route-ahead")
    expect(page.locator(".over")).to_contain_text("To Duisburg")
    expect(page.locator(".over .progress")).to_contain_text(re.compile(r"3,\d\d\d of 3,683 km"))
    picture(page, "shared")
    assert barriers(page) == []
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.locator(".bar")).to_be_hidden()
    picture(page, "shared-print", full_page=True)
    page.emulate_media(media="screen")
    text = page.content().replace(link.rpartition("/")[2], "")  # its secret may be any letters
    assert DEVICE not in text and "mV" not in text and "Chongqing - Duisburg" not in text
    assert page.request.get(f"{web.url}/v1/devices/{DEVICE}").status == 401
    operator.reload()
    opens(operator, section.get_by_role("button", name="Revoke"))
    expect(section.locator("tbody")).to_contain_text("revoked")
    answer = page.goto(link)
    assert answer and answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("invalid or has expired")
    page.context.close()


def test_a_shared_page_is_embedded_only_by_consent(web: Website, operator: Page, browser: Watched):
    policies = []
    for consents in (False, True):
        operator.goto(f"{web.url}/devices/{DEVICE}#share-links")
        section = operator.locator("#share-links")
        section.get_by_label("Allow other sites to embed the shared page").set_checked(consents)
        opens(operator, section.get_by_role("button", name="Share this trip"))
        link = section.get_by_label("Copy the link now; it is not shown again:").input_value()
        policies.append(web.ask(link.removeprefix(web.url)).headers["content-security-policy"])
    assert "frame-ancestors 'none';" in policies[0] and "frame-ancestors *;" in policies[1]
    assert "frame-ancestors 'none';" in web.ask("/sign-in").headers["content-security-policy"]
    site = f'<!doctype html><title>x</title><iframe src="{link}" width="700" height="600"></iframe>'
    with tile_server({"/": ("text/html", site.encode())}) as (url, _):
        page = Watched(browser.launched, web.url, url).context().new_page()
        page.goto(url)
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("heading")).to_have_text(CONTAINER)
        expect(frame.locator("body")).to_have_class(re.compile("embedded"))
        expect(frame.locator(".bar")).to_be_hidden()
        page.screenshot(path=PICTURES / "shared-embedded.png")
        page.context.close()


def test_many_devices_are_clusters(web: Website, operator: Page):
    others = 60
    now_s = FIRST_S + 3600 * (LAST + 3)
    with web.installation.database().writing() as connection:
        for number in range(others):
            name = f"lb-1{number:03}"
            devices.add(connection, name, b"key", now_s)
            fix = on_line(1 + 2 * number % LAST, speed=62 * (number % 3 == 0))._replace(seq=1)
            store(connection, name, [CheckedPoint(fix, now_s - 60 * number, False, 0)], now_s)
            devices.set_position(connection, name, 1, now_s - 60 * number)
            heard(connection, name, now_s, now_s - 9 * 3600 * (number % 9 == 0), {"battery_mv": 3600})
    operator.goto(f"{web.url}/")
    drawn(operator, "clusters")
    expect(operator.locator("tbody tr")).to_have_count(others + 1)
    shown = f"""{MAP}.queryRenderedFeatures({{layers: ['clusters', 'devices']}})
        .reduce((sum, {{ properties }}) => sum + (properties.point_count ?? 1), 0)"""
    until(operator, f"{shown} === {others + 1}", "every device in one cluster, or by itself")
    picture(operator, "fleet-clusters")
    assert barriers(operator) == []
    operator.get_by_role("button", name="stationary", exact=False).first.click()
    expect(operator.locator("tbody .dwelling")).to_have_count(0)
    operator.get_by_label("Search").fill("lb-1000")
    expect(operator.locator("tbody tr")).to_have_count(1)


def test_all_of_it_is_there_in_chinese(web: Website, operator: Page):
    operator.goto(f"{web.url}/devices/{DEVICE}?language=zh#settings")
    expect(operator.get_by_role("heading", name="设置", exact=True)).to_be_visible()
    operator.get_by_role("link", name="轨迹").click()
    drawn(operator, "points")
    picture(operator, "device-chinese", full_page=True)
    operator.goto(f"{web.url}/")
    expect(operator.locator(f"tr[data-device={DEVICE}]")).to_contain_text("光照")
    drawn(operator, "clusters")
    assert re.findall(r"[A-Za-z]{4,}", " ".join(operator.evaluate(SAID))) == []
    picture(operator, "fleet-chinese")
    operator.get_by_label("搜索").fill("csqu")
    expect(operator.locator("tbody tr")).to_have_count(1)
    left = re.findall(r"[A-Za-z]{4,}", operator.locator(".list").inner_text())
    assert left == ["CSQU"]
    operator.get_by_role("button", name="退出").click()
    expect(operator.get_by_role("button", name="登录")).to_be_visible()
    assert web.ask("/live").status == 303
