"""The agent's pipeline without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cbor2
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.queries import dead_letters, epochs
from landbridge.ingest.session import Received
from landbridge.points.queries import points
from landbridge.protocol import envelope

from host_tests.support.agent import DEVICE, NOW_S, point
from host_tests.support.uplink_encoder import encode_uplink

KEY = bytes(range(32))


class Agent:
    """The agent's pipeline, without a broker; it is clock, session and sender itself."""

    def __init__(self, folder: Path, place: str = "") -> None:
        """`place`: a database on a server instead of a file in `folder`."""
        self.database = open_database(place or folder / "agent.sqlite3", make=True)
        self.keyring = keyring = Keyring(self.database.place, str(folder / "agent.key") if place else "")
        with self.database.writing() as connection:
            if devices.find(connection, DEVICE) is None:
                devices.add(connection, DEVICE, keyring.wrap(KEY, True), NOW_S)
        stub: Any = self
        self._pipeline = Pipeline(self.database, keyring, stub, stub, stub)
        self._sealed: list[tuple[str, bytes]] = []
        self.number = 0

    def now_s(self) -> int:
        return NOW_S

    def acknowledge(self, _received: Received) -> bool:
        return True

    def reply(self, topic: str, payload: bytes) -> None:
        self._sealed.append((topic, payload))

    def wake(self) -> None:
        pass

    def seal(self, seq: int, epoch: int) -> bytes:
        """An uplink with one record, under the next number."""
        self.number += 1
        return envelope.seal(KEY, DEVICE, "up", self.number, encode_uplink([point(seq)]), epoch)

    def take(self, uplink: bytes, device: str = DEVICE) -> tuple[int, dict[int, Any]] | None:
        """(epoch, text) of the reply, None without one."""
        before = len(self._sealed)
        self._pipeline.process_all([Received(f"landbridge/{device}/up", uplink, 0, 1, 1)])
        if len(self._sealed) == before:
            return None
        topic, sealed = self._sealed[-1]
        number, text = envelope.open_envelope(KEY, device, "down", sealed)
        earlier = [envelope.header(each).number for to, each in self._sealed[:-1] if to == topic]
        assert number not in earlier
        return envelope.header(sealed).epoch, cbor2.loads(text)

    def say(self, seq: int, epoch: int) -> tuple[int, dict[int, Any]] | None:
        """The same for a record in an epoch."""
        return self.take(self.seal(seq, epoch))

    def rotate(self) -> None:
        with self.database.writing() as connection:
            epochs.next_one(connection, DEVICE)

    def epoch_and_forged(self) -> tuple[int, int]:
        """(epoch, forged messages in it)"""
        with self.database.reading() as connection:
            row = devices.find(connection, DEVICE)
        assert row is not None
        return row.epoch, row.forged

    def stored(self) -> list[int]:
        with self.database.reading() as connection:
            return [each.point.seq for each in points.track(connection, DEVICE)]

    def dead_letters(self) -> int:
        with self.database.reading() as connection:
            return len(dead_letters.every(connection))
