"""What happens to the messages of devices, step by step, each a method of `Pipeline`.

    receive -> [ open -> decode -> judge -> store ] -> commit -> MQTT ack -> reply

What is in brackets is one transaction for all messages that wait. Whoever wants to watch or
disturb a step overrides its method.
"""

import logging
import re
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from landbridge.clock import Clock
from landbridge.errors import UserError
from landbridge.fleet import desk
from landbridge.ingest.judge import judge
from landbridge.ingest.news import date_earlier, post
from landbridge.ingest.session import Received, Session
from landbridge.outbound.sender import Sender
from landbridge.store import devices, letters, points
from landbridge.store.database import Database
from landbridge.store.devices import Window
from landbridge.store.keys import Keyring
from landbridge.store.points import JudgedPoint
from landbridge.wire import downlink, envelope, uplink
from landbridge.wire.limits import WireError, is_device_id
from landbridge.wire.uplink import Uplink

_UP = re.compile(r"landbridge/([^/]+)/up")
_log = logging.getLogger(__name__)


class Refused(Exception):
    """The message must not be stored, or cannot be opened; the text says why."""


class UnknownDevice(Exception):
    """The topic names a device that was never added."""


class Opened(NamedTuple):
    """A message whose envelope was genuine."""

    device: str
    key: bytes
    number: int
    text: bytes


class Answer(NamedTuple):
    """A reply, ready to publish."""

    topic: str
    payload: bytes


class Pipeline:
    """Takes messages in their order, all that wait in one transaction."""

    def __init__(
        self, database: Database, keyring: Keyring, clock: Clock, session: Session, sender: Sender
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._session = session
        self._sender = sender
        self._connection: Connection
        self._taken: list[tuple[Received, Answer | None]] = []

    def process_all(self, batch: Sequence[Received]) -> None:
        """All steps. An exception means that nothing was stored and nothing acknowledged."""
        self._taken = []
        with self._database.writing() as self._connection:
            for received in batch:
                self.process(received)
        for received, answer in self._taken:
            self.acknowledge(received)
            if answer:
                self.reply(answer)
        self._sender.wake()

    def process(self, received: Received) -> None:
        """The part of one message in the transaction: it is stored, confined or buried."""
        answer = None
        try:
            # What fails takes back its own changes, not those of the messages before it.
            with self._connection.begin_nested():
                answer = self.take(received)
        except UnknownDevice:
            self.confine(received)
        except (WireError, Refused) as error:
            self.bury(received, str(error))
        except Exception as error:
            if _may_pass(error):
                raise
            _log.exception("%s: internal error", received.topic)
            self.bury(received, f"internal error: {error!r}")
        self._taken.append((received, answer))

    def take(self, received: Received) -> Answer:
        """From the envelope to the database; returns the reply."""
        opened = self.open(received)
        decoded = uplink.decode(opened.text)
        now_s = self._clock.now_s()
        judged = [judge(point, decoded.clock, now_s) for point in decoded.points]
        return self.store(self._connection, received, opened, decoded, judged, now_s)

    def open(self, received: Received) -> Opened:
        """Check and decrypt the envelope."""
        device = device_of(received.topic)
        key = self._key(device)
        return Opened(device, key, *envelope.open_envelope(key, device, "up", received.payload))

    def store(
        self,
        connection: Connection,
        received: Received,
        opened: Opened,
        decoded: Uplink,
        judged: list[JudgedPoint],
        now_s: int,
    ) -> Answer:
        """Everything that is written for one uplink; the same envelope again changes no point."""
        device, number = opened.device, opened.number
        other = points.contradicted(connection, device, decoded.points)
        agreed = [each for each in judged if each.point.seq not in other]
        again = points.repeats_uplink(connection, device, number, received.payload)
        if again:
            _log.info("%s: uplink %d came again", device, number)
        else:
            new = self._store_new(connection, received.payload, opened, decoded, agreed, now_s)
            _log.info("%s: uplink %d, %d records, %d new", device, number, len(judged), new)
            if other:
                self.bury(received, f"sequence used twice with other content: {_listed(other)}")
        answered = desk.answer(connection, device, decoded, now_s, again=again)
        for reason in answered.refused:
            self.bury(received, reason)
        # Those that contradict are in the dead letter: a device that kept them would never get past them.
        committed = [each.point.seq for each in judged]
        reply = downlink.encode_reply(number, committed, now_s, answered.orders)
        down_number = devices.take_down_number(connection, device, now_s)
        sealed = envelope.seal(opened.key, device, "down", down_number, reply)
        return Answer(f"landbridge/{device}/down", sealed)

    def acknowledge(self, received: Received) -> None:
        """The broker need not keep the message any longer."""
        if not self._session.acknowledge(received):
            _log.info("%s: from before a reconnect, not acknowledged", received.topic)

    def reply(self, answer: Answer) -> None:
        """Tell the device what it may forget."""
        self._session.reply(answer.topic, answer.payload)

    def bury(self, received: Received, reason: str) -> None:
        """Keep a message that cannot be stored, with the reason."""
        _log.warning("%s: dead letter: %s", received.topic, reason)
        letters.bury(self._connection, received.topic, received.payload, reason, self._clock.now_s())

    def confine(self, received: Received) -> None:
        """Keep a message of a device that is not known."""
        device = device_of(received.topic)
        _log.warning("%s is not known: quarantined; `landbridge devices add` makes it known", device)
        letters.confine(self._connection, device, received.payload, self._clock.now_s())

    def _store_new(
        self,
        connection: Connection,
        payload: bytes,
        opened: Opened,
        decoded: Uplink,
        judged: list[JudgedPoint],
        now_s: int,
    ) -> int:
        """Store an uplink that was not there yet; returns how many of its points are new."""
        device, number = opened.device, opened.number
        window = _noted(connection, device, number)
        devices.contact(connection, device, window, now_s)
        if number == window.top:
            # One that was overtaken knows less than what came before it.
            devices.says(connection, device, decoded.next_contact_s, decoded.status, decoded.identity)
        dated = date_earlier(connection, device, decoded.clock, now_s)
        new = points.store(connection, device, judged, now_s)
        points.keep_uplink(connection, device, number, payload, now_s, len(judged), len(new))
        post(connection, device, dated, new)
        return len(new)

    def _key(self, device: str) -> bytes:
        row = devices.find(self._connection, device)
        if row is None:
            raise UnknownDevice
        try:
            return self._keyring.unwrap(row.wrapped_key)
        except UserError as error:
            raise Refused(f"the key of {device} cannot be opened: {error}") from None


def device_of(topic: str) -> str:
    """The device that `topic` belongs to; `WireError` if it is no device's."""
    match = _UP.fullmatch(topic)
    if not match or not is_device_id(match[1]):
        raise WireError("topic: no device has such an id")
    return match[1]


def _may_pass(error: Exception) -> bool:
    """True for a full disk, a locked or damaged database."""
    return isinstance(error, OperationalError | OSError) or type(error) is DatabaseError


def _noted(connection: Connection, device: str, number: int) -> Window:
    """The device's replay window with `number` in it; `Refused` if it was there."""
    row = devices.find(connection, device)
    if row is None:
        raise UnknownDevice
    window = Window(row.window_top, row.window_bits)
    if not window.is_new(number):
        raise Refused(f"replayed: number {number} was seen or is older than the window")
    window.add(number)
    return window


def _listed(sequences: set[int]) -> str:
    return ", ".join(f"{low}-{high}" if low < high else str(low) for low, high in downlink.ranges(sequences))
