"""What a card has used: measured payload, and a model of what goes with it on the air.

Figures: platform facts of this project, measured on loopback with TLS 1.2 and one ECDSA certificate
(docs/budgets.md). The operator counts IP bytes, so the model does too.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SESSION_BYTES = 1_250 + 1_083
"""TCP set-up and close, CONNECT, SUBSCRIBE, DISCONNECT; a full handshake that authenticates the server."""
MESSAGE_BYTES = 248
"""PUBLISH and PUBACK beside the payload: MQTT, TLS records, TCP/IP headers both ways."""
REPLY_BYTES = 350
"""A reply, with the same around it."""
KEPT_S = 400 * 86_400
"""So long it stays known what came: thirteen months at least."""
SESSION_S = 120
"""Messages that lie no further apart came over one connection."""


class Message(NamedTuple):
    """One uplink."""

    at_s: int
    payload_bytes: int
    times: int = 1
    """It came so often."""


class Used(NamedTuple):
    """What a card used in a time."""

    sessions: int
    messages: int
    payload_bytes: int

    @property
    def on_air_bytes(self) -> int:
        """By the model."""
        around = self.messages * (MESSAGE_BYTES + REPLY_BYTES)
        return self.sessions * SESSION_BYTES + around + self.payload_bytes


def used(messages: Iterable[Message]) -> Used:
    """The sum of messages by time."""
    sessions = count = payload_bytes = 0
    before_s: int | None = None
    for each in messages:
        if before_s is None or each.at_s - before_s > SESSION_S:
            sessions += 1
        before_s = each.at_s
        count += each.times
        payload_bytes += each.payload_bytes * each.times
    return Used(sessions, count, payload_bytes)


class Span(NamedTuple):
    """From a time on, something was so."""

    from_s: int
    what: str


def at(spans: Sequence[Span], at_s: int) -> str:
    """What was so at a time, spans by time; "" before the first."""
    found = [each.what for each in spans if each.from_s <= at_s]
    return found[-1] if found else ""


def split(
    messages: Iterable[Message], cards: Sequence[Span], countries: Sequence[Span]
) -> dict[tuple[str, str], Used]:
    """By (ICCID, MCC) that held when each message came."""
    parts: dict[tuple[str, str], list[Message]] = {}
    for each in messages:
        parts.setdefault((at(cards, each.at_s), at(countries, each.at_s)), []).append(each)
    return {key: used(part) for key, part in sorted(parts.items())}
