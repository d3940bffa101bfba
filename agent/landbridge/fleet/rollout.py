"""How a release reaches the fleet: a few devices first, then growing shares, halted when it fails.

Which devices are the first is decided by who calls first: a release is offered in replies only, never sent.
"""

from math import ceil
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.store import releases

SHARES_PERCENT = (5, 25, 50, 100)
"""Of the devices with the board, by stage; stage 0, before them, is the canaries."""
FAILURES_PERCENT = 5
"""Of the devices that were offered a release: so many may fail before its roll-out halts. Of the few
canaries, none."""


def rolls_out(connection: Connection, rollout: Row[Any], now_s: int) -> bool:
    """Whether the roll-out goes on; halts it, or takes it to its next stage, when it is time."""
    if rollout.halted is not None:
        return False
    offered, taken, failed = releases.tally(connection, rollout.board, rollout.sequence)
    key = (connection, rollout.board, rollout.sequence)
    if 100 * (failed - rollout.forgiven) > FAILURES_PERCENT * offered:
        releases.change_rollout(*key, halted=f"failed on {failed} of {offered} devices")
        return False
    is_last = rollout.stage == len(SHARES_PERCENT)
    if not is_last and taken >= rollout.canaries and now_s - rollout.stage_began_s >= rollout.stage_s:
        releases.change_rollout(*key, stage=rollout.stage + 1, stage_began_s=now_s)
    return True


def most_devices(connection: Connection, board: str, sequence: int) -> int:
    """To how many devices the release may be offered by now."""
    rollout = releases.rollout(connection, board, sequence)
    if rollout is None:
        return 0
    share = SHARES_PERCENT[rollout.stage - 1] if rollout.stage else 0
    most: int = rollout.canaries
    return max(most, ceil(share * releases.fleet_size(connection, board) / 100))
