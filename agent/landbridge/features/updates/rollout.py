"""Rolls out a release to the devices with its board (core/stages.py)."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core import stages
from landbridge.core.errors import UserError
from landbridge.core.texts import _, stored
from landbridge.db import audit
from landbridge.features.updates import queries as releases


def begin(
    connection: Connection, board: str, sequence: int, canaries: int, stage_s: int, who: str, now_s: int
) -> Row[Any]:
    """Start a roll-out, or resume a halted one; return the release. `UserError` if there is none."""
    found = known(connection, board, sequence)
    failed = releases.tally(connection, board, sequence)[2]
    values = {"canaries": canaries, "stage_s": stage_s, "halted": None, "forgiven": failed}
    if releases.rollout(connection, board, sequence) is None:
        releases.add_rollout(connection, board, sequence, stage=0, stage_began_s=now_s, **values)
    else:
        releases.change_rollout(connection, board, sequence, **values)
    _say(connection, found, _("roll-out of {version} for {board} started", **_named(found)), who, now_s)
    return found


def halt(connection: Connection, board: str, sequence: int, who: str, now_s: int) -> None:
    """Halt a roll-out; `UserError` if there is none."""
    found = known(connection, board, sequence)
    if releases.rollout(connection, board, sequence) is None:
        raise UserError(
            _("release {number} for {board} is not being rolled out", number=sequence, board=board)
        )
    releases.change_rollout(connection, board, sequence, halted=stored(_("by an operator")))
    _say(connection, found, _("roll-out of {version} for {board} halted", **_named(found)), who, now_s)


def _say(connection: Connection, release: Row[Any], what: str, who: str, now_s: int) -> None:
    """Say in the audit log what was done with the roll-out of a release."""
    audit.add(connection, who, what, now_s)
    audit.call(connection, "roll-out", f"{release.board}/{release.sequence}", release.version)


def _named(release: Row[Any]) -> dict[str, str]:
    return {"version": release.version, "board": release.board}


def known(connection: Connection, board: str, sequence: int) -> Row[Any]:
    """Return the release; `UserError` if there is none."""
    found = releases.find(connection, board, sequence)
    if found is None:
        raise UserError(
            _(
                "no release {number} for {board}; `landbridge updates list` lists them",
                number=sequence,
                board=board,
            )
        )
    return found


def stage(row: Row[Any]) -> str | None:
    """Return the progress of the roll-out in a row of `releases.every`, in words; None if it has not
    begun."""
    return None if row.stage is None else stages.describe(row)


def rolls_out(connection: Connection, rollout: Row[Any], now_s: int) -> bool:
    """Whether the roll-out continues; changes its stage or halts it when due."""
    key = (connection, rollout.board, rollout.sequence)
    step = stages.next_step(rollout, stages.Tally(*releases.tally(*key)), now_s)
    if step:
        releases.change_rollout(*key, **step)
    return rollout.halted is None and "halted" not in step


def most_devices(connection: Connection, board: str, sequence: int) -> int:
    """Return how many devices the release may be assigned to by now."""
    rollout = releases.rollout(connection, board, sequence)
    return stages.most_devices(rollout, releases.fleet_size(connection, board)) if rollout else 0
