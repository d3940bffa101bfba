"""Fixtures of the browser tests: an agent with its pages, and Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from host_tests.support.agent import Installation, pages_as_soon_as_others, set_clock
from host_tests.support.web import (
    CONTAINER,
    FIRST_S,
    WAIT_MS,
    Served,
    Watched,
    Website,
    chromium,
    feed,
)
from tools.verify.harness.ports import free_port

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """One agent a module, with its pages, one device on a trip."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LANDBRIDGE_WEB_PORT", str(free_port()))
        pages_as_soon_as_others(environment)
        installation = Installation(tmp_path_factory.mktemp("web"), environment)
        try:
            set_clock(installation.folder / "clock", FIRST_S)
            installation.start()
            made = Website(installation)
            made.add_line()
            made.begin_trip(CONTAINER, FIRST_S)
            feed(made)
            yield made
        finally:
            installation.close()


@pytest.fixture(scope="module")
def launched() -> Iterator[Browser]:
    """Debian's Chromium, once a module: as long as it runs, its event loop is this thread's."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def browser(launched: Browser, web: Served) -> Watched:
    """On the pages of the module; a module whose tests have pages of their own gives each its own."""
    return Watched(launched, web.url)


@pytest.fixture(autouse=True)
def browser_does_not_complain(request: pytest.FixtureRequest) -> Iterator[None]:
    """Neither of errors in scripts nor of requests to other hosts."""
    watched = request.getfixturevalue("browser") if "browser" in request.fixturenames else None
    yield
    assert watched is None or watched.complaints == []
