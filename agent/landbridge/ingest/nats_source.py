"""Messages of devices out of NATS JetStream, shared out among several agents by device.

The server stores what devices publish over MQTT in a stream, each under the partition of its device, and
keeps it until an agent acknowledges it. An agent takes the partitions that it holds leases of
(store/leases.py). What an agent that died had not acknowledged comes again, to the one that takes over.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from typing import Any

import nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig, SubjectTransform
from nats.js.errors import NotFoundError

from landbridge import metrics
from landbridge.config import Nats
from landbridge.errors import UserError
from landbridge.health import Since
from landbridge.ingest.limits import RateLimit
from landbridge.ingest.session import Received, Session
from landbridge.ingest.shares import Shares

STREAM = "LANDBRIDGE"
_SUBJECT = "landbridge.*.up"
_FETCH = 128
_MOST_WAITING = 512
_ACK_WAIT_S = 5.0
"""After it a message comes again: to who has taken over, or to an agent that is slow, which knows it."""
_LOOK_S = 1.0
_START_S = 15.0
_PATIENCE_S = 30.0
_log = logging.getLogger(__name__)


class NatsSource:
    """The agent's part of the stream, as long as it is open."""

    def __init__(self, settings: Nats, limit: RateLimit, shares: Shares, session: Session) -> None:
        self.waiting: queue.Queue[Received] = queue.Queue()
        """What was received and not yet taken; nothing more is fetched while much of it waits."""
        self._settings = settings
        self._limit = limit
        self._shares = shares
        self.reply = session.reply
        """To devices, over the server's MQTT port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._unacknowledged: dict[int, Msg] = {}
        self._to_acknowledge: deque[Msg] = deque()
        self._takers: dict[int, asyncio.Task[None]] = {}
        self._away = Since()
        self._client: Any = None
        self._sharing: Any = None

    def open(self) -> None:
        """Connect, make the stream if need be, begin to take; `UserError` when that cannot be."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_START_S)
        except (OSError, NatsError, TimeoutError) as error:
            self.close()
            raise UserError(
                f"NATS {self._settings.url}: {error or 'no answer'}; does it run JetStream? check [nats]"
            ) from None

    def acknowledge(self, received: Received) -> bool:
        """The server need not keep it any longer; False if it will come again anyway."""
        message = self._unacknowledged.pop(received.message_id, None)
        if message is None:
            return False
        self._to_acknowledge.append(message)
        if len(self._to_acknowledge) == 1:
            asyncio.run_coroutine_threadsafe(self._flush(), self._loop)
        return True

    def trouble(self) -> str | None:
        """What is wrong with the connection, for too long."""
        if not self._thread.is_alive():
            return "the thread that listens to NATS has died"
        if self._away.seconds > _PATIENCE_S:
            return f"NATS has been away for {self._away.seconds:.0f} s"
        return None

    def close(self) -> None:
        """Take no more; what was not acknowledged goes to others."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._shares.close()

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
        await self._on_found()
        self._sharing = asyncio.create_task(self._share(stream))

    async def _close(self) -> None:
        for task in [self._sharing, *self._takers.values()]:
            if task is not None:
                task.cancel()
        await self._flush()
        if self._client is not None:
            await self._client.close()

    async def _share(self, stream: JetStreamContext) -> None:
        """Take as many partitions as are our share, over and over."""
        while True:
            try:
                held = await asyncio.to_thread(self._shares.balance, self._settings.partitions)
                for partition in self._takers.keys() - held:
                    self._takers.pop(partition).cancel()
                for partition in held - self._takers.keys():
                    self._takers[partition] = asyncio.create_task(self._take(stream, partition))
            except Exception as error:
                _log.error("cannot share partitions with other agents: %s; trying again", error)
            await asyncio.sleep(_LOOK_S)

    async def _take(self, stream: JetStreamContext, partition: int) -> None:
        """Fetch what waits in one partition, for as long as we hold it."""
        subscription = None
        while True:
            try:
                if subscription is None:
                    durable = await _make_consumer(stream, partition)
                    subscription = await stream.pull_subscribe_bind(durable, stream=STREAM)
                while self.waiting.qsize() >= _MOST_WAITING:
                    await asyncio.sleep(0.01)
                for message in await subscription.fetch(_FETCH, timeout=_LOOK_S):
                    self._receive(message)
                await self._flush()
            except TimeoutError:
                continue  # nothing waits
            except Exception as error:
                _log.error("partition %d: %s; trying again", partition, error)
                subscription = None
                await asyncio.sleep(_LOOK_S)

    def _receive(self, message: Msg) -> None:
        # landbridge.<partition>.<device>.up
        device = message.subject.split(".", 2)[2].removesuffix(".up")
        number = message.metadata.sequence.stream
        if number in self._unacknowledged:
            self._unacknowledged[number] = message
            return  # we are slow, and have it still: this one is to be acknowledged in its place
        if not self._limit.allows(device):
            metrics.THROTTLED.inc()
            self._to_acknowledge.append(message)
            return
        self._unacknowledged[number] = message
        self.waiting.put(Received(f"landbridge/{device}/up", message.data, number, 1, 0))

    async def _flush(self) -> None:
        while self._to_acknowledge:
            try:
                await self._to_acknowledge.popleft().ack()
            except NatsError as error:
                _log.info("not acknowledged, comes again: %s", error)

    async def _on_lost(self) -> None:
        self._away.begins()
        metrics.CONNECTED.set(0)
        _log.warning("lost NATS; connecting again")

    async def _on_found(self) -> None:
        self._away.ends()
        metrics.CONNECTED.set(1)
        metrics.RECONNECTS.inc()
        _log.info("connected to NATS %s", self._settings.url)

    async def _on_error(self, error: Exception) -> None:
        _log.debug("NATS: %s", error)


async def make_stream(settings: Nats) -> None:
    """Have the server keep what devices publish, before any agent runs."""
    client = await _connect(settings)
    await _keep_stream(client.jetstream(), settings)
    await client.close()


async def _connect(settings: Nats, **more: Any) -> Any:
    user, password = settings.username or None, settings.password or None
    return await nats.connect(settings.url.split(","), user=user, password=password, **more)


async def _keep_stream(stream: JetStreamContext, settings: Nats) -> None:
    """The stream, as it must be; one with other partitions is left as it is, and said."""
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
            ack_wait=_ACK_WAIT_S,
            max_ack_pending=2 * _MOST_WAITING,
        ),
    )
    return name
