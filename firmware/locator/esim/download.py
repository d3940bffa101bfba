"""Download of a profile (SGP.22 3.1.3): requests of the agent go to the card, answers go back, the package is
pulled into flash and loaded from there onto the card.

docs/explanation/profile-download.md has the messages and the states. A reset of the card ends its session
with the server, so a download happens within one session with the agent. Imported only for a download, and
other modules only for the step that needs them: the heap has no room for all.
"""

import hashlib
import os

from micropython import const

from locator import lazy
from locator import state as st
from locator.codec import cbor, checked
from locator.esim import ISD_R, SIGNED, CardError
from locator.scheduler import budget

PACKAGE = "/package"
ANSWERS = "/answers"
LOADING = "/loading.bin"
"""Files: the package that is pulled; the card's answers in this step, for which the heap has no room;
[download, step] of a load that has begun."""

_ANSWER = const(15)  # key of an uplink: [download, step, reason, answers]
_PULL = const(16)  # [download, step, offset]

# Reasons. The agent does not count those of esim/limits.py as attempts: it asks again in a later session.
_DONE = const(0)
_LOST = const(1)
_INTERRUPTED = const(2)
_NO_CARD = const(3)
_NOT_ALLOWED = const(4)
_DAMAGED = const(5)
_NO_ROOM = const(22)
_LIMIT = const(23)

# ES10 functions that are passed on, by the second byte of their tags; those of a session with the server
# only after the challenge; those that may change a profile: of SGP.22, and a signed package (SGP.32).
_PASSED = b"\x20\x21\x22\x29\x2b\x2d\x2e\x30\x33\x38\x3e\x41\x51\x55\x56\x57"
_IN_SESSION = b"\x21\x38\x41"
_CHANGES = b"\x33\x51"
_SWITCHES = (0xA3, 0xA4)  # orders of a package that enable and disable
_CHALLENGE = const(0x2E)
_KEEP = const(0x4E)  # a package for the next switch

_REQUEST_MS = const(60000)
_MOST_MS = const(900000)
_PROFILES = const(3)  # as in files.py
_LONGEST_WAIT = const(120)  # quarter seconds
_BESIDE = const(100)  # bytes of an uplink in addition to the answers
_MORE_MESSAGES = const(8)  # of a download, in addition to the pieces
_LOAD_MS = const(240000)  # a card has taken 89 s for a segment
_MOST_PACKAGE = const(54000)  # for more the messages of a day are not enough
_PIECE = const(1024)  # at least
_BLOCK = const(256)
_TEXT_BYTES = const(552)  # of the room, for commands, as in apdu.py; after it is room for a segment
_SPARE_BYTES = const(16384)  # of flash that stays free for other files


def run(wake, session):
    """Execute the agent's requests in the downlinks of `session`, which is connected. Raises `ModemError`."""
    state, outcome = wake.state, session.outcome
    sent, download = outcome.sent, Download(wake, session)
    try:
        download.run()
    finally:
        # These messages have a limit of their own.
        state[st.DOWNLOADED_TODAY] += outcome.sent - sent
        outcome.sent = sent
        for name in (PACKAGE, ANSWERS):
            checked.remove(wake.port.data_dir + name)


