"""Parts for tests of integrations, alarms and feeds: two devices in a database, a receiver, pages."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from landbridge.config import Config, Store
from landbridge.core.clock import Clock
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.events.finished import finished
from landbridge.events.queries import outbox
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import Window
from landbridge.features.exports.formats import Format, export
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations import rules as fleet
from landbridge.features.integrations.deliveries import Deliveries
from landbridge.features.integrations.kinds import opened
from landbridge.features.trips import queries as trips
from landbridge.features.users import rules as tokens
from landbridge.ingest import new_points
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points import quality
from landbridge.points.cells import Located
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import Point
from landbridge.tracking.recompute import recompute
from landbridge.web.server import serving

from host_tests.support.agent import point
from host_tests.support.http_server import Request, Serving
from host_tests.support.trips import BEGIN_S, HOUR_S
from tools.verify.harness.ports import free_port
from tools.verify.harness.stored import store

FIRST, SECOND = "lb-0001", "lb-0002"
NOW_S = BEGIN_S + 1_000 * HOUR_S


def at(hour: int, seq: int | None = None, **changes: int) -> Point:
    return point(seq or hour, time=BEGIN_S + hour * HOUR_S, **changes)


def exported(
    device: str, track: Iterable[StoredPoint], form: Format, located: Mapping[int, Located] | None = None
) -> str:
    """The text of a file; `located` by sequence."""
    return "".join(export(device, [(each, (located or {}).get(each.point.seq)) for each in track], form))


class Got(NamedTuple):
    """A request as the receiver had it."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver(Serving):
    """A real HTTP server that keeps what it takes; `answer` says what it says to a request."""

    def __init__(self) -> None:
        self.taken: list[Got] = []
        self.refused: list[Got] = []
        self.answer: Callable[[Got], int] = lambda _: 204
        outer = self

        class Handler(Request):
            def do_POST(self) -> None:
                headers = {name.lower(): text for name, text in self.headers.items()}
                got = Got(self.path, headers, self.body())
                code = outer.answer(got)
                (outer.taken if code < 300 else outer.refused).append(got)
                elsewhere = {"Location": "https://elsewhere.example/hook"}
                self.reply(code, headers=elsewhere if code // 100 == 3 else None)

        super().__init__(Handler)
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def contents(self) -> list[Any]:
        return [json.loads(each.body) for each in list(self.taken)]

    def alarms(self) -> list[tuple[str, int]]:
        """(device, sequence) of the alarms; tracking may report a stop besides."""
        return [(each["device"], each["seq"]) for each in self.contents() if each.get("type") == "alarm"]


class Fleet:
    """A database with two devices."""

    def __init__(self, folder: Path, server: str = "") -> None:
        """Its database is a file in `folder`, or the one at the address `server`."""
        self.database: Database = open_database(server or folder / "landbridge.sqlite3")
        self.keyring = Keyring(self.database.place, str(folder / "landbridge.key"))
        with self.database.writing() as connection:
            for device in (FIRST, SECOND):
                wrapped = self.keyring.wrap(bytes(32), first=device == FIRST)
                devices.add(connection, device, wrapped, BEGIN_S)

    def add(
        self, name: str, address: str, kind: str = "webhook", tenant: str | None = None, *what: str
    ) -> bytes:
        with self.database.writing() as connection:
            return fleet.add(connection, self.keyring, name, kind, address, tenant, what, "bench", NOW_S)

    def trip(
        self, container: str, begin_h: int, end_h: int | None, tenant: str | None, device: str = FIRST
    ) -> int:
        with self.database.writing() as connection:
            begin_s = BEGIN_S + begin_h * HOUR_S
            trip = trips.start(connection, device, container, "west", "Poznan", 3600, begin_s)
            if tenant is not None:
                trips.give_to(connection, trip, tenant)
            if end_h is not None:
                trips.end(connection, trip, BEGIN_S + end_h * HOUR_S)
        return trip

    def deliver(self, *taken: Point, device: str = FIRST, now_s: int = NOW_S) -> None:
        """As an uplink would."""
        with self.database.writing() as connection:
            checked = [quality.check(each, None, now_s) for each in taken]
            new = store(connection, device, checked, now_s)
            row = lock_rows(connection, [device])[device]
            new_points.post(connection, [new_points.NewPoints(row, [], [], new)], now_s)
            write(connection, [row])
            recompute(connection, device, now_s)

    def heard(self, at_s: int, next_s: int | None = None) -> None:
        """The first device has spoken, and said when it will again."""
        with self.database.writing() as connection:
            row = lock_rows(connection, [FIRST])[FIRST]
            row.accept(Window(1, 0), 0, at_s)
            row.keep_report(next_s, {}, {})
            write(connection, [row])

    def sent(self, tenant: str) -> list[tuple[str, dict[str, Any]]]:
        """(leaf, content) of what is on the topics of a tenant and the first device."""
        head = f"landbridge/out/{tenant}/{FIRST}/"
        with self.database.reading() as connection:
            posted = [finished(connection, each) for each in outbox.head(connection, 10_000)]
        mine = [each for each in posted if each and each.topic.startswith(head)]
        return [(each.topic.removeprefix(head), json.loads(each.payload or b"{}")) for each in mine]

    def published(self) -> None:
        """The broker has it all."""
        with self.database.writing() as connection:
            outbox.remove(connection, outbox.last(connection))

    def failure(self, name: str) -> str | None:
        """Why the last attempt of an integration failed."""
        with self.database.reading() as connection:
            found: dict[str, str | None] = {row.name: row.failure for row in integrations.every(connection)}
        return found[name]

    def left(self) -> int:
        with self.database.reading() as connection:
            return outbox.waiting(connection, None, ("event", "track", "position"), 0)

    @contextmanager
    def delivering(self) -> Iterator[Deliveries]:
        thread = Deliveries(self.database, Clock(), lambda each: opened(each, self.keyring, {}))
        thread.start()
        try:
            yield thread
        finally:
            thread.stop()


class Pages:
    """The agent's HTTP side on a fleet's database."""

    def __init__(self, fleet: Fleet, config: Config | None = None) -> None:
        self.fleet = fleet
        self._config = config or Config()
        self._url = ""

    def token(self, name: str, role: str = "reader", tenant: str | None = None) -> str:
        """The secret of a new token."""
        with self.fleet.database.writing() as connection:
            return tokens.add(connection, name, role, tenant, "bench", NOW_S)

    @property
    def url(self) -> str:
        return self._url

    @contextmanager
    def served(self, **web: Any) -> Iterator[Self]:
        """Serve it, with settings of [web]."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        store = Store(database=self.fleet.database.place, key_file=str(self.fleet.keyring.path))
        config = replace(self._config, web=replace(self._config.web, port=port, **web), store=store)
        with serving(config, self.fleet.database, Clock(), threading.Event()):
            yield self

    def ask(self, path: str, token: str, method: str = "GET", body: Any = None) -> tuple[int, str]:
        """Status and text of one request."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
