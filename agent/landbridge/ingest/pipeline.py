"""The steps of ingest, from a received message to the commit, each a method of `Pipeline`.

    receive -> [ open -> decode -> check -> store ] -> commit -> MQTT ack -> reply

What is in brackets is one transaction for all messages that wait. They are taken in waves, in each of which a
device has one message: so a step is a few statements for all of them. A test that watches or disturbs a step
overrides its method.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from landbridge.core import metrics
from landbridge.core.clock import Clock
from landbridge.core.errors import UserError
from landbridge.db.database import Database, is_damaged
from landbridge.db.keys import Keyring
from landbridge.downlinks import registry as downlinks
from landbridge.events.publisher import Publisher
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import NewMessage
from landbridge.ingest import storing
from landbridge.ingest.queries import dead_letters, epochs
from landbridge.ingest.queries.device_rows import DeviceRow, lock_rows
from landbridge.ingest.session import Received, Session
from landbridge.ingest.storing import Message, Opened
from landbridge.points.quality import check_all
from landbridge.protocol import downlink, envelope, uplink
from landbridge.protocol.envelope import ForgedError
from landbridge.protocol.limits import WireError, is_device_id

_UP = re.compile(r"landbridge/([^/]+)/up")
_MOST_KEYS = 50_000
"""Unwrapped keys of devices in memory; others are unwrapped each time."""
_log = logging.getLogger(__name__)


class Refused(Exception):
    """The message must not be stored, or cannot be decrypted; the text says why."""


class Late(Exception):
    """The message is genuine, but of an earlier key epoch."""


class UnknownDevice(Exception):
    """The topic names an unknown device."""


class Answer(NamedTuple):
    """A downlink, ready to publish."""

    topic: str
    payload: bytes


class Countable(Protocol):
    """A counter of landbridge/core/metrics.py."""

    def inc(self, amount: float = 1) -> None:
        """Count."""


class Pipeline:
    """Processes messages in order, all waiting ones in one transaction."""

    def __init__(
        self, database: Database, keyring: Keyring, clock: Clock, session: Session, publisher: Publisher
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._session = session
        self._publisher = publisher
        self._connection: Connection
        self._rows: dict[str, DeviceRow] = {}
        self._new_messages: list[NewMessage] = []
        self._dead_letter_topics: set[str] = set()
        """Topics of the dead letters in this transaction; room is made for all of them at its end."""
        self._keys: dict[bytes, bytes] = {}
        self._counts: list[tuple[Countable, int]] = []
        self._damage: str | None = None

    def damage(self) -> str | None:
        """Return what could not be stored since the start because a page of the database is damaged."""
        if self._damage is None:
            return None
        return f"{self._damage}; kept as a dead letter, see `landbridge doctor`"

    def process_all(self, batch: Sequence[Received]) -> None:
        """Run all steps. After an exception nothing unstored is acknowledged. A damaged page of the database
        delays only the devices whose points are on it."""
        try:
            self._process_together(batch)
        except DBAPIError as error:
            if not is_damaged(error):
                raise
            if len(batch) > 1:
                # After such an error SQLite trusts nothing more in the transaction.
                for each in batch:
                    self.process_all([each])
            else:
                self._dead_letter_damaged(batch[0], f"the database is damaged: {error.orig}")

    def _dead_letter_damaged(self, received: Received, why: str) -> None:
        """Keep a message that cannot be stored, and send no downlink: the device keeps its records, too."""
        self._counts = [(metrics.FAULTS, 1)]
        with self._database.writing(alone=False) as self._connection:
            self.dead_letter(received, why)
        self._damage = f"{received.topic}: {why}"
        self._after_commit()
        self.acknowledge(received)

    def _process_together(self, batch: Sequence[Received]) -> None:
        self._counts = []
        with self._database.writing(alone=False) as connection:
            answers = self.take_all(connection, batch)
        self._after_commit()
        for received in batch:
            self.acknowledge(received)
            if answer := answers[received]:
                self.reply(answer)
        self._publisher.wake()

    def _after_commit(self) -> None:
        for counter, count in self._counts:
            counter.inc(count)

    def take_all(self, connection: Connection, batch: Sequence[Received]) -> dict[Received, Answer | None]:
        """Process the messages within the transaction; return the downlink for each."""
        self._connection = connection
        self._keyring.lend(connection)
        waves = _waves(batch)
        answers: dict[Received, Answer | None] = {}
        if len(waves) > 1:
            lock_rows(connection, _devices(batch))  # all rows at once, to avoid deadlocks
        self._dead_letter_topics = set()
        for wave in waves:
            answers |= zip(wave, self.process(wave), strict=True)
        if self._dead_letter_topics and (
            dropped := dead_letters.make_room(connection, sorted(self._dead_letter_topics))
        ):
            _log.warning("dead letters dropped to make room: %d", dropped)
            self._counts.append((metrics.DEAD_LETTERS_DROPPED, dropped))
        return answers

    def process(self, wave: Sequence[Received]) -> list[Answer | None]:
        """Process messages within the transaction: each is stored, quarantined or dead-lettered."""
        counted = len(self._counts)
        try:
            with self._connection.begin_nested():
                return self.take(wave)
        except Exception as error:
            if may_pass(error):
                raise
            del self._counts[counted:]
            if len(wave) > 1:
                # A failure rolls back only its own changes.
                return [answer for each in wave for answer in self.process([each])]
            _log.exception("%s: internal error", wave[0].topic)
            self._counts.append((metrics.FAULTS, 1))
            self.dead_letter(wave[0], f"internal error: {error!r}")
            return [None]

    def take(self, wave: Sequence[Received]) -> list[Answer | None]:
        """Process envelopes up to the database; return the downlinks."""
        now_s = self._clock.now_s()
        self._rows = lock_rows(self._connection, _devices(wave))
        read = [self.read(received, now_s) for received in wave]
        messages = [each for each in read if isinstance(each, Message)]
        self.store(self._connection, messages, now_s)
        replies = iter(self.answer(messages, now_s))
        # Last: from here to the commit other agents have to wait (db/order.py).
        outbox.post(self._connection, self._new_messages, now_s)
        return [next(replies) if isinstance(each, Message) else each for each in read]

    def read(self, received: Received, now_s: int) -> Message | Answer | None:
        """Decrypt and decode one message. A failure quarantines or dead-letters it, or is answered at
        once."""
        try:
            opened = self.open(received)
            decoded = uplink.decode(opened.text)
            received_s = now_s if received.received_s is None else received.received_s
            checked = check_all(decoded.points, decoded.clock, received_s)
            return Message(received, received_s, device_of(received.topic), opened, decoded, checked)
        except UnknownDevice:
            self._counts.append((metrics.UNKNOWN, 1))
            self.quarantine(received)
        except Late:
            self._counts.append((metrics.EARLIER_EPOCH, 1))
            return self.reply_with_epoch(received)
        except (WireError, Refused) as error:
            self._counts.append((metrics.UNREADABLE, 1))
            self.dead_letter(received, str(error))
            if isinstance(error, ForgedError):
                self.note_forged(received)
        return None

    def open(self, received: Received) -> Opened:
        """Check and decrypt the envelope."""
        device = device_of(received.topic)
        row = self._rows.get(device)
        if row is None:
            raise UnknownDevice
        if not row.wrapped_key:
            raise Refused(f"{device} is retired: add the tracker again under a new id")
        key = self._key(row)
        encrypted = envelope.parse(received.payload)
        number, epoch = encrypted.header
        if epoch > row.epoch + epochs.MOST_AHEAD:
            raise Refused(f"key epoch {epoch}; the current one is {row.epoch}")
        text = envelope.decrypt(key, device, "up", encrypted)
        if epoch < row.epoch:
            # Only genuine messages count: otherwise anyone could cause downlinks for future uplinks.
            raise Late
        return Opened(key, epoch, number, text)

    def store(self, connection: Connection, messages: Sequence[Message], now_s: int) -> None:
        """Write everything for these uplinks; a repeated envelope changes no point."""
        self._new_messages = storing.store(connection, self._rows, messages, now_s)
        taken = []
        for each in messages:
            if each.refused:
                self._counts.append((metrics.REFUSED, 1))
                self.dead_letter(each.received, each.refused)
            elif each.again:
                self._counts.append((metrics.AGAIN, 1))
                _log.info("%s: uplink %d received again", each.device, each.opened.number)
            else:
                taken.append(each)
                if other := each.contradicted:
                    self.dead_letter(each.received, f"{dead_letters.CONTRADICTION}: {listed(other)}")
        points = sum(len(each.new) for each in taken)
        self._counts += ((metrics.STORED, len(taken)), (metrics.POINTS, points))
        if taken:
            # One log line: writing it costs as much as decrypting an envelope.
            _log.info("%s", "; ".join(map(_in_short, taken)))

    def answer(self, messages: Sequence[Message], now_s: int) -> list[Answer | None]:
        """Return the downlinks, with pending data; None for refused uplinks."""
        answered = [each for each in messages if not each.refused]
        handlers = downlinks.pending_handlers(
            self._connection, {each.device: each.uplink for each in answered}, now_s
        )
        replies: list[Answer | None] = []
        for each in messages:
            if each.refused:
                replies.append(None)
                continue
            pending: Sequence[Mapping[int, Any]] = ()
            if each.device in handlers:
                found = downlinks.answer(
                    self._connection,
                    each.device,
                    each.uplink,
                    now_s,
                    handlers[each.device],
                    again=each.again,
                    overtaken=each.overtaken,
                )
                pending = found.pending
                for reason in found.refused:
                    self.dead_letter(each.received, reason)
            # Contradicting records are in the dead letter: a device that kept them would never get past them.
            committed = each.sequences
            replies.append(
                _encrypted_reply(each.device, each.opened, each.reply_number, committed, now_s, pending)
            )
        return replies

    def acknowledge(self, received: Received) -> None:
        """Acknowledge the message to the broker."""
        if not self._session.acknowledge(received):
            _log.info("%s: received before a reconnect, not acknowledged", received.topic)

    def reply(self, answer: Answer) -> None:
        """Send the device its downlink."""
        self._session.reply(answer.topic, answer.payload)

    def reply_with_epoch(self, received: Received) -> Answer | None:
        """Store nothing of a message of an earlier epoch, but answer with the current epoch."""
        row = self._rows[device_of(received.topic)]
        number, epoch = envelope.parse(received.payload).header
        _log.info(
            "%s: uplink %d used key epoch %d, answered with epoch %d", row.device, number, epoch, row.epoch
        )
        now_s = self._clock.now_s()
        opened = Opened(self._key(row), epoch, number, b"")
        pending = [{downlink.EPOCH_KEY: row.epoch}]
        return _encrypted_reply(row.device, opened, row.take_down_number(now_s), (), now_s, pending)

    def dead_letter(self, received: Received, reason: str) -> None:
        """Keep a message that cannot be stored, with the reason."""
        _log.warning("%s: dead letter: %s", received.topic, reason)
        dead_letters.add(self._connection, received.topic, received.payload, reason, self._clock.now_s())
        self._dead_letter_topics.add(received.topic)

    def note_forged(self, received: Received) -> None:
        """Count a failed verification of a key."""
        epochs.note_forged(self._connection, device_of(received.topic))

    def quarantine(self, received: Received) -> None:
        """Quarantine a message of an unknown device."""
        device = device_of(received.topic)
        _log.warning("unknown device %s: quarantined; `landbridge devices add` adds it", device)
        dead_letters.put_in_quarantine(self._connection, device, received.payload, self._clock.now_s())

    def _key(self, row: DeviceRow) -> bytes:
        known = self._keys.get(row.wrapped_key)
        if known is None:
            try:
                known = self._keyring.unwrap(row.wrapped_key)
            except UserError as error:
                raise Refused(f"the key of {row.device} cannot be decrypted: {error}") from None
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            self._keys[row.wrapped_key] = known
        return known


@lru_cache(maxsize=_MOST_KEYS)
def device_of(topic: str) -> str:
    """Return the device of `topic`; `WireError` if it is not a device's."""
    match = _UP.fullmatch(topic)
    if not match or not is_device_id(match[1]):
        raise WireError("topic: no device has such an id")
    return match[1]


