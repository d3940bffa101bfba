"""What a card has used: measured payload, and a model of what goes with it on the air.

Figures: platform facts of this project, measured on loopback with TLS 1.2 and one ECDSA certificate
(docs/reference/budgets.md). The operator counts IP bytes, so the model does too.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from landbridge.core.clock import from_epoch_s, to_epoch_s

SESSION_BYTES = 1_250 + 1_083
"""TCP set-up and close, CONNECT, SUBSCRIBE, DISCONNECT; a full handshake that authenticates the server."""
MESSAGE_BYTES = 248
"""PUBLISH and PUBACK without the payload: MQTT, TLS records, TCP/IP headers both ways."""
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


def month_s(now_s: int) -> int:
    """The beginning of the month, UTC."""
    now = from_epoch_s(now_s)
    return to_epoch_s(datetime(now.year, now.month, 1, tzinfo=UTC))


class Span(NamedTuple):
    """From a time on, something was so."""

    from_s: int
    what: str


def at(spans: Sequence[Span], at_s: int) -> str:
    """What was so at a time, spans by time; "" before the first."""
    begun = bisect_right(spans, at_s, key=lambda span: span.from_s)
    return spans[begun - 1].what if begun else ""


def split(messages: Iterable[Message], *by: Sequence[Span]) -> dict[tuple[str, ...], Used]:
    """By what was so in each of `by` when each message came: its ICCID, its country, ..."""
    parts: dict[tuple[str, ...], list[Message]] = {}
    for each in messages:
        parts.setdefault(tuple(at(spans, each.at_s) for spans in by), []).append(each)
    return {key: used(part) for key, part in sorted(parts.items())}
