"""Hostile downlinks and damaged settings against a device: `micropython downlinks.py SEED MANY PART...`.

Each case begins with the same device (`device`, `agent`). In one boot the broker hands it what it
should not take; in the next everything is in order again. Forged ones come in the place of the agent's
reply, try to free records, set the time, change settings and give a command, and must change nothing. Bad
ones are sealed with the right key, as by an agent that has lost its mind: nothing out of range or out of
time may be done. MANY: how many random cases, and how many messages in a flood. Prints one JSON line:
`cases` by kind, what was `accepted`, and where the device was `stuck`, in words.
"""

# ruff: noqa: B023 - each attack is over before the next is made

import json
import random
import sys

from device import Machine
from locator.codec.cose import DOWN, TAG_SIZE, UP, Envelope
from locator.downlink import commands

import agent
from agent import DEVICE, HEADROOM, KEY, Agent, encoded

BOOTS_TO_REPORT = 6
REVISION = 9
"""Revision of settings that the agent did not make."""
HUGE = b"\x1b\x7f" + b"\xff" * 7
TINY = b"\x3b\x7f" + b"\xff" * 7
ODD = (b"\xf6", b"\xf5", HUGE, TINY, b"\x20", b"\x60", b"\x61a", b"\x40", b"\x41a", b"\x80", b"\xa0",
       b"\x81\x80", b"\x82\x01\x02", b"\xa1\x00\x01", b"\x84\x01\x00\x00\x41a",
       b"\x85\x02\x01\x40\x60\x01", b"\x81" + HUGE, b"\x82" + HUGE + HUGE)  # fmt: skip
"""Values, as CBOR, of which each is wrong for most keys."""


class Broker:
    """Gives the device what `attack(number)` makes, once in the place of the agent's replies."""

    def __init__(self, agent):
        self._agent = agent
        self.attack = None
        self.heard = b""

    def ask(self, payload):
        """Replies to an uplink."""
        self.heard = payload
        if not self.attack:
            return self._agent.ask(payload)
        number = agent.keys(0)[0].open(payload)[0]
        return self.attack(number)


class Rig:
    """A device that has reported a few times, and the results of the cases."""

    def __init__(self):
        self.agent = Agent()
        self.machine = Machine(self.agent)
        self.broker = self.machine.broker = Broker(self.agent)
        self.cases, self.accepted, self.stuck = {}, [], []
        for _ in range(3):
            self.machine.boot()
        self._start = self.machine.snapshot()

    def begin(self):
        """As all cases do."""
        self.machine.restore(self._start)

    def try_out(self, kind, name, attack):
        """One case: `attack(number of the uplink)` -> downlinks."""
        self.begin()
        self.broker.attack = attack
        self.machine.boot()
        self.broker.attack = None
        self._judge(kind, name)

    def damage(self, kind, path, data):
        """One case: a file with other contents."""
        self.machine.restore(self._start)
        self.machine.flash = type(self.machine.flash)(self.machine.flash.data)
        self.machine.mount()
        with open(path, "wb") as f:
            f.write(data)
        self.machine.unmount()
        self._judge(kind, path)

    def prepare(self, revision, values):
        """Begin with these settings, confirmed, from now on."""
        self.agent.set(revision, values)
        for _ in range(4):
            self.machine.boot()
        self._start = self.machine.snapshot()

    def read(self, path):
        """A file of the device as the cases begin."""
        self.machine.restore(self._start)
        self.machine.flash = type(self.machine.flash)(self.machine.flash.data)
        self.machine.mount()
        with open(path, "rb") as f:
            data = f.read()
        self.machine.unmount()
        return data

    def _judge(self, kind, name):
        self.cases[kind] = self.cases.get(kind, 0) + 1
        agent = self.agent
        uplinks = agent.uplinks
        for _ in range(BOOTS_TO_REPORT):
            self.machine.boot()
            if agent.uplinks > uplinks:
                break
        else:
            self.stuck.append(f"{kind} {name}: it does not report any more")
        if agent.executed or agent.applied[0] == REVISION or agent.report[0] != 1:
            self.accepted.append(f"{kind} {name}: {agent.executed} {agent.applied} {agent.report}")
        lost = [seq for seq in agent.promised if seq not in agent.stored]
        if lost:
            self.accepted.append(f"{kind} {name}: records {lost} freed")
        self.stuck += [f"{kind} {name}: {words}" for words in agent.wrong]


