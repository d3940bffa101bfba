"""The agent as small as it can be, on MicroPython: opens uplinks, keeps what they say, answers with orders.

What the device may not do it notes in `wrong`. All that it keeps are plain values, so that `snapshot` and
`restore` can begin the same moment again and again.
"""

import hashlib
from binascii import crc32

from locator.link import cbor
from locator.link.batch import COLUMNS
from locator.link.cose import DOWN, TAG_SIZE, UP, Envelope
from locator.orders.applied import BUILT_IN, CONFIRMED, LAST_GOOD
from locator.settings import defaults

DEVICE = "lb-0001"
KEY = bytes(range(32))
BOARD = "SIM"
PIECE_BYTES = 400
HEADROOM = 32
EPOCH_S = 845_500_000
"""When the world begins."""

_UP = Envelope(KEY, UP, DEVICE)
_DOWN = Envelope(KEY, DOWN, DEVICE)
SEQ, TIME = [[column[0] for column in COLUMNS].index(name) for name in ("seq", "time")]
KEPT_FILE, CHANGED_FILE = "locator/kept.mpy", "locator/changed.mpy"


class Agent:
    """`orders(number)` -> what the reply to an uplink says from key 4 on, comes from its wishes:
    `settings` [revision, values], `commands` {id: [id, expiry, verb, argument]}, `release` a sequence."""

    def __init__(self, time_s=EPOCH_S):
        self.time_s = time_s
        self.wrong = []
        self.silent = False
        self.uplinks = 0
        self.replies = 0
        self.numbers = {}  # of uplinks -> CRC-32
        self.begun = 0  # appends that did not return
        self.promised = {}  # sequence -> time, of each append that returned
        self.stored = {}
        self.settings = [0, {}]
        self.issued = {0: {}}  # revision -> values, as `set` gave them
        self.confirmed_settings = 0
        self.applied = [0, 0, 0, 0, 0]  # the settings report
        self.commands = {}
        self.results = {}
        self.executed = {}  # id -> times
        self.release = 0
        self.confirmed_release = 0
        self.report = [1, 0, 0, 0, BOARD]

    def snapshot(self):
        """Everything, for `restore`."""
        return _copy(self.__dict__)

    def restore(self, kept):
        """Be as at `snapshot`."""
        for name, value in _copy(kept).items():
            setattr(self, name, value)

    def blame(self, *words):
        """The device has broken a promise."""
        self.wrong.append(" ".join(str(word) for word in words))

    def set(self, revision, values):
        """Wish these settings."""
        self.settings = [revision, values]
        self.issued[revision] = values

    def boot_ended(self):
        """The device has come to its sleep, so it has taken the replies to what it said."""
        revision, _, source = self.applied[:3]
        if source == CONFIRMED:
            self.confirmed_settings = max(revision, self.confirmed_settings)
        if not self.report[1]:
            self.confirmed_release = max(self.report[0], self.confirmed_release)

    def ask(self, payload):
        """The reply to an uplink, None when there is none."""
        number, plain = _UP.open(payload)
        if self.numbers.get(number, crc32(payload)) != crc32(payload):
            self.blame("message number", number, "used twice")
        self.numbers[number] = crc32(payload)
        if self.silent:
            return None
        said = cbor.loads(plain)
        self.uplinks += 1
        sequences = self._store(said[1]) if 1 in said else []
        if 6 in said:
            self._judge(said[6])
        for command, result in said.get(7, ()):
            self.results.setdefault(command, []).append(result)
            self.commands.pop(command, None)
        self.report = said.get(10, self.report)
        ranges = [seq for seq in sequences for _ in range(2)]
        reply = {0: 1, 1: number, 2: ranges, 3: self.time_s}
        reply.update(self.orders(said.get(8)))
        return self.seal(encoded(reply))

    def seal(self, plain):
        """An envelope for the device."""
        buf = bytearray(HEADROOM) + plain + bytes(TAG_SIZE)
        self.replies += 1
        start, end = _DOWN.seal(buf, HEADROOM, HEADROOM + len(plain), self.replies)
        return bytes(buf[start:end])

    def orders(self, pull):
        """Keys of the reply from 4 on; `pull` is what the uplink asks for, or None."""
        orders = {}
        if self.settings[0] not in (0, self.applied[0], self.applied[3]):
            orders[4] = self.settings
        if self.commands:
            orders[5] = [self.commands[number] for number in sorted(self.commands)]
        if self.release > self.report[0] and self.release != self.report[2]:
            if pull:
                orders[8] = list(pull)
                orders[8].append(piece(*pull))
            else:
                orders[7] = offer(self.release)
        return orders

    def _judge(self, applied):
        """Whole sets of values only, and never older ones than were confirmed."""
        self.applied = applied
        revision, crc, source = applied[:3]
        values = defaults()
        for key, value in self.issued.get(revision, {}).items():
            values[key] = value
        if revision not in self.issued or crc32(bytes(values)) != crc:
            self.blame("settings", revision, "are others")
        if source in (BUILT_IN, LAST_GOOD) and revision < self.confirmed_settings:
            self.blame("settings", self.confirmed_settings, "lost for", revision)

    def _store(self, columns):
        count = columns[0]
        sequences, times = (_column(columns[1 + i], count) for i in (SEQ, TIME))
        for i, seq in enumerate(sequences):
            time = times[i]
            if self.stored.get(seq, time) != time:
                self.blame("sequence", seq, "used twice")
            if self.promised.get(seq, time) != time:
                self.blame("record", seq, "changed")
            self.stored[seq] = time
        return sequences


