"""Measures the pages with a large fleet: bytes, seconds to a usable map, the longest task while it is moved,
the server's time.

`python -m tools.verify.benchmarks.web.benchmark [--seed N]` fills a database with 10,000 devices, one of them
with 100,000 points, serves it as `landbridge web` does, and opens the pages in Chromium. It prints what it
found, writes out/bench-web.json, and exits with 1, naming what fell short.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from landbridge.config import Config, Store, Web
from landbridge.core.clock import Clock
from landbridge.core.secret import make
from landbridge.db.database import open_database
from landbridge.features.users import rules as tokens
from landbridge.features.users.queries import sessions
from landbridge.web import auth as viewer
from landbridge.web.server import serving
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from tools.flash.layout import REPOSITORY
from tools.options import whole
from tools.verify.benchmarks.web.fleet import DEVICES, LONG, POINTS, fill
from tools.verify.harness.ports import free_port

OUT = REPOSITORY / "out" / "bench-web.json"
DRAWN = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""No graphics card is asked for: what is measured is the page on a plain machine."""
MANY = "1,000 devices changed in one request, s"
LIMITS = {
    MANY: 3,
    "fleet, kB": 500,
    "fleet, usable after s": 2,
    "fleet, longest task while it is moved, ms": 100,
    "device, kB": 300,
    "device, usable after s": 1.5,
    "fleet, server processor ms": 200,
    "device, server processor ms": 200,
}
"""kB: what a page asks for besides the map's library and outlines, which browsers keep."""
_KEPT = ("/static/", "/map/")
_ASKED = {
    "fleet": ("/fleet",),
    "device": (
        f"/v1/devices/{LONG}/outline?most=2000",
        f"/v1/devices/{LONG}/days",
        f"/v1/devices/{LONG}/events",
    ),
}
_TIMES = 7
_WAIT_S = 60
_POLL_S, _AT_REST = 0.5, 0.05
"""A browser is at rest when it takes less than this part of a processor for so long."""


def measure(folder: Path, seed: int) -> dict[str, Any]:
    """All figures."""
    clock, port = Clock(), free_port()
    database = open_database(folder / "landbridge.sqlite3")
    fill(database, clock.now_s(), seed)
    with database.writing() as connection:
        secret = tokens.add(connection, "bench", "reader", None, "bench", clock.now_s())
        operators = tokens.add(connection, "operator", "operator", None, "bench", clock.now_s())
        cookie, hashed = make()
        values = {"means": "token", "ends_s": clock.now_s() + 3600, "address": "", "browser": ""}
        sessions.begin(connection, hashed, values | {"token": 1}, clock.now_s())
    config = Config(store=Store(database.place), web=Web(port=port))
    found: dict[str, Any] = {"seed": seed, "devices": DEVICES, "points": POINTS, "load": os.getloadavg()[0]}
    with serving(config, database, clock, threading.Event()):
        url = f"http://127.0.0.1:{port}"
        for page, paths in _ASKED.items():
            found[f"{page}, server processor ms"] = max(_server_ms(url + path, secret) for path in paths)
        found[MANY] = _many_s(url, operators)
        with _chromium() as browser:
            found |= _fleet(browser, url, cookie) | _device(browser, url, cookie)
    database.close()
    found["short"] = [
        f"{name} {found[name]}, at most {most} are allowed"
        for name, most in LIMITS.items()
        if found[name] > most
    ]
    return found


def _server_ms(url: str, secret: str) -> float:
    """The median of the processor time that an answer takes, compression and this asking included: what else
    the machine does is not in it."""
    headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": "gzip"}
    took = []
    for _ in range(_TIMES):
        begin = time.process_time()
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            answer.read()
        took.append(1000 * (time.process_time() - begin))
    return round(statistics.median(took), 1)


