"""Parts for tests of the pages: an agent with its pages, fed through the real ingest; a browser."""

from __future__ import annotations

import json
import re
import shutil
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from landbridge.features.routes.queries import routes as lines
from landbridge.features.trips import queries as trips
from landbridge.features.users import rules as tokens
from landbridge.geo.distance import Place
from landbridge.protocol.point import Point
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, sync_playwright

from host_tests.support.agent import DEVICE, NOW_S, Installation, point, set_clock
from tools.flash.layout import REPOSITORY

CONTAINER = "CSQU3054383"
FIRST_S = 845_000_000
"""The time of the point with sequence 0."""
LATE = range(46, 53)
LAST = 100
WAIT_MS = 60_000
PICTURES = REPOSITORY / "out" / "web"
MAP = "document.getElementById('map')?.map"
WAKE = struct.Struct("<HBBH")
LINE = ((29.63, 106.39), (36.03, 103.85), (43.8, 87.6), (45.17, 82.57), (49.8, 73.1))
"""Chongqing, Lanzhou, Urumqi, the border, Karaganda."""


class Answer(NamedTuple):
    """Of the HTTP API."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Website:
    """A bench whose agent serves pages; one device has gone part of the way."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.url = f"http://127.0.0.1:{installation.config.web.port}"
        self.device = installation.device()
        self.tokens: dict[str, str] = {}

    def token(self, name: str, role: str, tenant: str | None = None) -> str:
        """The secret of a new token."""
        with self.installation.database().writing() as connection:
            self.tokens[name] = tokens.add(connection, name, role, tenant, "bench", NOW_S)
        return self.tokens[name]

    def add_line(self) -> None:
        """The line that its trips are on, as its points lie."""
        names = ("Chongqing", "Lanzhou", "Urumqi", "Alashankou", "Karaganda")
        kinds = ("hub", "yard", "yard", "border", "hub")
        stations: list[list[Any]] = []
        km, before = 0.0, Place(*LINE[0])
        for name, place, kind in zip(names, LINE, kinds, strict=True):
            km += before.metres_to(Place(*place)) / 1000
            before = Place(*place)
            stations.append([name, "KZ" if name == "Karaganda" else "CN", *place, kind, km])
        with self.installation.database().writing() as connection:
            lines.add(connection, "Chongqing - Duisburg", stations, [], NOW_S)

    def begin_trip(self, container: str, start_s: int, tenant: str | None = None) -> int:
        with self.installation.database().writing() as connection:
            line = ("Chongqing - Duisburg", "Duisburg", 3600)
            trip = trips.start(connection, DEVICE, container, *line, start_s)
            if tenant is not None:
                trips.give_to(connection, trip, tenant)
            return trip

    def end_trip(self, trip: int, end_s: int) -> None:
        with self.installation.database().writing() as connection:
            trips.end(connection, trip, end_s)

    def ask(
        self,
        path: str,
        token: str = "",
        method: str = "GET",
        body: Any = None,
        form: str = "",
        **headers: str,
    ) -> Answer:
        """One request, redirects not followed; names of headers come in lower case."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else None
        if data:
            headers["Content-Type"] = "application/json"
        data = data or form.encode() or None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        opener = urllib.request.build_opener(_Here())
        try:
            with opener.open(request, timeout=120) as answer:
                return _answer(answer.status, answer)
        except urllib.error.HTTPError as answer:
            return _answer(answer.code, answer)


def _answer(status: int, answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(status, headers, answer.read().decode())


class _Here(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def on_line(seq: int, **changes: int) -> Point:
    """The point `seq` of a container that goes along LINE, hour by hour."""
    way = (len(LINE) - 1) * seq / (LAST + 20)
    (lat, lon), (lat2, lon2) = LINE[int(way)], LINE[int(way) + 1]
    part = way - int(way)
    where = {
        "lat": round((lat + part * (lat2 - lat)) * 1e5),
        "lon": round((lon + part * (lon2 - lon)) * 1e5),
    }
    felt = {"speed": 62, "battery": 184 - seq // 10, "temperature": 30 - seq // 2, "rsrp": 85 + seq * 7 % 40}
    return point(seq, **where | felt | changes)


def wakes(first: int, last: int) -> dict[int, Any]:
    """What the device reports of its wakes: one an hour, at the points."""
    entries = b"".join(WAKE.pack(60 * seq, 11, 6, 90 + seq) for seq in range(first, last + 1))
    return {13: [7, 60 * last, entries]}


def feed(web: Website) -> None:
    """A hundred hours in three uplinks, the middle of the last but one missing; it comes two days later."""
    device = web.device
    clock = web.installation.folder / "clock"
    for first, last in ((1, 40), (41, 70), (71, LAST)):
        set_clock(clock, FIRST_S + 3600 * last + 600)
        sent = [on_line(seq) for seq in range(first, last + 1) if seq not in LATE]
        now_s = FIRST_S + 3600 * last
        device.send(sent, status={0: 3560, 4: "1.2"}, next_session_s=now_s + 7200, reports=wakes(first, last))
    device.send([on_line(seq) for seq in LATE])


class Watched:
    """A browser whose every request and complaint is kept."""

    def __init__(self, browser: Browser, url: str, *others: str) -> None:
        self.launched = browser
        self._hosts = {urlsplit(each).netloc for each in (url, *others)}
        self.complaints: list[str] = []

    def context(self, **options: Any) -> BrowserContext:
        """Fresh: no cookies; English, UTC."""
        usual = {"viewport": {"width": 1100, "height": 760}, "locale": "en-GB", "timezone_id": "UTC"}
        made = self.launched.new_context(**(usual | options))
        made.set_default_timeout(WAIT_MS)
        made.on("request", lambda request: self._see(request.url))
        made.on("weberror", lambda error: self.complaints.append(str(error.error)))
        made.on("console", lambda message: self._hear(message.type, message.text))
        return made

    def _see(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self._hosts:
            self.complaints.append(f"asked elsewhere: {url}")

    def _hear(self, kind: str, text: str) -> None:
        # Of a page that is not to be there the browser says so itself.
        if kind in ("error", "warning") and "status of 4" not in text and "GPU stall" not in text:
            self.complaints.append(f"{kind}: {text}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, while it lasts."""
    found = shutil.which("chromium")
    if not found and not shutil.which("apt-get"):
        pytest.skip("no Chromium, and no apt-get to install it")
    assert found, "Chromium is missing: sh .ci/system_packages.sh"
    drawn = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    # Maps alone are drawn by WebGL. What imitates it would take as long for the rest of a page as all else.
    drawn += ["--disable-gpu-rasterization", "--disable-gpu-compositing"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=drawn)
        yield launched
        launched.close()


