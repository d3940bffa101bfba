"""Messages that an agent behind NATS has fetched: a bounded number that no other agent gets."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import nats
import pytest
from landbridge.config import Nats
from landbridge.core.rate_limit import RateLimit
from landbridge.ingest import nats_source
from landbridge.ingest.nats_source import NatsSource
from nats.js.errors import NotFoundError

from host_tests.support.agent import wait_until

MOST, FEWEST = 512, 8
"""In the agent's hand; of one partition at a time."""


class Kept:
    """A message of the stream, and the acknowledgements that the server got."""

    def __init__(self, number: int) -> None:
        self.subject, self.data = f"landbridge.0.lb-{number}.up", b""
        self.metadata = SimpleNamespace(sequence=SimpleNamespace(stream=number))
        self.acknowledged: list[str] = []

    async def in_progress(self) -> None:
        self.acknowledged.append("in progress")

    async def nak(self) -> None:
        self.acknowledged.append("not taken")

    async def ack(self) -> None:
        self.acknowledged.append("taken")


class Server:
    """A server whose stream has always more, up to `most`, for every partition."""

    def __init__(self, most: int) -> None:
        self.given: list[Kept] = []
        self.asked, self.gives = threading.Event(), threading.Event()
        self.gives.set()
        self._most = most

    def jetstream(self) -> "Server":
        return self

    async def subscribe(self, *_: Any) -> None: ...

    async def close(self) -> None: ...

    async def stream_info(self, name: str) -> Any:
        raise NotFoundError

    async def add_stream(self, config: Any) -> None: ...

    async def add_consumer(self, stream: str, config: Any) -> None: ...

    async def pull_subscribe_bind(self, durable: str, stream: str) -> "Server":
        return self

    async def fetch(self, batch: int, timeout: float) -> list[Kept]:
        self.asked.set()
        while not self.gives.is_set():
            await asyncio.sleep(0.01)
        count = min(batch, self._most - len(self.given))
        if count == 0:
            await asyncio.sleep(timeout)
            raise TimeoutError
        fetched = [Kept(len(self.given) + i) for i in range(count)]
        self.given += fetched
        return fetched


class All:
    """The partitions of the only agent: all of them."""

    def balance(self, partitions: int) -> set[int]:
        return set(range(partitions))

    def close(self) -> None: ...


class GivenBack(All):
    """The partitions are another agent's once the first fetch is under way; then the server answers it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._is_left = False

    def balance(self, partitions: int) -> set[int]:
        if not self._server.asked.is_set():
            return super().balance(partitions)
        if self._is_left:
            self._server.gives.set()
        self._is_left = True
        return set()


@contextmanager
def taking(
    monkeypatch: pytest.MonkeyPatch, server: Server, partitions: int = 1, held: All | None = None
) -> Iterator[NatsSource]:
    """The agent's part of the stream, open."""

    async def connect(*_: Any, **__: Any) -> Server:
        return server

    monkeypatch.setattr(nats, "connect", connect)
    settings, limit = Nats(partitions=partitions), RateLimit(1_000_000)
    session: Any = SimpleNamespace(reply=None)
    source = NatsSource(settings, limit, cast(Any, held or All()), session, lambda request: request)
    source.open()
    try:
        yield source
    finally:
        source.close()


@pytest.mark.parametrize("partitions", [1, 16, 200])
def test_the_messages_fetched_for_all_partitions_are_bounded(monkeypatch, partitions):
    server = Server(most=1_000_000)
    with taking(monkeypatch, server, partitions) as source:
        wait_until(lambda: len(server.given) >= MOST, "as many as may be in hand")
        time.sleep(0.1)
    # It ends, though nothing is stored any more.
    assert MOST <= len(server.given) <= 2 * MOST + partitions * FEWEST
    assert source.waiting.qsize() == len(server.given)
    assert all(each.acknowledged == ["not taken"] for each in server.given)


def test_the_server_hears_of_messages_in_progress_before_it_would_redeliver_them(monkeypatch):
    monkeypatch.setattr(nats_source, "ACK_WAIT_S", 0.03)
    server = Server(most=1)
    with taking(monkeypatch, server):
        wait_until(
            lambda: server.given and len(server.given[0].acknowledged) > 1,
            "the server has an acknowledgement",
        )
        assert set(server.given[0].acknowledged) == {"in progress"}


def test_a_partition_that_is_given_back_ends_its_fetch_and_begins_no_other(monkeypatch):
    monkeypatch.setattr(nats_source, "POLL_S", 0.01)
    server = Server(most=1_000_000)
    server.gives.clear()
    with taking(monkeypatch, server, held=GivenBack(server)) as source:
        wait_until(lambda: server.given, "the answer to the fetch")
    assert source.waiting.qsize() == len(server.given) == 1


def test_messages_left_at_the_end_are_returned_for_other_agents(monkeypatch):
    server = Server(most=1)
    with taking(monkeypatch, server) as source:
        source.waiting.get(timeout=60)
    assert server.given[0].acknowledged == ["not taken"]
