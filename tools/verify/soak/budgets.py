"""The operators' limits for a tracker, and the worst sliding window of each.

N2, N3, N6, N11 are the numbers of the rules in the collection of operators' demands: Telefonica
TEF.IOT.DB_4.3 REQ_008 and REQ_009, GSMA TS.34, and the limits 1NCE suggests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tools.verify.soak.watch import NARROW, Try, Watch

S = 1_000
MIN = 60 * S
HOUR = 60 * MIN
DAY = 24 * HOUR
MONTH = 30 * DAY
PERMANENT = (2, 3, 6, 7, 8)
BACKOFF_H = (1, 4, 8, 16, 24, 36, 48, 72, 96)
"""After a permanent refusal nothing is asked for so long, longer after each further one."""


def most(times_ms: Sequence[int], window_ms: int, weights: Sequence[int] | None = None) -> int:
    """The most that any half-open window of this length holds: events, or the sum of their weights."""
    order = sorted(range(len(times_ms)), key=lambda i: times_ms[i])
    times = [times_ms[i] for i in order]
    sums = [0, *accumulate(weights[i] if weights else 1 for i in order)]
    ends = (sums[end + 1] - sums[bisect_left(times, time - window_ms + 1)] for end, time in enumerate(times))
    return max(ends, default=0)


def least_apart_s(times_ms: Sequence[int]) -> float | None:
    """The shortest time between two events, None when there are not two."""
    return min(((later - earlier) / S for earlier, later in pairwise(sorted(times_ms))), default=None)


def hasty(tries: Sequence[Try]) -> list[int]:
    """When a network was asked before the pause after the last permanent refusal was over."""
    found = []
    until_ms = refusals = 0
    for each in sorted(tries):
        if each.ms < until_ms:
            found.append(each.ms)
        if each.accepted:
            until_ms = refusals = 0
        elif each.cause in PERMANENT:
            until_ms = max(until_ms, each.ms + BACKOFF_H[min(refusals, len(BACKOFF_H) - 1)] * HOUR)
            refusals += 1
    return found


@dataclass(frozen=True)
class Row:
    """One line of the table: what was counted, its worst, what is allowed (None: no limit).

    A try of a registration asks one network, for an attach or for a new tracking area.
    """

    what: str
    worst: float
    allowed: float | None
    rule: str = ""
    at_least: bool = False
    """The figure must not fall below what is allowed, rather than not rise above it."""

    @property
    def kept(self) -> bool:
        """Whether the budget has held."""
        if self.allowed is None:
            return True
        return self.worst >= self.allowed if self.at_least else self.worst <= self.allowed


@dataclass(frozen=True)
class Counted:
    """Something that is counted in windows: a name, its times, and (window, name, limit, rule) each."""

    what: str
    times: Callable[[Watch], Sequence[int]]
    windows: tuple[tuple[int, str, float | None, str], ...]


COUNTED = (
    Counted(
        "attaches",
        lambda watch: watch.attaches,
        ((HOUR, "hour", 10, "N2"), (DAY, "day", 24, "N11")),
    ),
    Counted(
        "attaches by the modem itself",
        lambda watch: watch.own_attaches,
        ((HOUR, "hour", None, ""), (DAY, "day", None, "")),
    ),
    Counted(
        "registrations tried",
        lambda watch: [each.ms for each in watch.tries],
        ((HOUR, "hour", None, ""), (DAY, "day", 720, "N11")),
    ),
    Counted(
        "LTE-M, NB-IoT attaches tried",
        lambda watch: [each.ms for each in watch.tries if each.attach and each.rat in NARROW],
        ((DAY, "day", 24, "N11"),),
    ),
    Counted("PDP contexts asked for", lambda watch: watch.contexts, ((HOUR, "hour", 60, "N6"),)),
    Counted("modem resets", lambda watch: watch.resets, ((HOUR, "hour", 1, "N3"),)),
    Counted(
        "messages",
        lambda watch: watch.messages,
        ((HOUR, "hour", None, ""), (DAY, "day", 120, "N11")),
    ),
)


def table(watch: Watch) -> list[Row]:
    """All that was counted on one trip, and what is allowed."""
    rows = [
        Row(f"{counted.what}, {name}", most(counted.times(watch), window_ms), allowed, rule)
        for counted in COUNTED
        for window_ms, name, allowed, rule in counted.windows
    ]
    apart_s = least_apart_s(watch.attaches)
    if apart_s is not None:
        rows.insert(0, Row("seconds between two attaches", apart_s, 60, "N2", at_least=True))
    rows.append(Row("too soon after a permanent refusal", len(hasty(watch.tries)), 0, "N3"))
    passed = most([each.ms for each in watch.passed], MONTH, [each.size for each in watch.passed])
    rows.append(Row("MB in 30 days", passed / 1e6, 10, "N11"))
    return rows
