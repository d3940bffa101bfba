"""Pages of a fleet with users: a clock that tests set, administrators, links in what is shown."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pyotp
import pytest
from landbridge.config import Config, Store
from landbridge.core.clock import CLOCK_FILE_VARIABLE, unix_s

from host_tests.support.agent import set_clock
from host_tests.support.fleet import NOW_S, Fleet, Pages
from host_tests.support.people import Visitor, add_user


class Site:
    """A fleet with pages, a clock that the test sets, and administrators."""

    def __init__(self, folder: Path, fleet: Fleet, pages: Pages) -> None:
        self._clock = folder / "clock"
        self.fleet, self.pages, self.database = fleet, pages, fleet.database
        self.now_s = 0
        self._root: Visitor | None = None
        self.at(NOW_S)

    def at(self, now_s: int) -> None:
        self.now_s = now_s
        set_clock(self._clock, now_s)

    def visitor(self, name: str = "", **more: str) -> Visitor:
        """A browser; signed in by its password if it has a `name`."""
        made = Visitor(self.pages.url, **more)
        if name:
            assert made.sign_in(name).status == 303
        return made

    @property
    def root(self) -> Visitor:
        """The browser of an administrator."""
        self._root = self._root or self.visitor("root")
        return self._root

    def api(self, path: str, token: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        status, text = self.pages.ask(f"/v1{path}", token, method, body)
        return status, json.loads(text) if text else None

    def code(self, secret: str, steps: int = 0) -> str:
        return str(pyotp.TOTP(secret).at(unix_s(self.now_s) + 30 * steps))


@contextmanager
def house_of(folder: Path, config: Config | None = None) -> Iterator[Site]:
    """The pages, served until the block ends."""
    fleet = Fleet(folder)
    store = Store(database=fleet.database.place, key_file=str(folder / "landbridge.key"))
    pages = Pages(fleet, replace(config or Config(), store=store))
    with pytest.MonkeyPatch.context() as environment:
        set_clock(folder / "clock", NOW_S)
        environment.setenv(CLOCK_FILE_VARIABLE, str(folder / "clock"))
        add_user(fleet.database, "root", role="admin")
        with pages.served():
            yield Site(folder, fleet, pages)
    fleet.database.close()


def invitation_in(text: str) -> str:
    """The secret of the link that a page shows."""
    return str(re.findall(r"/invitation#([\w-]{43})", unescape(text))[0])