class Download:
    """The state of a download within one session."""

    def __init__(self, wake, session):
        self._wake = wake
        self._session = session
        self._folder = wake.port.data_dir
        self._card = None
        self._is_open = False  # the card has given a challenge since the modem was started
        self._is_load_over = False  # the next report has the result of a load
        self._step: list = []  # [download, step] that is finished
        self._report: tuple | None = None  # the report on it: its key, and its value after these two
        self._size = 0  # bytes of the card's answers in the report
        self._package: tuple = (None, 0, b"")  # the package that is pulled: [download, step], bytes, SHA-256
        self._pulled = 0

    def run(self):
        """Exchange downlinks and uplinks until the agent has no more requests."""
        port, handlers = self._wake.port, self._session.handlers
        handlers.may_report = 0
        self._session.end_records()
        start, outcome = port.ticks_ms(), self._session.outcome
        # The messages of a day and the energy of a session are bounded, whatever the agent requests.
        left = budget.downloads_left(self._wake.state)
        most = outcome.sent + (left + 2 * _MORE_MESSAGES if left else 1)
        try:
            while handlers.download and outcome.sent < most and port.ticks_ms() - start < _MOST_MS:
                asked, handlers.download = handlers.download, None
                self._report = self._do(asked) if _is_asked(asked) else None
                asked = None  # the report needs the heap
                if self._report is None or not self._session.turn(self._write, True):
                    return
                if self._is_load_over:
                    checked.remove(self._folder + LOADING)
        finally:
            if self._card:
                self._card.close()

    def _do(self, asked):
        """Execute one request; return its report, (key, value), or None if it needs none."""
        self._step, what, self._size = asked[:2], asked[2], 0
        if len(asked) > 4:
            return self._offered(what, asked[3])
        if len(asked) > 3:
            return self._take(what, asked.pop())
        if type(what) is bytes:
            return _ANSWER, self._relay(what)
        if not what:  # the agent has ended the download
            return None
        self._wake.port.sleep_ms(250 * min(what, _LONGEST_WAIT))
        return _ANSWER, _DONE if self._is_open else _LOST

    def _write(self, out, _):
        """Write the report as a pair of the uplink's map; return the number of pairs."""
        key, value = self._report or (0, 0)
        out.int(key)
        out.head(cbor.ARRAY, 4 if key == _ANSWER else 3)
        for each in self._step:
            out.int(each)
        out.int(value)
        if key == _ANSWER:
            # A full flash may refuse the file when it is closed. The agent detects that the answers are cut
            # off.
            size = 0 if value else min(self._size, self._session.most - _BESIDE)
            out.head(cbor.BYTES, size)
            if size:
                with open(self._folder + ANSWERS, "rb") as f:
                    out.n += f.readinto(out.buf[out.n : out.n + size])
        return 1

    def _relay(self, requests):
        """Send consecutive requests to the card, and keep its answers in the file. Return the reason."""
        if not self._is_open and self._step[0]:
            reason = self._postponed()
            if reason:
                return reason
        try:
            with open(self._folder + ANSWERS, "wb") as f:
                reason = self._pass_on(requests, f)
                self._size = f.tell()
                return reason
        except CardError:
            return _NO_CARD
        except (OSError, cbor.Full):
            return _NO_ROOM

    def _pass_on(self, requests, f):
        for tag, start, at, end in _placed(requests):
            request = memoryview(requests)[start:end]
            kind = tag & 0xFF if tag >> 8 == 0xBF else 0
            if kind == _KEEP:
                _keep(self._folder + SIGNED, [requests[at:end]])
                f.write(b"\xbf\x4e\x02\x05\x00")
                continue
            if kind not in _PASSED or (kind in _CHANGES and self._is_needed(bytes(request))):
                return _NOT_ALLOWED
            if kind in _IN_SESSION and not self._is_open:
                return _LOST
            self._selected().pieces(request, _REQUEST_MS, f.write)
            if kind == _CHALLENGE:
                self._is_open = True
        return _DONE

    def _postponed(self):
        # Not in `_relay`: its frame would keep the module in memory.
        with lazy("esim.limits") as limits:
            return limits.postponed(self._wake, self._session)

    def _is_needed(self, request):
        """Whether the policy names the profile that is to be deleted; the card keeps the enabled one, unless
        it is to enable or disable one at once: that is for the switch, which can go back."""
        with lazy("esim.tlv") as tlv:
            for tag, _ in tlv.objects(tlv.find(request, 0xBF51, 0x30, 0xA0) or b""):
                if tag in _SWITCHES:
                    return True
        with lazy("esim.policy") as policy:
            found = policy.read(self._folder)
        return found is not None and any(row[0] in request for row in found[_PROFILES])

    def _selected(self):
        """Open the card's ISD-R. AT+CSIM comes first: modems of Quectel lose the last block of a load on
        AT+CGLA (lpac #186)."""
        if not self._card:
            from locator.esim import apdu

            # The session uses its room only while it writes or reads a message.
            card = apdu.Transport(self._wake.modem, apdu.CSIM_CHANNEL, self._wake.room)
            try:
                card.open(ISD_R)
            except CardError:
                card.interface = apdu.UNKNOWN
                card.open(ISD_R)
            self._card = card
        return self._card

    def _offered(self, size, digest):
        """Begin to pull a package."""
        if checked.read(self._folder + LOADING) == self._step:
            self._is_load_over = True
            return _ANSWER, _INTERRUPTED
        if not self._is_open:
            return _ANSWER, _LOST
        if type(size) is not int or type(digest) is not bytes or not 0 < size <= _MOST_PACKAGE:
            return _ANSWER, _NOT_ALLOWED
        if size // _PIECE + _MORE_MESSAGES > budget.downloads_left(self._wake.state):
            return _ANSWER, _LIMIT
        room = os.statvfs(self._folder)
        if room[1] * room[4] < size + _SPARE_BYTES:
            return _ANSWER, _NO_ROOM
        checked.remove(self._folder + PACKAGE)
        self._package, self._pulled = (self._step, size, digest), 0
        return _PULL, 0

    def _take(self, offset, data):
        """Append a piece to the package; request the next one, or load the complete package."""
        if self._package[0] != self._step or offset != self._pulled or type(data) is not bytes:
            return None
        try:
            with open(self._folder + PACKAGE, "ab") as f:
                f.write(data)
        except OSError:
            return _ANSWER, _NO_ROOM
        self._pulled += len(data)
        is_last, data = not data, None  # the next piece needs the heap
        if not is_last and self._pulled < self._package[1]:
            return _PULL, self._pulled
        return _ANSWER, self._load() if self._digest() == self._package[2] else _DAMAGED

    def _digest(self):
        sha, block = hashlib.sha256(), b"-"
        with open(self._folder + PACKAGE, "rb") as f:
            while block:
                block = f.read(_BLOCK)
                sha.update(block)
        return sha.digest()

    def _load(self):
        """Load the package onto the card. It cannot be undone after the first segment: a file in flash marks
        that it has begun, and the agent asks the card for its profiles if the result is lost."""
        try:
            _keep(self._folder + LOADING, self._step)
        except OSError:
            return _NO_ROOM
        self._is_open, self._is_load_over = False, True
        try:
            with open(self._folder + PACKAGE, "rb") as f, open(self._folder + ANSWERS, "wb") as answers:
                while not answers.tell():
                    size = int.from_bytes(f.read(2), "big")
                    if not size:
                        return _INTERRUPTED
                    segment = memoryview(self._wake.room)[_TEXT_BYTES : _TEXT_BYTES + size]
                    f.readinto(segment)
                    self._selected().pieces(segment, _LOAD_MS, answers.write)
                self._size = answers.tell()
        except (CardError, OSError):
            return _INTERRUPTED
        return _DONE


def _keep(path, value):
    with lazy("esim.files") as files:
        files.write(path, value)


def _placed(requests):
    with lazy("esim.tlv") as tlv:
        return tlv.placed(requests)


def _is_asked(asked):
    """Whether a downlink's value has one of the forms of docs/reference/landbridge.cddl."""
    if type(asked) is not list or not 3 <= len(asked) <= 5:
        return False
    whole = asked[:2] if type(asked[2]) is bytes else asked[:3]
    return all(type(value) is int and 0 <= value <= 0x7FFFFFFF for value in whole)
