"""Releases, their roll-outs, and the updates of each device."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from landbridge.db.among import among_given
from landbridge.db.tables import device_releases, device_updates, devices, release_files, releases, rollouts

RUNNING = "running"
"""Outcome of an update that succeeded."""
FELL_BACK = "fell back"
"""Outcome when the device runs an older release after all."""


def add(
    connection: Connection, board: str, sequence: int, files: Sequence[tuple[str, bytes]], **values: object
) -> None:
    """Store a new release: its files, (name, content) each, and the other columns."""
    connection.execute(insert(releases).values(board=board, sequence=sequence, **values))
    for file, (name, content) in enumerate(files, 1):
        row = {"board": board, "sequence": sequence, "file": file, "name": name, "content": content}
        connection.execute(insert(release_files).values(row))


def remove(connection: Connection, board: str, sequence: int) -> None:
    """Remove a release that no device was assigned."""
    connection.execute(delete(release_files).where(_is(release_files, board, sequence)))
    connection.execute(delete(releases).where(_is(releases, board, sequence)))


def find(connection: Connection, board: str, sequence: int) -> Row[Any] | None:
    """Return a release."""
    return connection.execute(select(releases).where(_is(releases, board, sequence))).one_or_none()


def newest(connection: Connection, board: str) -> int:
    """Return the highest sequence for `board`, 0 without any."""
    highest = select(func.max(releases.c.sequence)).where(releases.c.board == board)
    return connection.execute(highest).scalar_one() or 0


def every(connection: Connection) -> list[Row[Any]]:
    """Return (board, sequence, version, added_s, stage, halted, assigned, taken, failed) of each release,
    newest first; stage is None before a roll-out."""
    counted = func.count(device_updates.c.device)
    statement = (
        select(
            releases.c.board,
            releases.c.sequence,
            releases.c.version,
            releases.c.added_s,
            rollouts.c.stage,
            rollouts.c.halted,
            counted.label("assigned"),
            counted.filter(device_updates.c.ended == RUNNING).label("taken"),
            counted.filter(device_updates.c.ended != RUNNING).label("failed"),
        )
        .outerjoin(rollouts, _same(releases, rollouts))
        .outerjoin(device_updates, _same(releases, device_updates))
        .group_by(releases.c.board, releases.c.sequence, rollouts.c.board, rollouts.c.sequence)
        .order_by(releases.c.board, releases.c.sequence.desc())
    )
    return list(connection.execute(statement))


def devices_to_update(connection: Connection, names: Collection[str]) -> list[str]:
    """Return the devices on whose board a release newer than theirs rolls out."""
    return list(connection.execute(_outdated(), {"texts": list(names)}).scalars())


@cache
def _outdated() -> Select[Any]:
    newer = (rollouts.c.board == device_releases.c.board) & (rollouts.c.sequence > device_releases.c.running)
    statement = select(device_releases.c.device).where(among_given(device_releases.c.device))
    return statement.where(exists().where(newer))


def piece(connection: Connection, board: str, sequence: int, file: int, start: int, size: int) -> bytes:
    """Return at most `size` bytes of a file from `start` on, 0 being the list of files; empty: there is no
    such piece."""
    if file:
        content = select(release_files.c.content).where(
            _is(release_files, board, sequence), release_files.c.file == file
        )
    else:
        content = select(releases.c.file_list).where(_is(releases, board, sequence))
    found: bytes = connection.execute(content).scalar_one_or_none() or b""
    return found[start : start + size]


def rollout(connection: Connection, board: str, sequence: int) -> Row[Any] | None:
    """Return a roll-out."""
    return connection.execute(select(rollouts).where(_is(rollouts, board, sequence))).one_or_none()


def newest_rollout(connection: Connection, board: str, after: int) -> Row[Any] | None:
    """Return the roll-out of the newest release after number `after`, halted ones included."""
    of_board = select(rollouts).where(rollouts.c.board == board, rollouts.c.sequence > after)
    return connection.execute(of_board.order_by(rollouts.c.sequence.desc()).limit(1)).one_or_none()


def add_rollout(connection: Connection, board: str, sequence: int, **values: object) -> None:
    """Start a roll-out."""
    connection.execute(insert(rollouts).values(board=board, sequence=sequence, **values))


def change_rollout(connection: Connection, board: str, sequence: int, **values: object) -> None:
    """Change a roll-out."""
    connection.execute(update(rollouts).where(_is(rollouts, board, sequence)).values(**values))


def tally(connection: Connection, board: str, sequence: int) -> tuple[int, int, int]:
    """Return the numbers of devices that were assigned a release: (all, those that run it, those on which it
    failed)."""
    counted = func.count()
    statement = select(
        counted,
        counted.filter(device_updates.c.ended == RUNNING),
        counted.filter(device_updates.c.ended != RUNNING),
    ).where(_is(device_updates, board, sequence))
    assigned, taken, failed = connection.execute(statement).one()
    return assigned, taken, failed


def says(connection: Connection, device: str, board: str, running: int, on_trial: bool, now_s: int) -> None:
    """Store the report of a device."""
    values = {"board": board, "running": running, "on_trial": on_trial, "reported_s": now_s}
    statement = upsert(device_releases).values(device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device"], set_=values))


def of_device(connection: Connection, device: str) -> Row[Any] | None:
    """Return the last report of a device."""
    statement = select(device_releases).where(device_releases.c.device == device)
    return connection.execute(statement).one_or_none()


def fleet_size(connection: Connection, board: str) -> int:
    """Return the devices that have reported this board."""
    statement = select(func.count()).where(device_releases.c.board == board)
    return int(connection.execute(statement).scalar_one())


def device_update(connection: Connection, device: str, sequence: int) -> Row[Any] | None:
    """Return the update of a device to a release."""
    return connection.execute(select(device_updates).where(_of(device, sequence))).one_or_none()


def start_update(connection: Connection, device: str, board: str, sequence: int, now_s: int) -> None:
    """Note that a release is assigned to a device for the first time."""
    values = {"device": device, "board": board, "sequence": sequence, "assigned_s": now_s}
    connection.execute(insert(device_updates).values(**values, pulls=0, file=0, byte=0))


def pulled(connection: Connection, device: str, sequence: int, file: int, start: int) -> None:
    """Store the progress of an update."""
    values = {"pulls": device_updates.c.pulls + 1, "file": file, "byte": start}
    connection.execute(update(device_updates).where(_of(device, sequence)).values(**values))


def end_update(connection: Connection, device: str, sequence: int, how: str) -> None:
    """End an update; the first outcome stays."""
    statement = update(device_updates).where(_of(device, sequence), device_updates.c.ended.is_(None))
    connection.execute(statement.values(ended=how))


def fall_back(connection: Connection, device: str, board: str, running: int) -> None:
    """Note that the device runs this release and no newer one."""
    newer = (
        device_updates.c.device == device,
        device_updates.c.board == board,
        device_updates.c.sequence > running,
    )
    connection.execute(
        update(device_updates).where(*newer, device_updates.c.ended == RUNNING).values(ended=FELL_BACK)
    )


def by_device(connection: Connection, device: str | None = None) -> list[Row[Any]]:
    """Return (device, board, running, on_trial, reported_s, assigned, pulls, file, byte, ended) of each
    device, or of one, with its newest update; None where nothing was reported or assigned."""
    latest = select(device_updates.c.device, func.max(device_updates.c.sequence).label("sequence"))
    newest_update = latest.group_by(device_updates.c.device).subquery()
    statement = (
        select(
            devices.c.device,
            device_releases.c.board,
            device_releases.c.running,
            device_releases.c.on_trial,
            device_releases.c.reported_s,
            device_updates.c.sequence.label("assigned"),
            device_updates.c.pulls,
            device_updates.c.file,
            device_updates.c.byte,
            device_updates.c.ended,
        )
        .outerjoin(device_releases, device_releases.c.device == devices.c.device)
        .outerjoin(newest_update, newest_update.c.device == devices.c.device)
        .outerjoin(
            device_updates,
            and_(
                device_updates.c.device == devices.c.device,
                device_updates.c.sequence == newest_update.c.sequence,
            ),
        )
        .order_by(devices.c.device)
    )
    if device is not None:
        statement = statement.where(devices.c.device == device)
    return list(connection.execute(statement))


def _is(table: Any, board: str, sequence: int) -> Any:
    return and_(table.c.board == board, table.c.sequence == sequence)


def _same(one: Any, other: Any) -> Any:
    return and_(one.c.board == other.c.board, one.c.sequence == other.c.sequence)


def _of(device: str, sequence: int) -> Any:
    return and_(device_updates.c.device == device, device_updates.c.sequence == sequence)
