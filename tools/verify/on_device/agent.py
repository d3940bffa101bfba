"""A minimal agent on MicroPython: opens uplinks, keeps their contents, answers with downlinks.

What the device may not do it notes in `wrong`. All that it keeps are plain values, so that `snapshot` and
`restore` can begin the same moment again and again.
"""

import hashlib
import struct
from binascii import crc32

from locator.codec import cbor
from locator.codec.cose import DOWN, TAG_SIZE, UP, Envelope, _parts
from locator.downlink.applied import BUILT_IN, CONFIRMED, LAST_GOOD
from locator.downlink.commands import CUT_SHORT, DONE, EXPIRED, FACTORY, REBOOT
from locator.downlink.release import DAMAGED
from locator.downlink.settings import UNREACHED
from locator.settings import defaults
from start import image, trial

DEVICE = "lb-0001"
KEY = bytes(range(32))
BOARD = "SIM"
PIECE_BYTES = 400
HEADROOM = 32
EPOCH_S = 845_500_000
"""When the world begins."""

_EPOCH_KEY = 11
_MOST_EPOCHS = 16
"""Number of devices whose keys are cached, because deriving them is slow."""
_held: dict[int, tuple] = {}
SEQ, TIME = 0, 1
"""Places of these columns."""
KEPT_FILE, CHANGED_FILE = "locator/kept.mpy", "locator/changed.mpy"


class Agent:
    """`pending(number)` -> what the downlink to an uplink says from key 4 on; it comes from:
    `settings` [revision, values], `commands` {id: [id, expiry, verb, argument]}, `release` a sequence.

    These go wrong on purpose: under the revisions in `deaf` the agent is not reached, releases in `mute` do
    not reach it either, those in `bad` crash (every other one hangs), and pieces of those in `rotten` have a
    wrong byte."""

    def __init__(self, time_s=EPOCH_S):
        self.time_s = time_s
        self.wrong = []
        self.silent = False
        self.uplinks = 0
        self.epoch = 0  # of the keys: those before are over
        self.heard_epoch = 0  # of the newest uplink
        self.cuts = 0  # of the power, so far
        self.in_force = b""  # the values of the settings that the device works with
        self.running = 1  # the release
        self.deaf = []
        self.mute = []
        self.bad = []
        self.rotten = []
        self.replies = 0
        self.numbers = {}  # of uplinks -> CRC-32
        self.begun = 0  # appends that did not return
        self.promised = {}  # sequence -> time, of each append that returned
        self.stored = {}
        self.settings: list = [0, {}]
        self.issued: dict[int, dict[int, int]] = {0: {}}  # revision -> values, as `set` gave them
        self.came = {}  # revision -> number of the first uplink whose reply brought it
        self.began = 0  # number of the first uplink of this boot
        self.confirmed_settings = 0
        self.applied = [0, 0, 0, 0, 0]  # the settings report
        self.commands = {}
        self.given = {}  # all of them, and the cuts before each
        self.results = {}
        self.executed = {}  # id -> times
        self.release = 0
        self.offered = {}  # release -> cuts before
        self.confirmed_release = 0
        self.report: list = [1, 0, 0, 0, BOARD]

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
        """Set the desired settings."""
        self.settings = [revision, values]
        self.issued[revision] = values

    def command(self, number, verb, argument, expiry):
        """Send a command."""
        self.commands[number] = [number, expiry, verb, argument]
        self.given[number] = self.commands[number] + [self.cuts]

    def boot_begins(self):
        """So far no append of this boot has begun, and nothing was said."""
        self.begun = self.began = 0

    def boot_ended(self):
        """The device is asleep, so it has processed the replies to its uplinks."""
        revision, _, source = self.applied[:3]
        if source == CONFIRMED:
            self.confirmed_settings = max(revision, self.confirmed_settings)
        if not self.report[1]:
            self.confirmed_release = max(self.report[0], self.confirmed_release)

    def ask(self, payload):
        """The reply to an uplink, None when there is none."""
        epoch = epoch_of(payload)
        number, plain = keys(epoch)[0].open(payload)
        if self.numbers.get(number, crc32(payload)) != crc32(payload):
            self.blame("message number", number, "used twice")
        self.numbers[number] = crc32(payload)
        self.began = self.began or number
        deaf = [values_of(self.issued[revision]) for revision in self.deaf]
        if self.silent or self.running in self.mute or self.in_force in deaf:
            return None
        if epoch < self.epoch:
            reply = {0: 1, 1: number, 2: [], 3: self.time_s, _EPOCH_KEY: self.epoch}
            return self.seal(encoded(reply), epoch)
        if epoch > self.epoch:
            self.blame("epoch", epoch, "begun by itself")
        self.heard_epoch = epoch
        said = cbor.loads(plain)
        self.uplinks += 1
        sequences = self._store(said[1]) if 1 in said else []
        if 6 in said:
            self._judge(said[6])
        for command, result in said.get(7, ()):
            self._hear(command, result)
        if 10 in said:
            self._weigh(said[10])
        if 14 in said:
            self.noted(said[14])
        ranges = [seq for seq in sequences for _ in range(2)]
        reply = {0: 1, 1: number, 2: ranges, 3: self.time_s}
        reply.update(self.pending(said.get(8)))
        if 4 in reply:
            self.came.setdefault(reply[4][0], number)
        return self.seal(encoded(reply), epoch)

    def seal(self, plain, epoch=0):
        """An envelope for the device."""
        buf = bytearray(HEADROOM) + plain + bytes(TAG_SIZE)
        self.replies += 1
        start, end = keys(epoch)[1].seal(buf, HEADROOM, HEADROOM + len(plain), self.replies)
        return bytes(buf[start:end])

    def pending(self, pull):
        """Keys of the reply from 4 on; `pull` is what the uplink asks for, or None."""
        pending = {}
        if self.settings[0] not in (0, self.applied[0], self.applied[3]):
            pending[4] = self.settings
        if self.commands:
            pending[5] = [self.commands[number] for number in sorted(self.commands)]
        if self.release > self.report[0] and self.release != self.report[2]:
            if pull:
                pending[8] = list(pull)
                pending[8].append(self._piece(*pull))
            else:
                pending[7] = offer(self.release)
                self.offered.setdefault(self.release, self.cuts)
        return pending

    def noted(self, card):
        """The report of the card; cards with profiles override this."""

    def _judge(self, applied):
        """Whole sets of values only, and never older ones than were confirmed."""
        self.applied = applied
        revision, crc, source, refused, why = applied
        if revision not in self.issued or crc32(values_of(self.issued[revision])) != crc:
            self.blame("settings", revision, "are others")
        if source == CONFIRMED and self.came.get(revision, 0) >= self.began:
            self.blame("settings", revision, "confirmed by the session that brought them")
        if refused in self.issued and refused and (why != UNREACHED or refused not in self.deaf):
            self.blame("settings", refused, "refused for", why)
        if source in (BUILT_IN, LAST_GOOD) and revision < self.confirmed_settings:
            self.blame("settings", self.confirmed_settings, "lost for", revision)

    def _hear(self, command, result):
        """What is reported of a command must be true."""
        first = command not in self.results
        self.results.setdefault(command, []).append(result)
        self.commands.pop(command, None)
        if command not in self.given:  # by another hand
            return
        _, expiry, verb, _, cuts = self.given[command]
        done = self.executed.get(command, 0)
        wrong = result == DONE and done != 1
        wrong = wrong or (result == CUT_SHORT and verb in (REBOOT, FACTORY) and cuts == self.cuts)
        wrong = wrong or (result == EXPIRED and (done or expiry > self.time_s))
        wrong = wrong or (first and result not in (DONE, CUT_SHORT, EXPIRED))
        if wrong:
            self.blame("command", command, "of verb", verb, "reported as", result, "after", done)

    def _weigh(self, report):
        """No release may be refused for nothing."""
        self.report = report
        _, _, failed, reason, _ = report
        unlucky = self.cuts - self.offered.get(failed, 0) >= trial.UNENDED
        wrong = reason == DAMAGED and failed not in self.rotten
        wrong = wrong or (reason == trial.CRASHED and failed not in self.bad and not unlucky)
        if wrong or (reason == trial.NOT_ANSWERED and failed not in self.mute):
            self.blame("release", failed, "has failed for", reason)

    def _piece(self, sequence, file, offset):
        data = piece(sequence, file, offset)
        return data[:-1] + b"?" if file and sequence in self.rotten else data

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


