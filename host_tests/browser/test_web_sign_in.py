"""Invitation and OpenID Connect in a real browser: contents of the fragment, and the cookies."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from landbridge.config import Config, Openid
from landbridge.core.clock import CLOCK_FILE_VARIABLE
from landbridge.features.users import people as users
from playwright.sync_api import expect

from host_tests.support.agent import set_clock
from host_tests.support.fleet import NOW_S, Fleet, Pages
from host_tests.support.openid import CLIENT, SECRET, Provider
from host_tests.support.web import WAIT_MS, Watched, barriers, chromium, opens, until

PASSWORD = "a horse, a battery"


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider("localhost")  # another site than 127.0.0.1
    yield made
    made.close()


@pytest.fixture
def pages(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    fleet = Fleet(tmp_path)
    named = Openid(provider.issuer, CLIENT, SECRET)
    config = replace(Config(), openid=named)
    with Pages(fleet, config).served() as made:
        yield made
    fleet.database.close()


def test_invited_people_come_in_by_password_and_by_openid(pages: Pages, provider: Provider):
    with pages.fleet.database.writing() as connection:
        anna = users.add(connection, "anna", "admin", None, "", "bench", NOW_S)
        ben = users.add(connection, "ben", "reader", None, "", "bench", NOW_S)
    with chromium() as launched:
        browser = Watched(launched, pages.url)
        page = browser.context().new_page()
        page.goto(f"{pages.url}/invitation#{anna.secret}")
        page.get_by_label("New password, at least").fill(PASSWORD)
        page.get_by_label("Repeat new password").fill(PASSWORD)
        expect(page).to_have_url(f"{pages.url}/invitation")
        assert barriers(page) == []
        page.get_by_role("button", name="Set and sign in").click()
        page.wait_for_url(f"{pages.url}/")
        for leaf, head in (("users", "Users"), ("account", "anna")):
            page.goto(f"{pages.url}/{leaf}")
            expect(page.locator("h1")).to_have_text(head)
            assert barriers(page) == [], leaf
        opens(page, page.get_by_role("button", name="Set up"))
        expect(page.get_by_alt_text("QR code of the secret")).to_be_visible()
        until(page, "document.querySelector('main img').naturalWidth > 100", "the code is drawn")
        assert browser.complaints == []
        provider.account = {"sub": "u-7"}
        context = launched.new_context(locale="en-GB")
        context.set_default_timeout(WAIT_MS)
        other = context.new_page()
        other.goto(f"{pages.url}/invitation#{ben.secret}")
        other.get_by_role("button", name="Sign in by OpenID Connect instead").click()
        other.wait_for_url(f"{pages.url}/")
        other.get_by_role("button", name="Sign out").click()
        other.get_by_role("link", name="Sign in by OpenID Connect").click()
        other.wait_for_url(f"{pages.url}/")
        expect(other.locator(".who")).to_have_text("ben")
