"""Staged roll-outs: a few devices first, then growing percentages, halted on failures. The order in which
devices report decides which are the first, because a device gets downlinks only after its uplinks."""

from math import ceil
from typing import Any, NamedTuple

from sqlalchemy import Row

from landbridge.core.texts import _, loaded, ngettext, stored

STAGES_PERCENT = (5, 25, 50, 100)
"""Percentage of the devices by stage; stage 0, before them, is the canaries."""
FAILURES_PERCENT = 5
"""Fraction of the reached devices that may fail before the roll-out halts. No canary may fail."""


class Tally(NamedTuple):
    """Numbers of devices that were reached, that succeeded, and that failed."""

    reached: int
    taken: int
    failed: int


def next_step(current: Row[Any], tally: Tally, now_s: int) -> dict[str, Any]:
    """Return the changes of a roll-out (columns canaries, stage_s, stage, stage_began_s, halted, forgiven):
    none, the next stage, or the reason to halt."""
    if current.halted is not None:
        return {}
    if 100 * (tally.failed - current.forgiven) > FAILURES_PERCENT * tally.reached:
        return {"halted": stored(failed(tally))}
    is_last = current.stage == len(STAGES_PERCENT)
    if not is_last and tally.taken >= current.canaries and now_s - current.stage_began_s >= current.stage_s:
        return {"stage": current.stage + 1, "stage_began_s": now_s}
    return {}


def failed(tally: Tally) -> str:
    """Return why a roll-out halts after too many failures."""
    return ngettext(
        "failed on {failed} of {number} device", "failed on {failed} of {number} devices",
        tally.reached, failed=tally.failed,
    )  # fmt: skip


def most_devices(current: Row[Any], meant: int) -> int:
    """Return how many of the `meant` devices it may reach by now: another canary for each that failed before
    it was resumed, or it would wait for those for ever."""
    fraction = STAGES_PERCENT[current.stage - 1] if current.stage else 0
    return max(int(current.canaries + current.forgiven), ceil(fraction * meant / 100))


def describe(current: Row[Any]) -> str:
    """Return its progress, in words."""
    if current.halted is not None:
        return _("halted: {reason}", reason=loaded(current.halted))
    return f"{STAGES_PERCENT[current.stage - 1]} %" if current.stage else _("canaries")
