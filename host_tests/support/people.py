"""Users with a password, and a browser without a window."""

import re
from html import unescape
from http.client import HTTPConnection
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from landbridge.db.database import Database
from landbridge.features.users import passwords
from landbridge.features.users import people as users
from landbridge.features.users.queries import people

from host_tests.support.fleet import NOW_S

PASSWORD = "a horse, a battery"
NEW = "another horse, no battery"
"""A password to change to."""
_ADDRESSES = count(1)


def add_user(
    database: Database, name: str, password: str = PASSWORD, role: str = "reader", tenant: str | None = None
) -> None:
    """A user who has accepted an invitation."""
    hashed = passwords.hashed(password, name)
    with database.writing() as connection:
        invited = users.add(connection, name, role, tenant, "", "bench", NOW_S)
        row = people.find(connection, invited.user)
        assert row is not None
        users.set_password(connection, row, hashed, "bench", NOW_S)


class Got(NamedTuple):
    """An answer."""

    status: int
    location: str
    cookies: dict[str, str]
    """With all of their attributes, by name."""
    text: str


class Visitor:
    """A browser: it keeps cookies, sends forms with what the page before had hidden in it, and does not
    follow redirects."""

    def __init__(self, url: str, address: str = "", browser: str = "Firefox/128.0 (Linux)") -> None:
        """It comes from an address of its own: the limits of others are not used up."""
        self._where = urlsplit(url)
        sender = address or f"2001:db8::{next(_ADDRESSES):x}"
        self._headers = {"X-Forwarded-For": sender, "User-Agent": browser}
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    def get(self, path: str) -> Got:
        return self._ask("GET", path, None)

    def post(self, path: str, **fields: str) -> Got:
        """Send a form of the page that was shown last."""
        return self._ask("POST", path, urlencode({"csrf": self.csrf} | fields))

    def _ask(self, method: str, path: str, body: str | None) -> Got:
        connection = HTTPConnection(self._where.hostname or "", self._where.port, timeout=120)
        headers = dict(self._headers)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        given = {each.partition("=")[0]: each for each in answer.headers.get_all("set-cookie", [])}
        for name, whole in given.items():
            value = whole.partition(";")[0].partition("=")[2]
            self.cookies[name] = value
            if "max-age=0" in whole.lower():
                del self.cookies[name]
        connection.close()
        self.csrf = next(iter(re.findall(r'name="csrf" value="(\w+)"', text)), self.csrf)
        return Got(answer.status, answer.headers.get("location", ""), given, text)

    def sign_in(self, name: str, password: str = PASSWORD) -> Got:
        """With name and password."""
        self.get("/sign-in")
        return self.post("/sign-in", name=name, token=password)


def said(got: Got) -> str:
    """What a page says is wrong."""
    return unescape(" ".join(re.findall(r'role="alert"[^>]*>([^<]+)<', got.text)))


def entry(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The row of a user in an answer of the API."""
    return next(each for each in rows if each["user"] == name)
