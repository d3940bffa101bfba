"""Remote SIM Provisioning on the card: ES10b of SGP.22 in the ISD-R, and of SGP.32 on an IoT eUICC.

The card makes it when the first request comes: one that is never asked costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.modem.card.rsp import identity, info
from tools.modem.card.rsp.iot import Iot
from tools.modem.card.rsp.load import PACKAGE, SEQUENCES, Load
from tools.modem.card.rsp.session import Session
from tools.modem.card.rsp.times import SIGN_MS, VERIFY_MS

if TYPE_CHECKING:
    from tools.modem.card.euicc import Euicc

SEGMENT_TAGS = frozenset(bytes([tag]) for tag in (*SEQUENCES, *SEQUENCES.values()))


class Rsp:
    """Of one card."""

    def __init__(self, card: Euicc) -> None:
        self._card = card
        self._identity = card.identity()
        self._session = Session(self._identity, identity.Random(self._identity.eid), self._info2)
        self.load = Load(card, self._session)
        self.iot = Iot(card, self._identity)

    def reset(self) -> None:
        """The card was reset: no session any more, and no load."""
        self.load.interrupt()
        self._session.reset()

    def segment(self, request: bytes) -> bytes | None:
        """The answer to a segment of a package; None: it is another request, which interrupts a load."""
        if request[:2] == PACKAGE.to_bytes(2) or (self.load.prepared and request[:1] in SEGMENT_TAGS):
            return self.load.segment(request)
        self.load.interrupt()
        return None

    def answer(self, tag: int, value: bytes) -> bytes:
        """The value of the answer. Raises LookupError for an unknown tag, ValueError for a bad value."""
        answers: dict[int, tuple[Callable[[bytes], bytes], int]] = {
            0xBF20: (lambda _: info.info1(self._identity), 0),
            0xBF21: (self._session.prepare, 2 * VERIFY_MS + SIGN_MS),
            0xBF22: (lambda _: self._info2(), 0),
            0xBF2E: (self._session.challenge, 0),
            0xBF38: (self._session.authenticate, 2 * VERIFY_MS + SIGN_MS),
            0xBF41: (self._session.cancel, SIGN_MS),
        }
        function, work_ms = answers[tag]
        self._card.work_ms += work_ms
        return function(value)

    def _info2(self) -> bytes:
        card = self._card
        return info.info2(self._identity, len(card.profiles), card.free(), card.iot)
