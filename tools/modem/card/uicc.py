"""The card's contacts: APDUs on logical channels (ISO/IEC 7816-4, TS 102 221), the ISD-R by its AID."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from tools.modem.card.card import FPLMN, Card

ISD_R = bytes.fromhex("A0000005591010FFFFFFFF8900000100")
USIM = bytes.fromhex("A0000000871002")
"""How the AID of every USIM begins."""
CHANNELS = 3
"""Beside the basic one."""
SLOW_OPENINGS = 5
"""Times that a slow card refuses the ISD-R after a reset."""
LONGEST = 255

OK = b"\x90\x00"
PENDING = b"\x91\x0b"
NOT_NOW = b"\x69\x85"
NOT_ALLOWED = b"\x69\x82"
NO_CHANNEL = b"\x68\x81"
NOT_FOUND = b"\x6a\x82"
BAD_DATA = b"\x6a\x80"
NO_SUCH_DATA = b"\x6a\x88"
BAD_PARAMETERS = b"\x6a\x86"
BAD_LENGTH = b"\x67\x00"
NO_INS = b"\x6d\x00"
NO_CLASS = b"\x6e\x00"
NO_FILE = b"\x69\x86"
BY_AID, FROM_MF = 4, 8
"""P1 of SELECT."""
MF = 0x3F00
NO_DATA = 0x0C
"""P2 of SELECT: nothing is to be returned; otherwise the file's control parameters are."""
FOLDERS = {MF: "MF", 0x7FFF: "the application's own", 0x7F10: "telecom"}
"""What may be selected besides elementary files."""
SHORT_BLOCK = 120
"""Bytes of data that public clients send in a block."""
LAST_BLOCK, BER_TLV = 0x80, 0x11
"""In P1 of STORE DATA; what its other bits say (SGP.22 5.7.2)."""
STORE_DATA, GET_RESPONSE = 0xE2, 0xC0
PROPRIETARY = 0x80
"""In the class byte."""


class Apdu(NamedTuple):
    """A command as it came; `length` is its Le, 0 where none was given."""

    channel: int
    p1: int
    p2: int
    data: bytes
    length: int


