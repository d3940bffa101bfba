"""Messages of devices from NATS JetStream, divided among several agents by device.

The server stores what devices publish over MQTT in a stream, each under the partition of its device, and
keeps it until an agent acknowledges it. An agent takes the partitions that it holds leases of
(db/leases.py). What an agent that died had not acknowledged comes again, to the one that takes over.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig, SubjectTransform
from nats.js.errors import NotFoundError

from landbridge.config import Nats
from landbridge.core import metrics
from landbridge.core.checks import Since
from landbridge.core.errors import UserError
from landbridge.core.rate_limit import RateLimit
from landbridge.ingest import nats_access
from landbridge.ingest.partitions import HeldPartitions
from landbridge.ingest.session import Received, Session

STREAM = "LANDBRIDGE"
_SUBJECT = "landbridge.*.up"
_MOST_IN_HAND = 512
"""Fetched and not yet stored messages of all partitions: two transactions of the worker. Fetches under way
may add as many again."""
_FEWEST = 8
"""Messages of one partition in a request; fewer are not worth it."""
ACK_WAIT_S = 5.0
"""Seconds after which a message is delivered again, to the next holder. A living agent reports progress on
its messages three times as often; otherwise a slow agent would get its own again and be slower."""
POLL_S = 1.0
_LINGER_S = 0.05
"""Seconds for which the client holds an incomplete batch back."""
_START_S = 15.0
_PATIENCE_S = 30.0
_log = logging.getLogger(__name__)


class NatsSource:
    """The agent's part of the stream while it is open."""

    def __init__(
        self,
        settings: Nats,
        limit: RateLimit,
        held_partitions: HeldPartitions,
        session: Session,
        answer: Callable[[bytes], bytes],
    ) -> None:
        """`answer` decides which devices may connect, if the server asks (ingest/nats_access.py)."""
        self.waiting: queue.Queue[Received] = queue.Queue()
        """Messages received and not yet processed."""
        self._settings = settings
        self._limit = limit
        self._held_partitions = held_partitions
        self._answer = answer
        self.reply = session.reply
        """Publishes to devices over the server's MQTT port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._unacknowledged: dict[int, Msg] = {}
        self._to_acknowledge: deque[Msg] = deque()
        self._takers: dict[int, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._away = Since()
        self._client: Any = None
        self._rebalancing: Any = None
        self._holding: Any = None

    def open(self) -> None:
        """Connect, create the stream if needed, and start fetching; `UserError` on failure."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_START_S)
        except (OSError, NatsError, TimeoutError) as error:
            self.close()
            raise UserError(
                f"NATS {self._settings.url}: {error or 'no answer'}; does it run JetStream? check [nats]"
            ) from None

    def acknowledge(self, received: Received) -> bool:
        """Acknowledge a message; False if it will be delivered again anyway."""
        message = self._unacknowledged.pop(received.message_id, None)
        if message is None:
            return False
        self._to_acknowledge.append(message)
        if len(self._to_acknowledge) == 1:
            asyncio.run_coroutine_threadsafe(self._flush(), self._loop)
        return True

    def problem(self) -> str | None:
        """Return what has been wrong with the connection for too long."""
        if not self._thread.is_alive():
            return "the thread that listens to NATS has died"
        if self._away.seconds > _PATIENCE_S:
            return f"NATS has been away for {self._away.seconds:.0f} s"
        return None

    def close(self) -> None:
        """Stop fetching; unacknowledged messages are delivered to other agents."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._held_partitions.close()

    async def _open(self) -> None:
        self._client = await _connect(
            self._settings,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
            allow_reconnect=True,
            connect_timeout=5,
            disconnected_cb=self._on_lost,
            reconnected_cb=self._on_found,
            error_cb=self._on_error,
        )
        stream = self._client.jetstream()
        await _keep_stream(stream, self._settings)
        await self._client.subscribe(nats_access.SUBJECT, "landbridge", self._on_asked)
        await self._on_found()
        self._rebalancing = asyncio.create_task(self._rebalance(stream))
        self._holding = asyncio.create_task(self._keep_in_progress())

    async def _close(self) -> None:
        if self._rebalancing is not None:
            self._rebalancing.cancel()
            self._leave(list(self._takers))
            await asyncio.gather(*self._leaving)
            self._holding.cancel()
        await self._flush()
        for message in self._unacknowledged.values():
            await self._say(message.nak())
        if self._client is not None:
            await self._client.close()

    async def _rebalance(self, stream: JetStreamContext) -> None:
        """Keep the number of held partitions at this agent's part, repeatedly."""
        while True:
            try:
                held = await asyncio.to_thread(self._held_partitions.balance, self._settings.partitions)
                self._leave(self._takers.keys() - held)
                for partition in held - self._takers.keys():
                    self._takers[partition] = asyncio.create_task(self._take(stream, partition))
            except Exception as error:
                _log.error("cannot share partitions with other agents: %s; trying again", error)
            await asyncio.sleep(POLL_S)

    def _leave(self, partitions: Iterable[int]) -> None:
        """Stop fetching from these partitions. A message from an interrupted fetch would stay unprocessed
        until it is delivered again, so each fetch is completed."""
        for partition in partitions:
            taker = self._takers.pop(partition)
            self._leaving.add(taker)
            taker.add_done_callback(self._leaving.discard)

    async def _take(self, stream: JetStreamContext, partition: int) -> None:
        """Fetch the waiting messages of one partition while it is held."""
        subscription, comes = None, False
        while self._takers.get(partition) is asyncio.current_task():
            try:
                if subscription is None:
                    durable = await _make_consumer(stream, partition)
                    subscription = await stream.pull_subscribe_bind(durable, stream=STREAM)
                if (room := _MOST_IN_HAND - len(self._unacknowledged)) <= 0:
                    await asyncio.sleep(0.01)
                    continue
                fair_share = max(_FEWEST, room // max(1, len(self._takers)))
                batch, wait_s = (fair_share, _LINGER_S) if comes else (1, POLL_S)
                comes = False
                for message in await subscription.fetch(batch, timeout=wait_s):
                    self._receive(message)
                    comes = True
                await self._flush()
            except TimeoutError:
                continue  # nothing waits
            except Exception as error:
                _log.error("partition %d: %s; trying again", partition, error)
                subscription = None
                await asyncio.sleep(POLL_S)

    async def _keep_in_progress(self) -> None:
        """Report progress, so that the server does not deliver these messages to others."""
        while True:
            await asyncio.sleep(ACK_WAIT_S / 3)
            for message in list(self._unacknowledged.values()):
                await self._say(message.in_progress())

    def _receive(self, message: Msg) -> None:
        # landbridge.<partition>.<device>.up
        device = message.subject.split(".", 2)[2].removesuffix(".up")
        number = message.metadata.sequence.stream
        if number in self._unacknowledged:
            self._unacknowledged[number] = message
            return  # It is still held: acknowledge this delivery instead.
        if not self._limit.allows(device):
            metrics.THROTTLED.inc()
            self._to_acknowledge.append(message)
            return
        self._unacknowledged[number] = message
        self.waiting.put(Received(f"landbridge/{device}/up", message.data, number, 1, 0))

    async def _flush(self) -> None:
        while self._to_acknowledge:
            await self._say(self._to_acknowledge.popleft().ack())

    async def _say(self, word: Awaitable[None]) -> None:
        """Answer the server about a message; without the answer it delivers the message again."""
        try:
            await word
        except NatsError as error:
            _log.info("not acknowledged, will be redelivered: %s", error)

    async def _on_lost(self) -> None:
        self._away.begins()
        metrics.CONNECTED.set(0)
        _log.warning("connection to NATS lost; reconnecting")

    async def _on_found(self) -> None:
        self._away.ends()
        metrics.CONNECTED.set(1)
        metrics.RECONNECTS.inc()
        _log.info("connected to NATS %s", self._settings.url)

    async def _on_asked(self, request: Msg) -> None:
        """Answer a connecting device; without an answer it may not connect."""
        try:
            await request.respond(await asyncio.to_thread(self._answer, request.data))
        except Exception as error:
            _log.error("cannot answer an authorization request of NATS: %s", error)

    async def _on_error(self, error: Exception) -> None:
        _log.debug("NATS: %s", error)


async def make_stream(settings: Nats) -> None:
    """Create the stream that stores what devices publish, before any agent runs."""
    client = await _connect(settings)
    await _keep_stream(client.jetstream(), settings)
    await client.close()


async def _connect(settings: Nats, **more: Any) -> Any:
    user, password = settings.username or None, settings.password or None
    return await nats.connect(settings.url.split(","), user=user, password=password, **more)


async def _keep_stream(stream: JetStreamContext, settings: Nats) -> None:
    """Return the stream's configuration; a stream with other partitions is an error and stays."""
    partition = f"landbridge.{{{{partition({settings.partitions},1)}}}}.{{{{wildcard(1)}}}}.up"
    wanted = StreamConfig(
        name=STREAM,
        subjects=[_SUBJECT],
        retention=RetentionPolicy.WORK_QUEUE,
        num_replicas=settings.replicas,
        subject_transform=SubjectTransform(src=_SUBJECT, dest=partition),
    )
    try:
        found = (await stream.stream_info(STREAM)).config
    except NotFoundError:
        await stream.add_stream(wanted)
        return
    if found.subject_transform is None or found.subject_transform.dest != partition:
        raise UserError(
            f"the stream {STREAM} has other partitions than [nats] partitions = {settings.partitions}:"
            " all agents need the same; `nats stream rm` and start them all to change it"
        )


async def _make_consumer(stream: JetStreamContext, partition: int) -> str:
    name = f"partition-{partition}"
    await stream.add_consumer(
        STREAM,
        ConsumerConfig(
            durable_name=name,
            filter_subject=f"landbridge.{partition}.*.up",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=2 * _MOST_IN_HAND,
        ),
    )
    return name
