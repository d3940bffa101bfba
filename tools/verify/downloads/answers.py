"""Answers of servers and cards to a download, and the expected result of the order: codes of ES9+ (SGP.22
5.2.6), failures without a code, results of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tools.world.services.smdp.binding import DAMAGES as PACKAGE_DAMAGES
from tools.world.services.smdp.codes import STATUS
from tools.world.services.smdp.damage import DAMAGES
from tools.world.services.smdp.server import Fault

INITIATE, AUTHENTICATE, PACKAGE = "initiateAuthentication", "authenticateClient", "getBoundProfilePackage"


@dataclass(frozen=True)
class Answer:
    """`function` answers with `fault` (arguments of `Fault`), or the card has a quirk. The order ends `state`
    with these `words` in its sentence, after this many `sessions` of the card."""

    name: str
    words: str = ""
    state: str = "failed"
    sessions: int = 1
    function: str = ""
    fault: tuple[tuple[str, Any], ...] = ()
    quirk: str = ""
    damage: str = ""
    """The error in the objects that the server signs or protects."""

    def faults(self) -> list[Fault]:
        """For the server."""
        return [Fault(self.function, **dict(self.fault))] if self.function else []

    @property
    def refusal(self) -> str | None:
        """The code that the order keeps."""
        status = STATUS.get(self.name)
        return "/".join(status) if status and self.state == "failed" else None


def _code(name: str, words: str, function: str = AUTHENTICATE) -> Answer:
    return Answer(name, words, function=function, fault=(("status", name),))


def _passing(name: str, sessions: int, function: str, **fault: Any) -> Answer:
    return Answer(name, "", "installed", sessions, function, tuple(fault.items()))


ALL = (
    _code("other-eid", "the code is for another card"),
    _code("no-room", "no room for the profile"),
    _code("euicc-signature", "does not accept the card's signature"),
    _code("eum-certificate", "does not accept the maker of the card"),
    _code("eum-expired", "the certificate of the card's maker has expired"),
    _code("euicc-certificate", "does not accept the card's certificate"),
    _code("euicc-expired", "the card's certificate has expired"),
    _code("not-released", "not released yet"),
    _code("no-rebinding", "already been issued", PACKAGE),
    _code("not-eligible", "no profile for such a card"),
    _code("matching-id", "does not know the matching ID"),
    _code("confirmation-missing", "the confirmation code is missing", PACKAGE),
    _code("confirmation-wrong", "the confirmation code is wrong", PACKAGE),
    _code("confirmation-exhausted", "wrong too often", PACKAGE),
    _code("address", "another name", INITIATE),
    _code("unknown-ci", "no certificate authority in common", INITIATE),
    _code("order-expired", "the code has expired"),
    _code("too-many-downloads", "used too often"),
    _passing("unknown-transaction", 2, AUTHENTICATE, status="unknown-transaction", times=1),
    Answer("unknown-transaction for ever", "given up after 10 sessions", sessions=10, function=AUTHENTICATE,
           fault=(("status", "unknown-transaction"),)),
    _passing("HTTP 503", 1, PACKAGE, http=503, times=1),
    _passing("HTTP 503 four times", 2, PACKAGE, http=503, times=4),
    _passing("an answer that is cut", 1, PACKAGE, cut=900, times=1),
    Answer("HTTP 404", "answers with status 404", function=INITIATE, fault=(("http", 404),)),
    Answer("ICCID there already", "ICCID", quirk="load-iccid"),
    Answer("no memory", "memory", quirk="load-memory"),
    Answer("every load is interrupted", "interrupted", sessions=2, quirk="load-interrupted"),
    *(Answer(each, damage=each) for each in sorted(DAMAGES | PACKAGE_DAMAGES)),
)  # fmt: skip
