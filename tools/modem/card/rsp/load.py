"""LoadBoundProfilePackage: a package in segments, each of them checked when it comes (SGP.22 2.5 and 5.7.6).

`BF36 BF23 | A0 whole | A1 head | each 88 | A2 whole | A3 head | each 86`. Nothing of the profile is there
before the last segment was right; then all of it is at once. One that is not finished is an interruption.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.modem.card import notifications, tlv
from tools.modem.card.files import iccid_text
from tools.modem.card.notifications import Notification
from tools.modem.card.profile import INSTALL
from tools.modem.card.rsp import elements, signature
from tools.modem.card.rsp.bsp import KEY_LENGTH, KEY_TYPE, SEGMENT, SIZE, Channel, Keys, MacError, derive
from tools.modem.card.rsp.metadata import Metadata, MetadataError
from tools.modem.card.rsp.session import Prepared
from tools.modem.card.rsp.signature import OTPK, SIGNATURE
from tools.modem.card.rsp.times import INSTALL_MS, KEYS_MS, SEGMENT_MS, SLOW_MS
from tools.modem.card.tlv import fields

if TYPE_CHECKING:
    from tools.modem.card.euicc import Euicc
    from tools.modem.card.rsp.session import Session

PACKAGE, CHANNEL, CONFIGURE, METADATA, SESSION_KEYS = 0xBF36, 0xBF23, 0xBF24, 0xBF25, 0xBF26
OPENING, CONFIGURING, DESCRIBING, REPLACING, LOADING = 0, 1, 2, 4, 5
"""bppCommandId; 3 is storeMetadata2, which no server sends."""
BAD_INPUT, BAD_SIGNATURE, OTHER_TRANSACTION, BAD_REFERENCE, BAD_OPERATION = range(1, 6)
BAD_STRUCTURE, BAD_MAC, ICCID_THERE, NO_MEMORY, INTERRUPTED, BAD_ELEMENT, OTHER_ICCID = range(7, 14)
BY_POLICY = 15
LONGEST = SEGMENT + SIZE
"""An object that a server has padded after it had cut it at the limit."""
PROPRIETARY, MOST_PROPRIETARY = 0xB8, 128
SEQUENCES = {0xA0: 0x87, 0xA1: 0x88, 0xA2: 0x87, 0xA3: 0x86}
FORCED = {"load-iccid": ICCID_THERE, "load-memory": NO_MEMORY, "load-interrupted": INTERRUPTED}


class Failed(Exception):
    """The load ends with a `reason` at the command that runs."""

    def __init__(self, reason: int) -> None:
        super().__init__(reason)
        self.reason = reason


class Load:
    """The load of one card. `prepared` is what it was begun with; None: none runs."""

    def __init__(self, card: Euicc, session: Session) -> None:
        self._card = card
        self._session = session
        self.prepared: Prepared | None = None

    def segment(self, data: bytes) -> bytes:
        """The answer to one segment: nothing, or BF37 after the last and after one that is wrong. Raises
        ValueError for one that nothing was begun for."""
        self._card.work_ms += SEGMENT_MS
        try:
            if data[:2] == PACKAGE.to_bytes(2):
                self._begin(data)
                return b""
            if self.prepared is None:
                raise ValueError("no load runs")
            self._left -= len(data)
            if self._left < 0 or not self._step(data):
                raise Failed(BAD_STRUCTURE)
            if self._command == LOADING and self._inner == 0 and not self._left:
                return self._install()
            return b""
        except Failed as failed:
            return self._fail(failed.reason)

    def interrupt(self) -> None:
        """Something else has come, or the power has gone: the result says so."""
        if self.prepared:
            self._fail(INTERRUPTED)

    # The steps

    def _begin(self, data: bytes) -> None:
        self.interrupt()
        _, length, first = tlv.opening(data)
        (request,) = fields(first, CHANNEL)
        prepared = self._session.take()
        if prepared is None:
            raise ValueError("nothing is prepared")
        self.prepared = prepared
        self._left = length - len(first)
        self._command, self._sequence, self._inner = OPENING, 0, 0
        self._expected = [0xA0]
        self._stored = self._proprietary = b""
        self._package: list[bytes] = []
        self._metadata: Metadata | None = None
        self._channel = Channel(self._agree(prepared, request))

    def _agree(self, prepared: Prepared, request: bytes) -> Keys:
        """InitialiseSecureChannel"""
        self._card.work_ms += KEYS_MS
        try:
            parts = fields(request, 0x82, 0x80, 0xA6, OTPK, SIGNATURE)
            operation, transaction, reference, otpk, signed_by = parts
            kind, length, host = fields(reference, 0x80, 0x81, 0x84)
        except ValueError:
            raise Failed(BAD_INPUT) from None
        if transaction != prepared.session.transaction:
            raise Failed(OTHER_TRANSACTION)
        if operation != b"\x01":
            raise Failed(BAD_OPERATION)
        if kind != bytes([KEY_TYPE]) or length != bytes([KEY_LENGTH]) or not 1 <= len(host) <= 16:
            raise Failed(BAD_REFERENCE)
        mine = tlv.encode(OTPK, signature.point(prepared.otsk))
        signed = request[: -len(tlv.encode(SIGNATURE, signed_by))]
        if not signature.verifies(signed_by, prepared.binder, signed + mine):
            raise Failed(BAD_SIGNATURE)
        try:
            secret = signature.agreed(prepared.otsk, otpk)
        except ValueError:
            raise Failed(BAD_INPUT) from None
        return derive(secret, host, bytes.fromhex(self._card.eid))

    def _step(self, data: bytes) -> bool:
        """Whether the segment is what has to come now."""
        try:
            tag, length, value = tlv.opening(data)
        except ValueError:
            return False
        if self._inner:
            self._inner -= len(data)
            whole = len(value) == length and tag == SEQUENCES[self._sequence] and self._inner >= 0
            if not whole or len(data) > self._longest():
                return False
            self._object(tag, value)
            return True
        if tag not in self._expected or not length:
            return False
        self._sequence = tag
        if tag in (0xA1, 0xA3):
            self._command = DESCRIBING if tag == 0xA1 else LOADING
            self._inner = length
            return not value
        self._command = CONFIGURING if tag == 0xA0 else REPLACING
        return len(value) == length and self._whole(value)

    def _longest(self) -> int:
        return SEGMENT if "segments-1020" in self._card.quirks else LONGEST

    def _whole(self, value: bytes) -> bool:
        """A sequence that comes in one segment."""
        try:
            objects = tlv.decode(value)
        except ValueError:
            return False
        if any(tag != 0x87 for tag, _ in objects):
            return False
        request = b"".join(self._opened(0x87, each) for _, each in objects)
        if self._command == CONFIGURING:
            self._configure(self._within(CONFIGURE, request))
            self._expected = [0xA1]
        else:
            self._replace(self._within(SESSION_KEYS, request))
            self._expected = [0xA3]
        return True

    def _object(self, tag: int, value: bytes) -> None:
        if tag == 0x88:
            self._stored += self._opened(tag, value)
            if self._inner == 0:
                self._describe()
                self._expected = [0xA2, 0xA3]
            return
        self._package.append(self._opened(tag, value))
        self._force("load-interrupted")
        if sum(map(len, self._package)) > self._card.free():
            raise Failed(NO_MEMORY)
        if self._inner * 2 < sum(map(len, self._package)):
            self._force("load-memory")

    def _opened(self, tag: int, value: bytes) -> bytes:
        read: Callable[[int, bytes], bytes] = self._channel.read if tag == 0x88 else self._channel.open
        try:
            return read(tag, value)
        except MacError:
            raise Failed(BAD_MAC) from None

    def _within(self, tag: int, request: bytes) -> bytes:
        """The value of the only object."""
        try:
            return fields(request, tag)[0]
        except ValueError:
            raise Failed(BAD_INPUT) from None

    def _configure(self, value: bytes) -> None:
        """ConfigureISDP: at most data of the server's own."""
        try:
            self._proprietary = fields(value, PROPRIETARY)[0] if value else b""
        except ValueError:
            raise Failed(BAD_INPUT) from None
        if len(value) > MOST_PROPRIETARY:
            raise Failed(BAD_INPUT)

    def _describe(self) -> None:
        """StoreMetadata"""
        try:
            found = Metadata.read(self._within(METADATA, self._stored))
        except MetadataError:
            raise Failed(BAD_INPUT) from None
        if any(each.iccid == iccid_text(found.iccid) for each in self._card.profiles):
            raise Failed(ICCID_THERE)
        self._force("load-iccid")
        if found.rules:
            raise Failed(BY_POLICY)
        self._metadata = found

    def _replace(self, value: bytes) -> None:
        """ReplaceSessionKeys"""
        try:
            chaining, enc, mac = fields(value, 0x80, 0x81, 0x82)
        except ValueError:
            raise Failed(BAD_INPUT) from None
        if {len(chaining), len(enc), len(mac)} != {SIZE}:
            raise Failed(BAD_INPUT)
        self._channel.replace(Keys(chaining, enc, mac))

    def _force(self, quirk: str) -> None:
        if quirk in self._card.quirks:
            raise Failed(FORCED[quirk])

    # The end

    def _install(self) -> bytes:
        assert self._metadata and self.prepared
        package = b"".join(self._package)
        try:
            iccid, imsi = elements.read(package)
        except elements.ElementError:
            raise Failed(BAD_ELEMENT) from None
        if iccid != iccid_text(self._metadata.iccid):
            raise Failed(OTHER_ICCID)
        card = self._card
        card.work_ms += SLOW_MS if "load-slow" in card.quirks else INSTALL_MS
        card.mute = "answer-lost" in card.quirks
        profile = self._metadata.profile(imsi, package)
        profile.described[PROPRIETARY] = self._proprietary
        card.add(profile)
        result = self._end(iccid, notifications.success(profile.aid))
        for operations, address in profile.addresses:
            if operations & INSTALL and address != result.address:
                card.note(Notification(card.next_number(), INSTALL, iccid, address))
        return result.signed(card.identity())

    def _fail(self, reason: int) -> bytes:
        iccid = iccid_text(self._metadata.iccid) if self._metadata else ""
        return self._end(iccid, notifications.error(self._command, reason)).signed(self._card.identity())

    def _end(self, iccid: str, final: bytes) -> Notification:
        """The result, which the server is to be notified of."""
        assert self.prepared
        session, self.prepared = self.prepared.session, None
        address = session.address.decode()
        number = self._card.next_number()
        note = notifications.installation(number, iccid, address, session.transaction, session.oid, final)
        self._card.note(note)
        return note
