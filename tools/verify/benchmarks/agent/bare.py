"""The bare loop that the agent is measured against: paho, cbor2, executemany, commit, acknowledge; no more.

`python -m tools.verify.benchmarks.agent.bare PORT COUNT DATABASE` takes COUNT uplinks from the session that
the broker keeps, and prints the seconds from the first to the last, and those of processor time, as JSON. It
decrypts, with keys it is given, because the messages are those of the agent; it fills the same table, with
all its columns and indexes, as durably. It checks nothing, knows no device and answers no message.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import sys
import time
from typing import Any

import cbor2
import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from landbridge.db.tables import points
from landbridge.protocol import envelope
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from tools.verify.benchmarks.agent.load import FIXES, key_of
from tools.verify.harness import uplink

CLIENT = "landbridge-agent"
_MOST = 256
_EPOCH_S = 946_684_800
"""2000-01-01, from which times count."""
_TIME = 1
"""Place of a record's time, among its columns; the agent's own is the same in these messages."""


class Bare:
    """One client, one writer."""

    def __init__(self, port: int, count: int, database: str) -> None:
        self._keys: dict[str, tuple[AESCCM, int]] = {}
        self._count = count
        self._waiting: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self._connection = sqlite3.connect(database, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
            self._connection.execute(statement)
        made: list[ExecutableDDLElement] = [CreateTable(points), *map(CreateIndex, points.indexes)]
        for each in made:
            self._connection.execute(str(each.compile(create_engine("sqlite://"))))
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, CLIENT, clean_session=False, manual_ack=True)
        self._client.on_message = lambda _client, _data, message: self._waiting.put(message)
        self._client.connect("127.0.0.1", port)

    def run(self) -> tuple[float, float]:
        """Take them all; the seconds it took, and those of processor time."""
        self._client.loop_start()
        batch = [self._waiting.get()]
        since, cpu_since, taken = time.perf_counter(), time.process_time(), 0
        insert = f"INSERT OR IGNORE INTO points VALUES ({', '.join('?' * len(points.columns))})"
        while True:
            while len(batch) < _MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            rows = [row for message in batch for row in self._rows(message)]
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(insert, rows)
            self._connection.execute("COMMIT")
            for message in batch:
                self._client.ack(message.mid, message.qos)
            taken += len(batch)
            if taken >= self._count:
                break
            batch = [self._waiting.get()]
        took_s, cpu_s = time.perf_counter() - since, time.process_time() - cpu_since
        self._client.disconnect()
        self._client.loop_stop()
        return took_s, cpu_s

    def _rows(self, message: mqtt.MQTTMessage) -> list[tuple[Any, ...]]:
        device = message.topic.split("/")[1]
        protected, _, ciphertext = cbor2.loads(message.payload)
        number = cbor2.loads(protected)[6]
        cipher, iv = self._cipher(device)
        nonce = (iv ^ int.from_bytes(number, "big")).to_bytes(13, "big")
        aad = cbor2.dumps(["Encrypt0", protected, cbor2.dumps([1, "up", device])])
        _, *columns = cbor2.loads(cipher.decrypt(nonce, ciphertext, aad))[1]
        values = [uplink.values(column, FIXES) for column in columns]
        dated, flags, received_s, trip = 0, 0, int(time.time()) - _EPOCH_S, None
        rest = ([each] * FIXES for each in (dated, flags, received_s, trip))
        return list(zip([device] * FIXES, *values, values[_TIME], *rest, strict=True))

    def _cipher(self, device: str) -> tuple[AESCCM, int]:
        if device not in self._keys:
            keys = envelope.direction_keys(key_of(device), device, "up")
            self._keys[device] = AESCCM(keys.key, 8), int.from_bytes(keys.iv, "big")
        return self._keys[device]


if __name__ == "__main__":
    took_s, cpu_s = Bare(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()
    print(json.dumps({"seconds": took_s, "cpu_s": cpu_s}))
