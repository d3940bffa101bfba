"""How something new reaches the fleet: a few devices first, then growing shares, halted when it fails.

Which devices are the first is decided by who calls first: nothing is sent to a device that has not spoken.
"""

from math import ceil
from typing import Any, NamedTuple

from sqlalchemy import Row

from landbridge.core.texts import _, loaded, ngettext, stored

STAGES_PERCENT = (5, 25, 50, 100)
"""Of the devices that are meant, by stage; stage 0, before them, is the canaries."""
FAILURES_PERCENT = 5
"""Of the devices that were reached: so many may fail before it halts. Of the few canaries, none."""


class Tally(NamedTuple):
    """So many devices were reached, have taken it, and have failed to."""

    reached: int
    taken: int
    failed: int


def next_step(stands: Row[Any], tally: Tally, now_s: int) -> dict[str, Any]:
    """What changes in a roll-out (with columns canaries, stage_s, stage, stage_began_s, halted, forgiven):
    nothing, its next stage, or why it halts."""
    if stands.halted is not None:
        return {}
    if 100 * (tally.failed - stands.forgiven) > FAILURES_PERCENT * tally.reached:
        return {"halted": stored(failed(tally))}
    is_last = stands.stage == len(STAGES_PERCENT)
    if not is_last and tally.taken >= stands.canaries and now_s - stands.stage_began_s >= stands.stage_s:
        return {"stage": stands.stage + 1, "stage_began_s": now_s}
    return {}


def failed(tally: Tally) -> str:
    """Why a roll-out halts that has failed on too many devices."""
    return ngettext(
        "failed on {failed} of {number} device", "failed on {failed} of {number} devices",
        tally.reached, failed=tally.failed,
    )  # fmt: skip


def most_devices(stands: Row[Any], meant: int) -> int:
    """To how many of the devices that are `meant` it may go by now."""
    fraction = STAGES_PERCENT[stands.stage - 1] if stands.stage else 0
    return max(int(stands.canaries), ceil(fraction * meant / 100))


def describe(stands: Row[Any]) -> str:
    """How far it is, in words."""
    if stands.halted is not None:
        return _("halted: {reason}", reason=loaded(stands.halted))
    return f"{STAGES_PERCENT[stands.stage - 1]} %" if stands.stage else _("canaries")
