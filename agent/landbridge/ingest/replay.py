"""Replays messages: dead letters after a fix, and the quarantined ones of an adopted device."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from landbridge.core.clock import Clock
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.downlinks import registry as downlinks
from landbridge.ingest.pipeline import Answer, Pipeline, listed
from landbridge.ingest.session import Received
from landbridge.ingest.storing import Message
from landbridge.points.queries import points


class KeptMessage(NamedTuple):
    """A dead letter, or a message from quarantine."""

    topic: str
    payload: bytes
    received_s: int


class Replay(Pipeline):
    """The pipeline without a broker. Numbers may be older than the replay window: an operator is responsible
    for the message, and its points are stored once in any case."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        unused: Any = None  # neither broker nor platform waits for it
        super().__init__(database, keyring, clock, unused, unused)
        self._why: dict[Received, str] = {}

    def take_again(self, messages: Sequence[KeptMessage]) -> list[str | None]:
        """Process `messages`; return why one was not stored, None if all were."""
        with self._database.writing(alone=False) as connection:
            return self.take_within(connection, messages)

    def take_within(self, connection: Connection, messages: Sequence[KeptMessage]) -> list[str | None]:
        """The same in an open transaction."""
        batch = [
            Received(each.topic, each.payload, number, 0, 0, each.received_s)
            for number, each in enumerate(messages)
        ]
        self._why.clear()
        self.take_all(connection, batch)
        return [self._why.get(received) for received in batch]

    def store(self, connection: Any, messages: Sequence[Message], now_s: int) -> None:
        """Process as usual, without the replay check. An earlier message may still contradict what is
        stored."""
        for message in messages:
            message.vouched = True
        super().store(connection, messages, now_s)
        for message in messages:
            if message.again and (lacking := _lacking(connection, message)):
                self.dead_letter(message.received, f"stored before, without the records {listed(lacking)}")

    def answer(self, messages: Sequence[Message], now_s: int) -> list[Answer | None]:
        """Send nothing, because no device waits for a downlink; keep the reports of that time."""
        for each in messages:
            if not each.refused and not each.again:
                found = downlinks.keep_reports(
                    self._connection, each.device, each.uplink, each.received_s, overtaken=True
                )
                for reason in found:
                    self.dead_letter(each.received, reason)
        return [None] * len(messages)

    def reply_with_epoch(self, received: Received) -> None:
        """Send nothing: no device waits for a downlink."""
        self._why[received] = "it uses an expired key epoch"

    def dead_letter(self, received: Received, reason: str) -> None:
        """Keep it where it is."""
        self._why[received] = reason

    def quarantine(self, received: Received) -> None:
        """The same."""
        self._why[received] = "the device is unknown"

    def note_forged(self, received: Received) -> None:
        """It was counted at its arrival."""


def _lacking(connection: Connection, message: Message) -> set[int]:
    """Return the sequences of its records under which other content is stored, or none any longer."""
    there = points.under(connection, message.device, message.sequences)
    return {each.point.seq for each in message.checked if there.get(each.point.seq) != each.point}