def plain(agent, number, *pairs, ranges=b"\x80", time=None):
    """A reply in clear; `pairs` are its keys from 4 on with their values, in CBOR."""
    head = bytes([0xA0 | (4 + len(pairs))]) + b"\x00\x01\x01" + encoded(number) + b"\x02" + ranges
    return head + b"\x03" + (time or encoded(agent.time_s)) + b"".join(pairs)


def evil(agent, number):
    """Downlinks of an attacker."""
    command = [agent.time_s, agent.time_s + 86400, commands.DENSE, 600]
    pairs = (b"\x04" + encoded([REVISION, {0: 600}]), b"\x05" + encoded([command]))
    ranges = encoded([1, 100_000])
    return plain(agent, number, *pairs, ranges=ranges, time=encoded(agent.time_s + 10_000_000))


def encrypted(envelope, text):
    """`text` in an envelope."""
    buf = bytearray(HEADROOM) + text + bytes(TAG_SIZE)
    start, end = envelope.seal(buf, HEADROOM, HEADROOM + len(text), 1000)
    return bytes(buf[start:end])


def genuine_of(rig):
    """A function that makes what the agent would seal for the uplink `number`."""
    agent = rig.agent
    return lambda number: agent.seal(evil(agent, number))


def forged(rig, many):
    """Everything that needs no key of this device and direction."""
    agent, genuine = rig.agent, genuine_of(rig)

    for bit in range(8 * TAG_SIZE):
        rig.try_out("bad tag", bit, lambda number: [_flipped(genuine(number), -1 - bit // 8, bit % 8)])
    for _ in range(many):
        bit = random.randrange(400)
        rig.try_out("one bit", bit, lambda number: [_flipped(genuine(number), bit // 8, bit % 8)])
    others = {
        "other device": Envelope(KEY, DOWN, DEVICE + "0"),
        "other key": Envelope(bytes(32), DOWN, DEVICE),
        "other direction": Envelope(KEY, UP, DEVICE),
        "other epoch": Envelope(KEY, DOWN, DEVICE, 1),
    }
    for kind, envelope in others.items():
        rig.try_out(kind, "", lambda number: [encrypted(envelope, evil(agent, number))] * 3)
    rig.try_out("own uplink", "", lambda number: [rig.broker.heard] * 3)
    for less in range(1, 61):
        rig.try_out("truncated", less, lambda number: [genuine(number)[:-less]])
    rig.try_out("longer", "", lambda number: [genuine(number) + b"\x00"])
    rig.try_out("flood", "of noise", lambda number: [bytes([i & 255]) * 200 for i in range(many)])


def replayed(rig, many):
    """Downlinks that the agent has sealed for another uplink."""
    genuine = genuine_of(rig)

    for back in range(2, 10):  # the one before may be the first try of the same turn
        rig.try_out("replay", back, lambda number: [genuine(number - back)])
        rig.try_out("reply ahead of time", back, lambda number: [genuine(number + back)])
    rig.try_out("reordered", "", lambda number: [genuine(number - back) for back in range(2, 5)])
    rig.try_out("flood", many, lambda number: [genuine(number - 2)] * many)


def sender(rig):
    """A function that tries out one reply sealed with the right key."""

    def send(kind, name, *pairs, **more):
        agent = rig.agent
        rig.try_out(kind, name, lambda number: [agent.seal(plain(agent, number, *pairs, **more))])

    rig.begin()
    return send


def bad_commands(rig):
    """Sealed with the right key: commands that must not be done."""
    send, now = sender(rig), rig.agent.time_s
    for expiry in (0, 1, now - 86400, now - 1, -1):
        send("expired command", expiry, b"\x05" + encoded([[now, expiry, commands.DENSE, 600]]))
    for verb in (0, 8, 9, 100, -1, 1 << 31):
        send("unknown verb", verb, b"\x05" + encoded([[now, now + 86400, verb, 0]]))
    for argument in (-1, 86401, 1 << 31):
        send("bad argument", argument, b"\x05" + encoded([[now, now + 86400, commands.DENSE, argument]]))


def bad_values(rig):
    """Sealed with the right key, and of another form than the protocol's."""
    send = sender(rig)
    for key in (9, 23, 24, 200, 1 << 31, -1):
        send("unknown key", key, encoded(key) + b"\x83\x01\x02\x03")
    for odd in (b"\x61a", b"\x40", b"\xf6", HUGE):
        send("odd key", odd, odd + b"\x01")
    for key in range(4, 9):
        for odd in ODD:
            send("odd value", f"{key} {odd!r}", bytes([key]) + odd)
    for depth in (3, 4, 5, 6, 20, 200, 1000):
        send("nested", depth, b"\x05" + b"\x81" * depth + b"\x01")
    for size in (256, 1000, 1400, 3000, 3400):
        send("over-long", size, b"\x04\x5a" + size.to_bytes(4, "big") + bytes(size))
    send("over-long", "array", b"\x05\x99\x01\x01" + b"\x01" * 257)
    send("over-long", "claims", b"\x05\x9a\x7f\xff\xff\xff")
    send("twice", "key", b"\x05\x80", b"\x05\x80")
    send("twice", "setting", b"\x04\x82\x09\xa2\x00\x19\x02\x58\x00\x19\x02\x58")


def bad_ranges(rig):
    """Sealed with the right key, and out of range."""
    send, now = sender(rig), rig.agent.time_s
    for key in range(-1, 20):
        for value in (encoded(-(1 << 31)), encoded((1 << 31) - 1), HUGE, TINY, b"\xf6", b"\x60"):
            send("setting out of range", key, b"\x04\x82\x09\xa1" + encoded(key) + value)
    for huge in (HUGE, TINY):
        send("setting out of range", huge, b"\x04\x82\x09\xa1" + huge + b"\x01")
    for time in (b"\x20", b"\x1a\xff\xff\xff\xff", HUGE, TINY):
        send("odd time", time, time=time)
        send("odd time", time, b"\x05" + encoded([[now, now, commands.LOG, 0]]), time=time)
    for ranges in (b"\x82" + HUGE + HUGE, b"\x82\x00\x01", b"\x81\x01", b"\x82\x05\x02", b"\x82\x20\x01"):
        send("odd ranges", ranges, ranges=ranges)


def at_random(rig, many):
    """Sealed with the right key, some bytes of it at random."""
    agent = rig.agent
    text = plain(agent, 0, b"\x04" + encoded([0, {0: -65536}]), b"\x06\x82\x01\x02", b"\x07" + ODD[16])
    for i in range(many):
        other = bytearray(text)
        for _ in range(random.randrange(1, 4)):
            other[random.randrange(len(other))] = random.randrange(256)
        rig.try_out("random", i, lambda number: [agent.seal(bytes(other))])


def damaged(rig):
    """Each bit and each length of the files of settings and commands."""
    rig.prepare(1, {0: 1800, 1: 7200, 4: 33})
    for path in ("data/settings.bin", "data/settings.good"):
        data = rig.read(path)
        for bit in range(8 * len(data)):
            rig.damage("settings, one bit", path, _flipped(data, bit // 8, bit % 8))
        for length in range(len(data)):
            rig.damage("settings, truncated", path, data[:length])


def _flipped(data, at, bit):
    """One bit of it inverted."""
    data = bytearray(data)
    data[at] ^= 1 << bit
    return bytes(data)


def bad_downlinks(rig, many):
    """Orders under a good tag that no device must follow."""
    for kind in (bad_commands, bad_values, bad_ranges):
        kind(rig)
    at_random(rig, many)


def main(seed, many, parts):
    """Those parts, or all of it."""
    random.seed(seed)
    rig = Rig()
    if "forged" in parts:
        forged(rig, many)
    if "replayed" in parts:
        replayed(rig, many)
    if "downlinks" in parts:
        bad_downlinks(rig, many)
    if "damaged" in parts:
        damaged(rig)
    print(json.dumps({"cases": rig.cases, "accepted": rig.accepted, "stuck": rig.stuck}))


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
