"""What an agent behind NATS has in its hand: a bounded number, which the server gives to nobody else."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from landbridge.config import Nats
from landbridge.core.rate_limit import RateLimit
from landbridge.ingest import nats_source
from landbridge.ingest.nats_source import NatsSource


class Kept:
    """A message of the stream, and what the server was told of it."""

    def __init__(self, number: int) -> None:
        self.subject, self.data = f"landbridge.0.lb-{number}.up", b""
        self.metadata = SimpleNamespace(sequence=SimpleNamespace(stream=number))
        self.told: list[str] = []

    async def in_progress(self) -> None:
        self.told.append("in progress")

    async def nak(self) -> None:
        self.told.append("not taken")


class Stream:
    """Has always more, for every partition."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.given: list[Kept] = []
        self._delay_s = delay_s

    async def add_consumer(self, *_: Any) -> None: ...

    async def pull_subscribe_bind(self, *_: Any, **__: Any) -> "Stream":
        return self

    async def fetch(self, batch: int, timeout: float) -> list[Kept]:
        await asyncio.sleep(min(self._delay_s, timeout))
        fetched = [Kept(len(self.given) + i) for i in range(batch)]
        self.given += fetched
        return fetched


@pytest.fixture
def source():
    session = cast(Any, SimpleNamespace(reply=None))
    source = NatsSource(Nats(), RateLimit(1_000_000), cast(Any, None), session, lambda request: request)
    yield source
    source._loop.close()


def take(source: NatsSource, stream: Stream, partitions: int) -> None:
    for partition in range(partitions):
        source._takers[partition] = source._loop.create_task(source._take(cast(Any, stream), partition))


async def leave(source: NatsSource) -> None:
    source._leave(list(source._takers))
    await asyncio.gather(*source._leaving)


@pytest.mark.parametrize("partitions", [1, 16, 200])
def test_what_is_fetched_of_all_partitions_together_is_bounded(source, partitions):
    stream = Stream()
    take(source, stream, partitions)
    source._loop.run_until_complete(asyncio.sleep(0.1))
    most = 2 * nats_source._MOST_IN_HAND + partitions * nats_source._FEWEST
    assert nats_source._MOST_IN_HAND <= len(stream.given) <= most
    assert source.waiting.qsize() == len(source._unacknowledged) == len(stream.given)
    source._loop.run_until_complete(leave(source))  # though nothing is stored any more


def test_the_server_is_told_of_what_is_in_hand_before_it_would_give_it_to_others(source, monkeypatch):
    monkeypatch.setattr(nats_source, "_ACK_WAIT_S", 0.03)
    waits = Kept(1)
    source._receive(cast(Any, waits))
    holding = source._loop.create_task(source._hold())
    source._loop.run_until_complete(asyncio.sleep(0.2))
    holding.cancel()
    assert set(waits.told) == {"in progress"}


def test_a_partition_that_is_given_back_ends_its_fetch_and_begins_no_other(source):
    stream = Stream(delay_s=0.1)
    take(source, stream, 1)
    source._loop.run_until_complete(asyncio.sleep(0.01))
    assert not stream.given
    source._loop.run_until_complete(leave(source))
    assert source.waiting.qsize() == len(stream.given) == 1


def test_what_is_left_at_the_end_is_given_to_others_at_once(source):
    source._holding = source._sharing = source._loop.create_future()
    waits = Kept(1)
    source._receive(cast(Any, waits))
    source._loop.run_until_complete(source._close())
    assert waits.told == ["not taken"]
