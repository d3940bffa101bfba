"""Download of a profile (SGP.22 3.1.3): requests of the agent go to the card, answers go back, the package is
pulled into flash and loaded from there onto the card.

docs/explanation/profile-download.md has the messages and the states. A reset of the card ends its session
with the server, so a download happens within one session with the agent. Imported only then, and of the rest
what a step needs: there is no room for all.
"""

import hashlib
import os

from micropython import const

from locator import lazy
from locator import state as st
from locator.codec import cbor, checked
from locator.esim import ISD_R, SIGNED, CardError
from locator.scheduler import budget

PACKAGE = "/package.bin"
LOADING = "/loading.bin"
"""Files: the package that is pulled; [download, step] of the load that has begun."""

_ANSWER = const(15)  # key of an uplink: [download, step, reason, answers]
_PULL = const(16)  # [download, step, offset]

# Reasons. Those of esim/limits.py the agent does not count: it asks again in a later session.
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
_CHALLENGE = const(0x2E)
_KEEP = const(0x4E)  # a package for the next switch
_KEPT = b"\xbf\x4e\x02\x05\x00"

_REQUEST_MS = const(60000)
_MOST_MS = const(900000)
_PROFILES = const(3)  # as in files.py
_LONGEST_WAIT = const(60)  # half seconds
_MOST_ANSWER = const(3400)
_MORE_MESSAGES = const(8)  # of a download, beside the pieces
_LOAD_MS = const(240000)  # a card has taken 89 s for a segment
_MOST_PACKAGE = const(65536)
_PIECE = const(1024)  # at least
_BLOCK = const(256)
_SPARE_BYTES = const(16384)  # of flash, for all else


def run(wake, session):
    """Do what the agent asks for in the downlinks of `session`, which is connected. Raises `ModemError`."""
    state, outcome = wake.state, session.outcome
    sent, download = outcome.sent, Download(wake, session)
    try:
        download.run()
    finally:
        # These messages have a limit of their own.
        state[st.DOWNLOADED_TODAY] += outcome.sent - sent
        outcome.sent = sent
        checked.remove(wake.port.data_dir + PACKAGE)


