"""What happens to one message of a device, step by step, each a method of `Pipeline`.

    receive -> open -> decode -> judge -> one transaction -> commit -> MQTT ack -> reply

Whoever wants to watch or disturb a step overrides its method.
"""

import logging
import re
from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.clock import Clock
from landbridge.ingest.judge import UNDATED, judge
from landbridge.ingest.session import Received, Session
from landbridge.outbound import topics
from landbridge.outbound.sender import Sender
from landbridge.store import devices, letters, outbox, points
from landbridge.store.database import Database
from landbridge.store.devices import Window
from landbridge.store.keys import Keyring
from landbridge.store.points import JudgedPoint, StoredPoint
from landbridge.wire import downlink, envelope, uplink
from landbridge.wire.limits import WireError, is_device_id
from landbridge.wire.uplink import Uplink

_UP = re.compile(r"landbridge/([^/]+)/up")
_log = logging.getLogger(__name__)


class Refused(Exception):
    """The message is genuine but must not be stored; the text says why."""


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
    """Takes messages one after the other."""

    def __init__(
        self, database: Database, keyring: Keyring, clock: Clock, session: Session, sender: Sender
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._session = session
        self._sender = sender
        self._keys: dict[str, bytes] = {}

    def process(self, received: Received) -> None:
        """All steps. An exception means that nothing was stored and nothing acknowledged."""
        answer = None
        try:
            answer = self.take(received)
        except UnknownDevice:
            self.confine(received)
        except (WireError, Refused) as error:
            self.bury(received, str(error))
        self.acknowledge(received)
        if answer:
            self.reply(answer)
        self._sender.wake()

    def take(self, received: Received) -> Answer:
        """From the envelope to the committed transaction; returns the reply."""
        opened = self.open(received)
        decoded = uplink.decode(opened.text)
        now_s = self._clock.now_s()
        judged = judge(decoded, now_s)
        with self._database.writing() as connection:
            return self.store(connection, received, opened, decoded, judged, now_s)

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
        """Everything that is one transaction; the same envelope again changes no point."""
        device, number = opened.device, opened.number
        if points.repeats_uplink(connection, device, number, received.payload):
            _log.info("%s: uplink %d came again", device, number)
        else:
            new = self._store_new(connection, received.payload, opened, decoded, judged, now_s)
            _log.info("%s: uplink %d, %d records, %d new", device, number, len(judged), len(new))
        reply = downlink.encode_reply(number, [each.point.seq for each in judged], now_s)
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
        with self._database.writing() as connection:
            letters.bury(connection, received.topic, received.payload, reason, self._clock.now_s())

    def confine(self, received: Received) -> None:
        """Keep a message of a device that is not known."""
        device = device_of(received.topic)
        _log.warning("%s is not known: quarantined; `landbridge devices add` makes it known", device)
        with self._database.writing() as connection:
            letters.confine(connection, device, received.payload, self._clock.now_s())

    def _store_new(
        self,
        connection: Connection,
        payload: bytes,
        opened: Opened,
        decoded: Uplink,
        judged: list[JudgedPoint],
        now_s: int,
    ) -> list[StoredPoint]:
        device, number = opened.device, opened.number
        window = _noted(connection, device, number)
        devices.contact(
            connection, device, window, now_s, decoded.next_contact_s, decoded.status, decoded.identity
        )
        new = points.store(connection, device, judged, now_s)
        points.keep_uplink(connection, device, number, payload, now_s, len(judged), len(new))
        if decoded.clock and decoded.clock.offset_s:
            points.date_earlier(connection, device, decoded.clock.boot, decoded.clock.offset_s, UNDATED)
        if new:
            _post(connection, device, new)
        return new

    def _key(self, device: str) -> bytes:
        if device not in self._keys:
            with self._database.reading() as connection:
                row = devices.find(connection, device)
            if row is None:
                raise UnknownDevice
            self._keys[device] = self._keyring.unwrap(row.wrapped_key)
        return self._keys[device]


def device_of(topic: str) -> str:
    """The device that `topic` belongs to; `WireError` if it is no device's."""
    match = _UP.fullmatch(topic)
    if not match or not is_device_id(match[1]):
        raise WireError("topic: no device has such an id")
    return match[1]


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


def _post(connection: Connection, device: str, new: list[StoredPoint]) -> None:
    """Put what `new` has to say to the platforms into the outbox."""
    messages = [topics.track(device, new), *topics.events(device, new)]
    latest = topics.newest(new)
    if latest and latest.at_s is not None:
        if devices.move_position(connection, device, latest.point.seq, latest.at_s):
            messages.append(topics.position(latest))
    outbox.post(connection, messages)