class Served(Protocol):
    """Whatever serves the pages."""

    @property
    def url(self) -> str:
        """Of their first one."""


def sign_in(page: Page, web: Served, token: str) -> None:
    """As its form does, and nothing is drawn: the fleet's map takes longer than most of what is tested."""
    form = page.request.get(f"{web.url}/sign-in").text()
    (csrf,) = re.findall(r'name="csrf" value="(\w+)"', form)
    answer = page.request.post(
        f"{web.url}/sign-in", form={"token": token, "csrf": csrf, "after": "/"}, max_redirects=0
    )
    assert (answer.status, answer.headers["location"]) == (303, "/")


def opens(page: Page, control: Locator) -> None:
    """Click what opens a page, and wait until it is loaded: from then on its scripts see what is done."""
    with page.expect_navigation():
        control.click()


def until(page: Page, expression: str, what: str) -> Any:
    """Wait for a value of the page; its policy forbids what Playwright's own waiting needs."""
    end = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < end:
        if value := _evaluated(page, expression):
            return value
        page.wait_for_timeout(100)
    raise AssertionError(f"not within {WAIT_MS} ms: {what}")


def _evaluated(page: Page, expression: str) -> Any:
    try:
        return page.evaluate(expression)
    except Error as error:
        if "navigat" not in error.message:
            raise
        return None  # of a page that has just gone


def barriers(page: Page) -> list[str]:
    """Return the serious or critical accessibility violations that axe-core finds on a page."""
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:200]}" for each in grave for node in each["nodes"]]


def picture(page: Page, name: str, **options: Any) -> Path:
    """A screenshot in out/web/."""
    until(page, f"!document.getElementById('map') || {MAP}?.loaded()", "the map is drawn")
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, **options)
    return path


def drawn(page: Page, layer: str) -> None:
    """Wait until the map shows something of `layer`."""
    shown = f"{MAP}?.getLayer('{layer}') && {MAP}.queryRenderedFeatures({{layers: ['{layer}']}}).length"
    until(page, shown, f"{layer} on the map")


def place_on_screen(page: Page, lon: float, lat: float) -> tuple[float, float]:
    """Where a place of the map is, once neither the map nor what is around it moves any more."""
    where = f"""(() => {{
        if (!{MAP}?.loaded() || {MAP}.isMoving()) return null;
        const {{ left, top }} = {MAP}.getContainer().getBoundingClientRect();
        const {{ x, y }} = {MAP}.project([{lon}, {lat}]);
        return [left + x, top + y];
    }})()"""
    before = None
    while (now := until(page, where, "a map at rest")) != before:
        before = now
        page.wait_for_timeout(200)
    return now[0], now[1]


def csrf_in(page: Answer) -> str:
    """What the forms of a page carry."""
    return str(re.findall(r'name="csrf" value="(\w+)"', page.text)[0])