class Download:
    """What lasts for one session."""

    def __init__(self, wake, session):
        self._wake = wake
        self._session = session
        self._folder = wake.port.data_dir
        self._card = None
        self._is_open = False  # the card has given a challenge since the modem was started
        self._is_load_over = False  # the next report says what has become of a load
        self._package: list = []  # download, step, bytes and SHA-256 of the package that is pulled
        self._pulled = 0

    def run(self):
        """Downlinks and uplinks by turns until nothing is asked any more."""
        port, handlers = self._wake.port, self._session.handlers
        handlers.may_report = 0
        start, outcome = port.ticks_ms(), self._session.outcome
        # Whatever the agent asks for, a day's messages and the energy of a session are bounded.
        left = budget.downloads_left(self._wake.state)
        most = outcome.sent + (left + 2 * _MORE_MESSAGES if left else 1)
        try:
            while handlers.download and outcome.sent < most and port.ticks_ms() - start < _MOST_MS:
                asked, handlers.download = handlers.download, None
                report = self._do(asked) if _is_asked(asked) else None
                if report is None or not self._session.say(_Writer(*report).write):
                    return
                if self._is_load_over:
                    checked.remove(self._folder + LOADING)
        finally:
            if self._card:
                self._card.close()

    def _do(self, asked):
        """The report on one thing that is asked, (key, values); None: it needs none."""
        download, step, what = asked[:3]
        if len(asked) > 4:
            return self._offered(download, step, what, asked[3])
        if len(asked) > 3:
            return self._take(download, step, what, asked.pop())
        if type(what) is bytes:
            answers: list = []
            reason = self._relay(download, what, answers)
            return _answer(download, step, reason, () if reason else answers)
        if not what:  # the agent has done with it
            return None
        self._wake.port.sleep_ms(500 * min(what, _LONGEST_WAIT))
        return _answer(download, step, _DONE if self._is_open else _LOST)

    def _relay(self, download, requests, answers):
        """Send the card requests that follow each other, append its answers in pieces. The reason."""
        if not self._is_open and download:
            reason = self._postponed()
            if reason:
                return reason
        try:
            for tag, start, at, end in _placed(requests):
                request = memoryview(requests)[start:end]
                kind = tag & 0xFF if tag >> 8 == 0xBF else 0
                if kind == _KEEP:
                    _keep(self._folder + SIGNED, [requests[at:end]])
                    answers.append(_KEPT)
                    continue
                if kind not in _PASSED or (kind in _CHANGES and self._is_needed(bytes(request))):
                    return _NOT_ALLOWED
                if kind in _IN_SESSION and not self._is_open:
                    return _LOST
                answers += self._selected().pieces(request, _REQUEST_MS)
                self._is_open = self._is_open or kind == _CHALLENGE
        except CardError:
            return _NO_CARD
        except OSError:
            return _NO_ROOM
        return _DONE if sum([len(each) for each in answers]) <= _MOST_ANSWER else _NOT_ALLOWED

    def _postponed(self):
        # Not in `_relay`, whose frame would keep the module.
        with lazy("esim.limits") as limits:
            return limits.postponed(self._wake, self._session)

    def _is_needed(self, request):
        """Whether the policy names the profile that is to be deleted; the card keeps the enabled one."""
        with lazy("esim.policy") as policy:
            found = policy.read(self._folder)
        return found is not None and any(row[0] in request for row in found[_PROFILES])

    def _selected(self):
        """The card, its ISD-R selected. AT+CSIM comes first: modems of Quectel lose the last block of a load
        on AT+CGLA (lpac #186)."""
        if not self._card:
            from locator.esim import apdu

            # The session uses its room only while it writes or reads a message.
            modem, room = self._wake.modem, self._wake.room
            card = apdu.Transport(modem, apdu.CSIM_CHANNEL, room)
            try:
                card.open(ISD_R)
            except CardError:
                card = apdu.Transport(modem, apdu.UNKNOWN, room)
                card.open(ISD_R)
            self._card = card
        return self._card

    def _offered(self, download, step, size, digest):
        """Begin to pull a package."""
        if checked.read(self._folder + LOADING) == [download, step]:
            self._is_load_over = True
            return _answer(download, step, _INTERRUPTED)
        if not self._is_open:
            return _answer(download, step, _LOST)
        if type(size) is not int or type(digest) is not bytes or not 0 < size <= _MOST_PACKAGE:
            return _answer(download, step, _NOT_ALLOWED)
        if size // _PIECE + _MORE_MESSAGES > budget.downloads_left(self._wake.state):
            return _answer(download, step, _LIMIT)
        room = os.statvfs(self._folder)
        if room[1] * room[4] < size + _SPARE_BYTES:
            return _answer(download, step, _NO_ROOM)
        checked.remove(self._folder + PACKAGE)
        self._package, self._pulled = [download, step, size, digest], 0
        return _PULL, (download, step, 0)

    def _take(self, download, step, offset, data):
        """Append a piece to the package; ask for the next, or load what is complete."""
        if self._package[:2] != [download, step] or offset != self._pulled or type(data) is not bytes:
            return None
        try:
            with open(self._folder + PACKAGE, "ab") as f:
                f.write(data)
        except OSError:
            return _answer(download, step, _NO_ROOM)
        self._pulled += len(data)
        is_last, data = not data, None  # what follows needs the heap
        if not is_last and self._pulled < self._package[2]:
            return _PULL, (download, step, self._pulled)
        if self._digest() != self._package[3]:
            return _answer(download, step, _DAMAGED)
        return self._loaded(download, step)

    def _digest(self):
        sha, block = hashlib.sha256(), b"-"
        with open(self._folder + PACKAGE, "rb") as f:
            while block:
                block = f.read(_BLOCK)
                sha.update(block)
        return sha.digest()

    def _loaded(self, download, step):
        """Load the package onto the card. There is no way back from the first segment on: a mark in flash
        says that it has begun, and the agent asks the card what it has when the result is lost."""
        pieces: list = []
        try:
            _keep(self._folder + LOADING, [download, step])
        except OSError:
            return _answer(download, step, _NO_ROOM)
        self._is_open, self._is_load_over = False, True
        try:
            with open(self._folder + PACKAGE, "rb") as f:
                while not any(pieces):
                    head = f.read(2)
                    if len(head) < 2:
                        break
                    pieces = self._selected().pieces(f.read(head[0] << 8 | head[1]), _LOAD_MS)
        except CardError:
            pieces = []
        return _answer(download, step, _DONE if any(pieces) else _INTERRUPTED, pieces)


class _Writer:
    """Writes a report into an uplink: the value of a key, at whose end come pieces of bytes, unless None."""

    def __init__(self, key, values, pieces=None):
        self._key = key
        self._values = values
        self._pieces = pieces

    def write(self, out, _):
        """The pair of an uplink's map; returns how many it has written."""
        values, pieces = self._values, self._pieces
        out.int(self._key)
        out.head(cbor.ARRAY, len(values) + (pieces is not None))
        for each in values:
            out.int(each)
        if pieces is not None:
            out.head(cbor.BYTES, sum([len(each) for each in pieces]))
            for each in pieces:
                out.raw(each)
        return 1


def _answer(download, step, reason, pieces=()):
    """A report on a step."""
    return _ANSWER, (download, step, reason), pieces


def _keep(path, value):
    with lazy("esim.files") as files:
        files.write(path, value)


def _placed(requests):
    with lazy("esim.tlv") as tlv:
        return tlv.placed(requests)


def _is_asked(asked):
    """Whether a downlink's value is one of those above."""
    if type(asked) is not list or not 3 <= len(asked) <= 5:
        return False
    whole = asked[:2] if type(asked[2]) is bytes else asked[:3]
    return all(type(value) is int and 0 <= value <= 0x7FFFFFFF for value in whole)