class Uicc:
    """Answers APDUs for `card`, with its quirks."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._quirks = card.quirks
        self._open: dict[int, bytes] = {}
        self.reset()

    def reset(self) -> None:
        """All channels but the basic one are closed."""
        self._open = {0: USIM}
        self._file: dict[int, int] = {}
        self._answer: dict[int, bytes] = {}
        self._blocks: dict[int, list[bytes]] = {}
        self._slow = SLOW_OPENINGS if "isdr-slow" in self._quirks else 0

    def open(self) -> int | None:
        """A new logical channel, None when there is none left."""
        for channel in range(1, CHANNELS + 1):
            if channel not in self._open:
                self._open[channel] = USIM
                return channel
        return None

    def close(self, channel: int) -> bool:
        """Whether it was open."""
        self._answer.pop(channel, None)
        self._blocks.pop(channel, None)
        return channel > 0 and self._open.pop(channel, None) is not None

    def select(self, channel: int, aid: bytes) -> bytes:
        """Select an application; returns the status word."""
        if aid == ISD_R and self._card.has_isdr:
            if self._slow:
                self._slow -= 1
                return NOT_NOW
            self._open[channel] = ISD_R
            return OK
        if aid.startswith(USIM):
            self._open[channel] = USIM
            return OK
        return NOT_FOUND

    def transmit(self, apdu: bytes, channel: int | None = None) -> bytes:
        """Data and status word; without a `channel` the class byte names it."""
        self._card.work_ms, self._card.mute = 0, False
        if len(apdu) < 4:
            return BAD_LENGTH
        where = apdu[0] & 3 if channel is None else channel
        if where not in self._open:
            return NO_CHANNEL
        command = Apdu(where, apdu[2], apdu[3], apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b"", 0)
        if len(apdu) > 5 and len(command.data) != apdu[4]:
            return BAD_LENGTH
        rest = apdu[4:] if len(apdu) == 5 else apdu[5 + len(command.data) :]
        if len(rest) == 1:
            command = command._replace(length=rest[0] or (256 if command.data else 0))
        self._forget(where, apdu[1])
        if apdu[1] == STORE_DATA and not apdu[0] & PROPRIETARY:
            return NO_CLASS
        handler = self._instructions.get(apdu[1])
        return handler(self, command) if handler else NO_INS

    def _forget(self, channel: int, instruction: int) -> None:
        """Blocks and the rest of an answer are there for the very next command only."""
        if instruction != STORE_DATA:
            self._blocks.pop(channel, None)
        if instruction != GET_RESPONSE:
            self._answer.pop(channel, None)

    def _manage(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 0:
            opened = self.open()
            return NO_CHANNEL if opened is None else bytes([opened]) + OK
        return OK if self.close(apdu.p2 or apdu.channel) else BAD_PARAMETERS

    def _select(self, apdu: Apdu) -> bytes:
        if apdu.p1 != BY_AID:
            return self._select_file(apdu)
        status = self.select(apdu.channel, apdu.data)
        if status != OK or self._open[apdu.channel] != ISD_R or apdu.p2 == NO_DATA or not apdu.length:
            return status
        self._answer[apdu.channel] = template = self._card.template(apdu.data)
        return bytes([0x61, len(template)])

    def _select_file(self, apdu: Apdu) -> bytes:
        path = [int.from_bytes(apdu.data[i : i + 2]) for i in range(0, len(apdu.data), 2)]
        if not path or len(apdu.data) % 2 or any(folder not in FOLDERS for folder in path[:-1]):
            return NOT_FOUND
        if path[-1] not in FOLDERS and self._card.read(path[-1]) is None:
            return NOT_FOUND
        if path[0] == MF or apdu.p1 == FROM_MF:
            self._open[apdu.channel] = USIM
        if self._open[apdu.channel] == ISD_R:
            return NOT_FOUND  # it has no files
        self._file[apdu.channel] = path[-1]
        if apdu.p2 == NO_DATA:
            return OK
        self._answer[apdu.channel] = parameters = self._parameters(path[-1])
        return bytes([0x61, len(parameters)])

    def _parameters(self, file: int) -> bytes:
        """The file control parameters template (TS 102 221 11.1.1.3): kind, identifier, state, size."""
        contents = self._card.read(file)
        about = bytes.fromhex("82027821" if contents is None else "82024121")
        about += b"\x83\x02" + file.to_bytes(2) + bytes.fromhex("8A0105")
        if contents is not None:
            about += b"\x80\x02" + len(contents).to_bytes(2)
        return bytes([0x62, len(about)]) + about

    def _read(self, apdu: Apdu) -> bytes:
        contents = self._card.read(self._file.get(apdu.channel, 0))
        if contents is None or self._open[apdu.channel] != USIM:
            return NO_FILE
        offset = apdu.p1 << 8 | apdu.p2
        return contents[offset : offset + (apdu.length or 256)] + OK

    def _update(self, apdu: Apdu) -> bytes:
        file = self._file.get(apdu.channel)
        if file != FPLMN:
            return NO_FILE if file is None else NOT_ALLOWED
        self._card.write_forbidden(apdu.data)
        return OK

    def _verify(self, apdu: Apdu) -> bytes:
        """Without a PIN: how many tries are left."""
        return bytes([0x63, 0xC0 | self._card.pin_tries]) if not apdu.data else NOT_ALLOWED

    def _store(self, apdu: Apdu) -> bytes:
        """One block of an ES10 request; the answer comes with the last."""
        channel = apdu.channel
        if self._open[channel] != ISD_R:
            return NO_INS
        if self._card.refresh_ms is not None:
            return NOT_NOW  # it waits for the REFRESH
        blocks = self._blocks.pop(channel, [])
        if "blocks-120" in self._quirks and len(apdu.data) > SHORT_BLOCK:
            return BAD_LENGTH
        if apdu.p1 & ~LAST_BLOCK != BER_TLV or apdu.p2 != len(blocks) & 0xFF:
            return BAD_PARAMETERS
        blocks.append(apdu.data)
        if apdu.p1 & LAST_BLOCK == 0:
            self._blocks[channel] = blocks
            return OK
        return self._asked(channel, b"".join(blocks))

    def _asked(self, channel: int, request: bytes) -> bytes:
        try:
            return self._answered(channel, self._card.es10(request))
        except LookupError:
            return NO_SUCH_DATA
        except ValueError:
            return BAD_DATA

    def _answered(self, channel: int, answer: bytes) -> bytes:
        done = PENDING if self._card.refresh_ms is not None and "fetch-pending" in self._quirks else OK
        if not answer or (len(answer) <= LONGEST and "get-response" not in self._quirks):
            return answer + done
        self._answer[channel] = answer
        return bytes([0x61, min(len(answer), LONGEST)])

    def _rest(self, apdu: Apdu) -> bytes:
        channel, length = apdu.channel, apdu.length
        answer = self._answer.pop(channel, b"")
        if not answer:
            return NOT_NOW
        if length > len(answer):
            self._answer[channel] = answer
            return bytes([0x6C, len(answer)])
        taken = answer[: length or LONGEST]
        rest = answer[len(taken) :]
        if not rest:
            return taken + OK
        self._answer[channel] = rest
        return taken + bytes([0x61, min(len(rest), LONGEST)])

    _instructions: ClassVar[dict[int, Callable[[Uicc, Apdu], bytes]]] = {
        0x20: _verify,
        0x70: _manage,
        0xA4: _select,
        0xAA: lambda uicc, apdu: OK,  # TERMINAL CAPABILITY
        0xB0: _read,
        GET_RESPONSE: _rest,
        0xD6: _update,
        STORE_DATA: _store,
        0xF2: lambda uicc, apdu: OK,  # STATUS
    }