def epoch_of(payload):
    """Epoch of the keys that an envelope names."""
    return int.from_bytes(cbor.loads(_parts(payload)[0])[4], "big")


def keys(epoch):
    """(envelope up, envelope down) of an epoch."""
    if epoch not in _held:
        if len(_held) >= _MOST_EPOCHS:
            _held.clear()
        _held[epoch] = Envelope(KEY, UP, DEVICE, epoch), Envelope(KEY, DOWN, DEVICE, epoch)
    return _held[epoch]


def values_of(changes):
    """All settings as bytes; `changes` are those that differ from the defaults."""
    values = defaults()
    for key, value in changes.items():
        values[key] = value
    return bytes(values)


def release_files(sequence):
    """The files of a release, name -> bytes: one that never changes and one that always does."""
    return {KEPT_FILE: b"as ever " * 40, CHANGED_FILE: b"%08d" % sequence * 80}


def listed_files(sequence):
    """(name, contents) of each, in the order of the list."""
    return sorted(release_files(sequence).items(), key=lambda file: image.number(file[0]))


def file_list(sequence):
    """The list of them, as it is pulled."""
    return b"".join(
        struct.pack(image.ITEM, image.number(name), len(data), hashlib.sha256(data).digest())
        for name, data in listed_files(sequence)
    )


def slot(sequence):
    """All of the release, as it lies in a slot."""
    listed = file_list(sequence)
    head = struct.pack(image.HEAD, image.MAGIC, sequence, len(listed), hashlib.sha256(listed).digest())
    return head + listed + b"".join(data for _, data in listed_files(sequence)) + image.END


def offer(sequence):
    """As in a reply."""
    listed = file_list(sequence)
    from locator.downlink.release import runtime

    return [sequence, len(listed), hashlib.sha256(listed).digest(), BOARD, runtime()]


def piece(sequence, file, offset):
    """The bytes that a pull asks for."""
    data = listed_files(sequence)[file - 1][1] if file else file_list(sequence)
    return data[offset : offset + PIECE_BYTES]


def encoded(value):
    """`value` as CBOR."""
    out = cbor.Writer(bytearray(3000))
    out.item(value)
    return bytes(out.buf[: out.n])


def _column(column, count):
    """The values of a column of an uplink (docs/reference/protocol.md)."""
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
