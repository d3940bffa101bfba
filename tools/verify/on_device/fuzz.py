"""Bytes at random against every parser of the firmware, on CPython and on MicroPython.

`micropython fuzz.py SEED BYTES TARGET...` prints one JSON line a target. A target takes bytes and
must come back, raise nothing but the exceptions that are its own, and keep its buffers as they were made.
"""

import hashlib
import json
import sys

MOST_BYTES = 3000
KEPT_CRASHES = 5
NUMBERS = (b"0", b"-1", b"255", b"65536", b"4294967295", b"99999999999999999999", b"1e9", b"0x7F", b"")


class Random:
    """xorshift32: the same numbers on every runtime."""

    def __init__(self, text):
        digest = hashlib.sha256(text.encode()).digest()
        self._state = int.from_bytes(digest[:4], "little") | 1

    def below(self, n):
        """0 to `n` - 1."""
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x % n

    def pick(self, items):
        """One of them."""
        return items[self.below(len(items))]

    def bytes(self, n):
        """So many."""
        return bytes(self.below(256) for _ in range(n))


def _verbs(modem):
    from fuzz_modem import Verbs, driver_of

    return Verbs(driver_of(modem))


def _sockets(modem):
    from fuzz_modem import Verbs, driver_of
    from fuzz_seldom import sockets

    return sockets(Verbs, driver_of(modem))


def _made(file, name):
    return getattr(__import__(file), name)()


TARGETS = {
    "channel": lambda: _made("fuzz_modem", "ChannelTarget"),
    "bg95": lambda: _verbs("bg95"),
    "sim7600": lambda: _verbs("sim7600"),
    "bg95 sockets": lambda: _sockets("bg95"),
    "sim7600 sockets": lambda: _sockets("sim7600"),
    "mqtt": lambda: _made("fuzz_seldom", "MqttTarget"),
    "parse": lambda: _made("fuzz_modem", "ParseTarget"),
    "cbor": lambda: _made("fuzz_bytes", "CborTarget"),
    "reply": lambda: _made("fuzz_bytes", "ReplyTarget"),
    "envelope": lambda: _made("fuzz_bytes", "EnvelopeTarget"),
    "genuine": lambda: _made("fuzz_bytes", "GenuineTarget"),
    "flash": lambda: _made("fuzz_bytes", "FlashTarget"),
}
"""Made when they are fed: the heap of a process need not hold the files of the others."""


def mutated(rng, seeds):
    """One input: noise, or a seed with a few changes."""
    if rng.below(8) == 0:
        return rng.bytes(rng.below(80))
    data = rng.pick(seeds)
    for _ in range(rng.below(4)):
        at = rng.below(len(data) + 1)
        end = at + rng.below(12)
        change = rng.below(8)
        if change == 0:
            data = data[:at] + bytes([rng.below(256)]) + data[at + 1 :]
        elif change == 1:
            data = data[:at] + data[end:]
        elif change == 2:
            data = data[:at] + rng.bytes(rng.below(9)) + data[at:]
        elif change == 3:
            data = data[:at] + data[at:end] * rng.below(200) + data[end:]
        elif change == 4:
            data = data[:at] + rng.pick(seeds)[at:]
        elif change == 5:
            data = data[:at] + rng.pick(NUMBERS) + data[end:]
        elif change == 6:
            data = data[:at] + rng.pick((b"\r\n", b",", b'"', b"\x00", b">", b":")) + data[at:]
        else:
            data = data + rng.pick(seeds)
    return data[:MOST_BYTES]


def fuzz(name, seed, budget):
    """Feed `budget` bytes to a target; a dict of what came of it."""
    target = TARGETS[name]()
    rng = Random(f"{seed}/{name}")
    executions = fed = crashes = refused = 0
    kept: list[dict] = []
    while fed < budget:
        data = mutated(rng, target.seeds)
        executions += 1
        fed += len(data)
        try:
            target.feed(data)
        except target.ours:
            refused += 1
        except Exception as error:
            crashes += 1
            if len(kept) < KEPT_CRASHES:
                kept.append(
                    {"input": data.hex(), "error": repr(error), "seed": seed, "execution": executions}
                )
            target = TARGETS[name]()
    return {
        "target": name,
        "executions": executions,
        "bytes": fed,
        "refused": refused,
        "crashes": crashes,
        "kept": kept,
    }


if __name__ == "__main__":
    for _name in sys.argv[3:] or sorted(TARGETS):
        print(json.dumps(fuzz(_name, sys.argv[1], int(sys.argv[2]))))
