"""Too much at once: connections, half-open requests, live feeds, passwords. Others are answered anyway."""

from __future__ import annotations

import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest
from landbridge.features.users import passwords
from landbridge.web import assets, connections, guard, live, services

from host_tests.support.agent import WAIT_S, wait_until
from host_tests.support.fleet import Fleet, Pages

HALF = b"GET /sign-in HTTP/1.1\r\nHost: x\r\n"
AGES_S = 100_000.0


@contextmanager
def served(fleet: Fleet) -> Iterator[Pages]:
    with Pages(fleet).served() as pages:
        yield pages


def connect(pages: Pages) -> socket.socket:
    at = urlsplit(pages.url)
    made = socket.create_connection((at.hostname, at.port or 0), timeout=WAIT_S)
    made.settimeout(WAIT_S)
    return made


def is_closed(connection: socket.socket) -> bool:
    """Waits until something comes, or the end."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def follow(pages: Pages, token: str, **headers: str) -> tuple[HTTPConnection, HTTPResponse]:
    """Ask for a live feed."""
    connection = HTTPConnection(urlsplit(pages.url).netloc, timeout=WAIT_S)
    connection.request("GET", "/live", headers={"Authorization": f"Bearer {token}"} | headers)
    return connection, connection.getresponse()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HALF,
        HALF.replace(b"GET", b"POST")
        + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ntoken=",
    ],
    ids=["no request", "half a head", "half a body"],
)
def test_a_request_that_does_not_come_is_not_waited_for(fleet, monkeypatch, sent):
    monkeypatch.setattr(connections, "PATIENCE_S", 0.2)
    with served(fleet) as pages, connect(pages) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_requests_that_do_not_come_keep_no_other_out(fleet, monkeypatch):
    monkeypatch.setattr(connections, "MOST", 8)
    monkeypatch.setattr(connections, "PATIENCE_S", AGES_S)
    with served(fleet) as pages, ExitStack() as stack:
        half = [stack.enter_context(connect(pages)) for _ in range(20)]
        for each in half[12:]:
            each.sendall(HALF)
        assert all(is_closed(each) for each in half[:12])
        whole = stack.enter_context(connect(pages))
        whole.sendall(HALF + b"\r\n")
        assert whole.recv(12) == b"HTTP/1.1 200"
        assert is_closed(half[12])
        half[13].sendall(b"\r\n")
        assert half[13].recv(12) == b"HTTP/1.1 200"


def test_when_all_are_answered_one_more_is_closed(fleet, monkeypatch):
    monkeypatch.setattr(connections, "MOST", 2)
    monkeypatch.setattr(connections, "PATIENCE_S", AGES_S)
    with served(fleet) as pages, ExitStack() as stack:
        token = pages.token("anna")
        for _ in range(2):
            connection, answer = follow(pages, token)
            stack.callback(connection.close)
            assert answer.status == 200
        assert is_closed(stack.enter_context(connect(pages)))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections hold 4 KB at the server's end, not megabytes as on loopback."""
    made = connections.Connection.connection_made

    def connection_made(connection: connections.Connection, transport: Any) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        made(connection, transport)

    monkeypatch.setattr(connections.Connection, "connection_made", connection_made)


