"""The bare loop that the agent is measured against: paho, cbor2, executemany, commit, acknowledge; no more.

`python -m tools.campaign.bench_bare PORT COUNT DATABASE` takes COUNT uplinks from the session that the broker
keeps, and prints the seconds from the first to the last as JSON. It decrypts, with keys it is given, because
the messages are those of the agent; it checks nothing, knows no device and answers nobody.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import sys
import time
from itertools import accumulate
from typing import Any

import cbor2
import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from landbridge.wire import envelope
from paho.mqtt.enums import CallbackAPIVersion

from tools.campaign.bench_load import FIXES, key_of

CLIENT = "landbridge-agent"
_COLUMNS = 21
_MOST = 256


class Bare:
    """One client, one writer."""

    def __init__(self, port: int, count: int, database: str) -> None:
        self._keys: dict[str, tuple[AESCCM, int]] = {}
        self._count = count
        self._waiting: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self._connection = sqlite3.connect(database, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
            self._connection.execute(statement)
        columns = ", ".join(f"c{number} INTEGER" for number in range(_COLUMNS - 1))
        self._connection.execute(
            f"CREATE TABLE points (device TEXT, {columns}, PRIMARY KEY (device, c0)) WITHOUT ROWID"
        )
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, CLIENT, clean_session=False, manual_ack=True)
        self._client.on_message = lambda _client, _data, message: self._waiting.put(message)
        self._client.connect("127.0.0.1", port)

    def run(self) -> float:
        """Take them all; the seconds it took."""
        self._client.loop_start()
        batch = [self._waiting.get()]
        since, taken = time.perf_counter(), 0
        insert = f"INSERT OR IGNORE INTO points VALUES ({', '.join('?' * _COLUMNS)})"
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
        took_s = time.perf_counter() - since
        self._client.disconnect()
        self._client.loop_stop()
        return took_s

    def _rows(self, message: mqtt.MQTTMessage) -> list[tuple[Any, ...]]:
        device = message.topic.split("/")[1]
        protected, _, ciphertext = cbor2.loads(message.payload)
        number = cbor2.loads(protected)[6]
        cipher, iv = self._cipher(device)
        nonce = (iv ^ int.from_bytes(number, "big")).to_bytes(13, "big")
        aad = cbor2.dumps(["Encrypt0", protected, cbor2.dumps([1, "up", device])])
        _, *columns = cbor2.loads(cipher.decrypt(nonce, ciphertext, aad))[1]
        return list(zip([device] * FIXES, *map(_values, columns), strict=True))

    def _cipher(self, device: str) -> tuple[AESCCM, int]:
        if device not in self._keys:
            keys = envelope.direction_keys(key_of(device), device, "up")
            self._keys[device] = AESCCM(keys.key, 8), int.from_bytes(keys.iv, "big")
        return self._keys[device]


def _values(column: Any) -> Any:
    """As in docs/protocol."""
    *starts, rest = column if isinstance(column, list) else (column, {})
    n = FIXES - len(starts)
    if isinstance(rest, bytes):
        bits, width = int.from_bytes(rest, "little"), 8 * len(rest) // n
        half = 1 << width - 1
        changes = [((bits >> width * i) + half) % (2 * half) - half for i in range(n)]
    else:
        changes = [rest.get(i, 0) for i in range(n)]
    for start in reversed(starts):
        changes = list(accumulate(changes, initial=start))
    return changes


if __name__ == "__main__":
    print(json.dumps({"seconds": Bare(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()}))