def may_pass(error: Exception) -> bool:
    """Whether the disk is full, or the database locked or damaged."""
    return isinstance(error, OperationalError | OSError) or type(error) is DatabaseError or is_damaged(error)


def _waves(batch: Sequence[Received]) -> list[list[Received]]:
    """Return the messages in order, in as few groups as possible without a repeated topic."""
    waves: list[list[Received]] = []
    taken: Counter[str] = Counter()
    for received in batch:
        if taken[received.topic] == len(waves):
            waves.append([])
        waves[taken[received.topic]].append(received)
        taken[received.topic] += 1
    return waves


def _devices(batch: Sequence[Received]) -> set[str]:
    """Return the devices that the topics name."""
    return {match[1] for received in batch if (match := _UP.fullmatch(received.topic))}


def _in_short(taken: Message) -> str:
    """Return the result, for the log."""
    counts = f"{len(taken.checked)} records, {len(taken.new)} new"
    return f"{taken.device}: uplink {taken.opened.number}, {counts}"


def _encrypted_reply(
    device: str,
    opened: Opened,
    number: int,
    committed: Sequence[int],
    now_s: int,
    pending: Sequence[Mapping[int, Any]],
) -> Answer:
    """Return the downlink of that number for an uplink, in its epoch."""
    reply = downlink.encode_downlink(opened.number, committed, now_s, pending)
    encrypted = envelope.seal(opened.key, device, "down", number, reply, opened.epoch)
    return Answer(f"landbridge/{device}/down", encrypted)


def listed(sequences: set[int]) -> str:
    """Return sequences as text, in ranges."""
    return ", ".join(f"{low}-{high}" if low < high else str(low) for low, high in downlink.ranges(sequences))