def release_files(sequence):
    """The files of a release, name -> bytes: one that never changes and one that always does."""
    return {KEPT_FILE: b"as ever " * 40, CHANGED_FILE: b"%08d" % sequence * 80}


def file_list(sequence):
    """The list of them, as it is pulled."""
    files = release_files(sequence)
    items = [[name, len(files[name]), hashlib.sha256(files[name]).digest()] for name in sorted(files)]
    return b"".join(encoded(item) for item in items)


def offer(sequence):
    """As in a reply."""
    listed = file_list(sequence)
    from locator.orders.release import runtime

    return [sequence, len(listed), hashlib.sha256(listed).digest(), BOARD, runtime()]


def piece(sequence, file, offset):
    """The bytes that a pull asks for."""
    files = release_files(sequence)
    data = files[sorted(files)[file - 1]] if file else file_list(sequence)
    return data[offset : offset + PIECE_BYTES]


def encoded(value):
    """`value` as CBOR."""
    out = cbor.Writer(bytearray(3000))
    write(out, value)
    return bytes(out.buf[: out.n])


def write(out, value):
    """Write any value of the protocol."""
    if type(value) is int:
        out.int(value)
    elif type(value) is str:
        out.text(value)
    elif type(value) is bytes:
        out.bytes(value)
    elif type(value) is dict:
        out.head(cbor.MAP, len(value))
        for key in sorted(value):
            out.int(key)
            write(out, value[key])
    else:
        out.head(cbor.ARRAY, len(value))
        for item in value:
            write(out, item)


def _column(column, count):
    """The values of a column of an uplink (docs/protocol)."""
    if type(column) is int:
        return [column] * count
    order = len(column) - 1
    values = [column[0]]
    step = 0
    if order == 2:
        step = column[1]
        values.append(column[0] + step)
    changes = column[-1]
    for i in range(count - order):
        change = changes.get(i, 0) if type(changes) is dict else _packed(changes, i, count - order)
        step = step + change if order == 2 else change
        values.append(values[-1] + step)
    return values[:count]


def _packed(data, i, count):
    width = 8 * len(data) // count
    value = int.from_bytes(data, "little") >> (width * i) & ((1 << width) - 1)
    return value - (1 << width) if value >> (width - 1) else value


def _copy(value):
    if type(value) is dict:
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if type(value) is list else value
