"""The data usage of a card: measured payload, and a model of the overhead on the air.

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
"""A downlink with the same overhead."""
KEPT_S = 400 * 86_400
"""Time for which uplinks must stay stored: thirteen months at least."""
SESSION_S = 120
"""Messages at most this far apart used one connection."""


class Message(NamedTuple):
    """An uplink."""

    at_s: int
    payload_bytes: int
    times: int = 1
    """How often it arrived."""


class Used(NamedTuple):
    """The usage of a card in a period."""

    sessions: int
    messages: int
    payload_bytes: int

    @property
    def on_air_bytes(self) -> int:
        """Bytes by the model."""
        around = self.messages * (MESSAGE_BYTES + REPLY_BYTES)
        return self.sessions * SESSION_BYTES + around + self.payload_bytes


def used(messages: Iterable[Message]) -> Used:
    """Return the sum of messages by time."""
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
    """Return the beginning of the month, UTC."""
    now = from_epoch_s(now_s)
    return to_epoch_s(datetime(now.year, now.month, 1, tzinfo=UTC))


class Span(NamedTuple):
    """A value that holds from a time on."""

    from_s: int
    what: str


def at(spans: Sequence[Span], at_s: int) -> str:
    """Return the value at a time, from values by time; "" before the first."""
    begun = bisect_right(spans, at_s, key=lambda span: span.from_s)
    return spans[begun - 1].what if begun else ""


def split(messages: Iterable[Message], *by: Sequence[Span]) -> dict[tuple[str, ...], Used]:
    """Sum by the values in each of `by` at the arrival of each message: its ICCID, its country, ..."""
    parts: dict[tuple[str, ...], list[Message]] = {}
    for each in messages:
        parts.setdefault(tuple(at(spans, each.at_s) for spans in by), []).append(each)
    return {key: used(part) for key, part in sorted(parts.items())}
