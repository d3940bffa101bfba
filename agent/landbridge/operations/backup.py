"""`landbridge backup` and `landbridge reprocess`: copy the database, decode stored uplinks again."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import typer

from landbridge.core.errors import UserError
from landbridge.db.opened import opened
from landbridge.features.devices import queries as devices
from landbridge.ingest.reprocess import Came, reprocess

_DAY_S = 86_400
_FILE = typer.Argument(help="File to write; it must not exist.")
_DEVICE = typer.Argument(None, help="Device id; default: all devices.")
_DAYS = typer.Option(36_500, "--days", min=1, max=36_500, help="Only uplinks of the last days.")


def backup(file: Path = _FILE) -> None:
    """Back up the database; the agent may run meanwhile

    Back up the key file separately.

    \b
    Example:
      landbridge backup /mnt/backup/landbridge-monday.sqlite3
    """
    with opened() as it:
        if it.database.on_server:
            raise UserError("the database is on a server: use pg_dump; agents may keep running")
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise UserError(f"{file} already exists; name another file") from None
        try:
            state = _copied(it.database.place, file)
        except sqlite3.Error as error:
            for ending in ("", "-wal", "-shm"):
                file.with_name(file.name + ending).unlink(missing_ok=True)
            raise UserError(f"cannot copy to {file}: {error}; is there enough space?") from None
    if state != "ok":
        raise UserError(f"the copy {file} is damaged: {state}; is the disk damaged?")
    print(f"copied to {file}; keep the key file separately: without it no message can be decrypted")


def _copied(place: str, file: Path) -> str:
    """Return SQLite's check of the copy: "ok"."""
    with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)  # in one step, so that the copy has one state
        (state,) = target.execute("PRAGMA quick_check").fetchone()
    return str(state)


def read_again(device: str | None = _DEVICE, days: int = _DAYS) -> None:
    """Decode stored uplinks again, and correct points

    Use it after an update of the agent, or after the clock of this machine was corrected. Points that differ
    are published again. A point that was dated later than it arrived becomes valid once its time has come,
    unless a later one is dated before it: this machine's clock is taken to have been slow, not the device's
    fast.

    \b
    Examples:
      landbridge reprocess
      landbridge reprocess lb-0001 --days 30
    """
    total = Came(0, 0, 0, 0)
    with opened() as it:
        with it.database.reading() as connection:
            if device is None:
                names = devices.in_use(connection)
            else:
                names = [devices.device_in_use(connection, device).device]
        # Older points were removed on purpose.
        days = min(days, it.config.store.points_days or days)
        for name in names:
            now_s = it.clock.now_s()
            with it.database.writing(alone=False) as connection:
                came = reprocess(connection, it.keyring, name, now_s - days * _DAY_S, now_s)
            total = Came(*map(sum, zip(total, came, strict=True)))
    print(f"{total.uplinks} uplinks decoded, {total.unreadable} unreadable")
    print(f"{total.changed} points changed, {total.added} added")