@contextmanager
def slow(pages: Pages) -> Iterator[socket.socket]:
    """Asks for more than a `small` connection holds, and takes nothing of it by itself."""
    at = urlsplit(pages.url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(WAIT_S)
        connection.connect((at.hostname, at.port or 0))
        large = f"{assets.address()}/maplibre/maplibre-gl.mjs"
        connection.sendall(f"GET {large} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        yield connection


def test_an_answer_that_is_not_read_is_not_kept_forever(fleet, small, monkeypatch):
    monkeypatch.setattr(connections, "READING_S", 0.2)
    monkeypatch.setattr(connections, "PATIENCE_S", AGES_S)
    ended, end = threading.Event(), connections.Connection.end

    def end_and_say_so(connection: connections.Connection) -> None:
        end(connection)
        ended.set()

    monkeypatch.setattr(connections.Connection, "end", end_and_say_so)
    with served(fleet) as pages, slow(pages):
        assert ended.wait(WAIT_S)


def test_an_answer_is_not_cut_off_when_the_next_request_does_not_come(fleet, small, monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE_S", AGES_S)
    came = connections.Connection.data_received

    def data_received(connection: connections.Connection, data: bytes) -> None:
        connections.PATIENCE_S = 0.1
        came(connection, data)

    monkeypatch.setattr(connections.Connection, "data_received", data_received)
    with served(fleet) as pages, slow(pages) as connection:
        received = b""
        while piece := connection.recv(1 << 12):
            received += piece
            time.sleep(0.02)
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length and len(body) == int(length[1])


def test_a_connection_is_used_again_and_an_answer_takes_as_long_as_it_takes(fleet, monkeypatch):
    monkeypatch.setattr(live, "POLL_S", 0.2)
    with served(fleet) as pages:
        connection = HTTPConnection(urlsplit(pages.url).netloc, timeout=WAIT_S)
        monkeypatch.setattr(connections, "PATIENCE_S", AGES_S)
        for _ in range(3):
            connection.request("GET", "/sign-in")
            assert connection.getresponse().read()
        connection.close()
        monkeypatch.setattr(connections, "PATIENCE_S", 2.0)
        connection, answer = follow(pages, pages.token("anna"))
        # After 20 looks, which take twice as long as a request may.
        expected = b"retry: 3000\n\n: alive\n\n"
        reported = answer.read(len(expected))
        connection.close()
    assert reported == expected


@pytest.mark.parametrize(
    "module, name, said", [(services, "STREAMS", "anna has 2"), (guard, "AT_ONCE", "more than 2 requests")]
)
def test_one_reader_and_one_address_have_so_many_feeds_and_others_theirs(
    fleet, monkeypatch, module, name, said
):
    monkeypatch.setattr(module, name, 2)
    monkeypatch.setattr(live, "STREAMS", 2)
    with served(fleet) as pages, ExitStack() as stack:
        anna, berta = pages.token("anna"), pages.token("berta")
        first, answer = follow(pages, anna)
        stack.callback(first.close)
        assert answer.status == 200
        stack.callback(follow(pages, anna)[0].close)
        refused, answer = follow(pages, anna)
        stack.callback(refused.close)
        assert answer.status == 429 and said in answer.read().decode()
        other, answer = follow(pages, berta, **{"X-Forwarded-For": "192.0.2.1"})
        stack.callback(other.close)
        assert answer.status == 200
        answer.close()
        first.close()
        if first.sock:
            first.sock.close()

        def is_free() -> bool:
            connection, answer = follow(pages, anna)
            stack.callback(connection.close)
            return answer.status == 200

        wait_until(is_free, "the place of a feed that has ended")


class Passwords:
    """Checks none before `go` is set; counts those at a time."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self._lock = threading.Lock()
        self._now = self.most = 0

    def is_of(self, *_: Any) -> bool:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        assert self.go.wait(WAIT_S)
        with self._lock:
            self._now -= 1
        return False


def sign_in(pages: Pages, number: int, **given: str) -> int:
    """The status of one attempt from an address of its own, under a name of its own."""
    from_there = {"X-Forwarded-For": f"192.0.2.{number}"}
    form = urllib.request.urlopen(urllib.request.Request(f"{pages.url}/sign-in", headers=from_there))
    csrf = re.findall(r'name="csrf" value="(\w+)"', form.read().decode())[0]
    from_there["Cookie"] = form.headers["set-cookie"].partition(";")[0]
    fields = {"name": f"n{number}", "token": "wrong", "csrf": csrf} | given
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    request = urllib.request.Request(f"{pages.url}/sign-in", body, from_there)
    opener = urllib.request.build_opener(_Stay())
    try:
        with opener.open(request, timeout=WAIT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def test_passwords_are_checked_two_at_a_time_and_a_token_passes_by(fleet, monkeypatch):
    checked = Passwords()
    monkeypatch.setattr(passwords, "is_of", checked.is_of)
    with served(fleet) as pages, ThreadPoolExecutor(30) as crowd:
        token = pages.token("anna")
        attempts = [crowd.submit(sign_in, pages, number) for number in range(1, 31)]
        refused = as_completed(attempts, timeout=5 * WAIT_S)
        assert [next(refused).result() for _ in range(12)] == [429] * 12
        assert checked.most == 2
        assert sign_in(pages, 99, name="", token=token) == 303
        checked.go.set()
        assert sorted(each.result() for each in attempts) == [401] * 18 + [429] * 12
    assert checked.most == 2
