"""A hostile broker: it can read, change and repeat each message, and has no key.

The world says before each publish of the device what is to be done to it and to what answers it (`Hostility`,
a file that the broker reads), so that the device waits for no answer that cannot come; the broker does it
(`Hand`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

HONEST = "honest"
REPLAY = "replay"
HOLD_UP = "hold the uplink"
HOLD_DOWN = "hold the reply"
ELSEWHERE = "of and to another device"
TRUNCATE = "truncate"
FORGE = "forge"
FLOOD = "flood"
DEEDS = (REPLAY, HOLD_UP, HOLD_DOWN, ELSEWHERE, TRUNCATE, FORGE, FLOOD)
HONEST_FRACTION = 0.4
"""The fraction of messages that pass unchanged; a broker that passes none would be a dead one."""
MANY = 100
_DEED, _FOREIGN, _HELD = "deed", "foreign", "held"
_HELD_S = 10.0
"""Seconds of real time after which no more messages to hold arrive."""
_OTHER = "landbridge/lb-other/up"


class Hostility:
    """The world's side. `foreign` are replies to other devices that the broker has kept."""

    def __init__(self, folder: Path, seed: int, foreign: list[bytes]) -> None:
        self.deeds: Counter[str] = Counter()
        self._folder = folder
        self._rng = random.Random(f"{seed}/hostile")
        self._deed = HONEST
        self._honest_fraction = HONEST_FRACTION
        self._held = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _HELD).write_bytes(b"")
        (folder / _FOREIGN).write_text("\n".join(reply.hex() for reply in foreign))
        (folder / _DEED).write_text(HONEST)

    def before_publish(self) -> None:
        """The device is about to speak."""
        honest = self._rng.random() < self._honest_fraction
        self._deed = HONEST if honest else self._rng.choice(DEEDS)
        self.deeds[self._deed] += 1
        self._held = self._count_held()
        (self._folder / _DEED).write_text(self._deed)

    def rest(self) -> None:
        """From now on be honest."""
        self._honest_fraction = 1.0

    def reply_awaited(self) -> bool:
        """False when no reply will come; what is held the broker has in its hands then."""
        if self._deed not in (HOLD_UP, HOLD_DOWN):
            return True
        end_s = time.monotonic() + _HELD_S
        while self._count_held() == self._held and time.monotonic() < end_s:
            time.sleep(0.005)
        return False

    def _count_held(self) -> int:
        return (self._folder / _HELD).stat().st_size


class Message(NamedTuple):
    """A message that the broker has received, or passes on."""

    topic: str
    data: bytes


class Hand:
    """The broker's side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rng = random.Random(1)
        self._kept: list[Message] = []
        self._held: list[Message] = []

    def deal(self, given: Message) -> list[Message]:
        """What is handed on in the place of a message to or from a device."""
        deed = (self._folder / _DEED).read_text()
        is_up = given.topic.endswith("/up")
        before = self._before(deed, given, is_up)
        alike = [message for message in self._held if message.topic == given.topic]
        self._kept.append(given)
        if deed == (HOLD_UP if is_up else HOLD_DOWN):
            self._held.append(given)
            with (self._folder / _HELD).open("ab") as counted:
                counted.write(b".")
            return before
        # What was held comes late, in the wrong order.
        self._held = [message for message in self._held if message not in alike]
        return [*before, given, *reversed(alike)]

    def _before(self, deed: str, given: Message, is_up: bool) -> list[Message]:
        topic, data = given
        if deed == REPLAY:
            return self._old(topic, 2)
        if deed == ELSEWHERE:
            return [Message(_OTHER, data)] if is_up else [Message(topic, each) for each in self._astray()]
        if deed == TRUNCATE:
            return [Message(topic, data[: self._rng.randrange(len(data))])]
        if deed == FORGE:
            at = self._rng.randrange(8 * len(data))
            changed = bytearray(data)
            changed[at // 8] ^= 1 << at % 8
            return [Message(topic, bytes(changed))]
        if deed == FLOOD and not is_up:
            junk = [Message(topic, self._rng.randbytes(self._rng.randrange(200))) for _ in range(MANY // 2)]
            return [*self._old(topic, MANY // 2), *junk]
        return []

    def _old(self, topic: str, number: int) -> list[Message]:
        kept = [message for message in self._kept if message.topic == topic]
        return self._rng.choices(kept, k=number) if kept else []

    def _astray(self) -> list[bytes]:
        """A reply to another device, and what the device itself said last."""
        foreign = (self._folder / _FOREIGN).read_text().split()
        said = [message.data for message in self._kept if message.topic.endswith("/up")]
        return [bytes.fromhex(self._rng.choice(foreign)), *said[-1:]]