def _many_s(url: str, secret: str) -> float:
    """How long it takes to change a setting of 1,000 devices."""
    many = {"devices": [f"lb-{number:05}" for number in range(1_000)], "changes": {"light_lux": 55}}
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/fleet/settings", json.dumps(many).encode(), headers)
    begin = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as answer:
        done = json.loads(answer.read())["done"]
    assert len(done) == len(many["devices"]), f"{len(done)} devices were changed"
    return round(time.monotonic() - begin, 2)


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if not found:
        sys.exit("Chromium is missing: sh .ci/system_packages.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(DRAWN))
        yield browser
        browser.close()


def _fleet(browser: Browser, url: str, cookie: str) -> dict[str, Any]:
    with _visitor(browser, url, cookie) as page:
        found = _opened(page, f"{url}/", "fleet")
        return found | {"fleet, longest task while it is moved, ms": _moved_ms(page)}


def _device(browser: Browser, url: str, cookie: str) -> dict[str, Any]:
    with _visitor(browser, url, cookie) as page:
        return _opened(page, f"{url}/devices/{LONG}", "device")


@contextmanager
def _visitor(browser: Browser, url: str, cookie: str) -> Iterator[Page]:
    """A browser that has kept nothing but its session."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": viewer.COOKIE, "value": cookie, "url": url}])
    page = context.new_page()
    _come_to_rest(page)
    yield page
    context.close()


def _come_to_rest(page: Page) -> None:
    """With a new window the browser makes its own controls, in half a second of a processor: a visit begins
    when that is done."""
    end = time.monotonic() + _WAIT_S
    before_s = _cpu_s(page)
    while time.monotonic() < end:
        time.sleep(_POLL_S)
        now_s = _cpu_s(page)
        if now_s - before_s < _AT_REST * _POLL_S:
            return
        before_s = now_s
    sys.exit(f"the browser did not come to rest within {_WAIT_S} s")


def _opened(page: Page, url: str, name: str) -> dict[str, Any]:
    """Bytes and seconds of a visit: of the first, and of a second one."""
    urls: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.requestWillBeSent", lambda it: urls.update({it["requestId"]: it["request"]["url"]}))
    network.on(
        "Network.loadingFinished",
        lambda it: sizes.update({urls.get(it["requestId"], ""): int(it["encodedDataLength"])}),
    )
    before_s = _cpu_s(page)
    page.goto(url)
    first_s = _usable_s(page)
    cpu_s = round(_cpu_s(page) - before_s, 2)
    kept = sum(size for asked, size in sizes.items() if urlsplit(asked).path.startswith(_KEPT))
    whole = sum(sizes.values())
    page.goto(url)
    return {
        f"{name}, kB": round((whole - kept) / 1000, 1),
        f"{name}, library and outlines kB": round(kept / 1000, 1),
        f"{name}, usable after s": first_s,
        f"{name}, processor s of the browser": cpu_s,
        f"{name}, usable again after s": _usable_s(page),
    }


def _cpu_s(page: Page) -> float:
    """Processor time of the browser's processes."""
    assert page.context.browser
    info = page.context.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return sum(float(each["cpuTime"]) for each in info["processInfo"])


def _usable_s(page: Page) -> float:
    """From the beginning of the visit until the map is drawn with what is to be on it."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        at_ms = page.evaluate("performance.getEntriesByName('usable')[0]?.startTime")
        if at_ms:
            return round(float(at_ms) / 1000, 2)
        time.sleep(0.1)
    sys.exit(f"the map was not drawn within {_WAIT_S} s")


def _moved_ms(page: Page) -> float:
    """The longest task of the page's thread while the map is dragged and zoomed, 50 ms or more."""
    page.evaluate("""
        window.tasks = [];
        new PerformanceObserver((all) => tasks.push(...all.getEntries().map((it) => it.duration)))
            .observe({ type: "longtask" });
    """)
    for step in range(6):
        page.mouse.move(400, 400)
        page.mouse.down()
        page.mouse.move(400 + 60 * (-1) ** step, 400 + 20 * step, steps=15)
        page.mouse.up()
        page.mouse.wheel(0, -240 if step < 3 else 240)
        time.sleep(0.5)
    return round(float(page.evaluate("Math.max(0, ...window.tasks)")), 1)


def show(found: dict[str, Any], console: Console) -> None:
    """The figures, those with a limit last."""
    table = Table("figure", "found", "at most")
    for name in sorted(set(found) - {"short"}, key=lambda name: name in LIMITS):
        table.add_row(name, str(found[name]), str(LIMITS.get(name, "")))
    console.print(table)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.benchmarks.web.benchmark")
    parser.add_argument("--seed", type=whole(0), default=1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), parser.parse_args().seed)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    for line in found["short"]:
        print(f"fell short: {line}", file=sys.stderr)
    show(found, Console(width=110))
    return 1 if found["short"] else 0


if __name__ == "__main__":
    sys.exit(main())
