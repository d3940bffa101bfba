"""A damaged database page delays only the devices whose points are on it."""

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from landbridge import app as service
from landbridge import cli, config_file
from landbridge.db.database import is_damaged
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.operations import health
from landbridge.points import quality
from sqlalchemy.exc import DatabaseError

from host_tests.support.agent import DEVICE, NOW_S, Installation, acknowledged, point, wait_until
from tools.verify.harness.ports import free_port
from tools.verify.harness.stored import store

OTHER = "lb-unknown"
"""The bench's broker knows it."""
_EACH = 600
"""Points of each device: several pages full."""


@pytest.fixture
def damaged(installation: Installation) -> Installation:
    """Two devices; the pages of the first one's points are as after a bad sector."""
    with installation.database().writing() as connection:
        wrapped = Keyring(installation.config.store.database).wrap(bytes(32), first=False)
        devices.add(connection, OTHER, wrapped, NOW_S)
        for device in (DEVICE, OTHER):
            checked = [quality.check(point(seq), None, NOW_S) for seq in range(1, _EACH + 1)]
            store(connection, device, checked, NOW_S)
    installation.database().close()
    damage_points_of(DEVICE, Path(installation.config.store.database))
    return installation


def damage_points_of(device: str, file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = database.execute("PRAGMA page_size").fetchone()[0]
    database.close()
    content = bytearray(file.read_bytes())
    full = 0
    for begin in range(0, len(content), size):
        page = content[begin : begin + size]
        # A leaf of a table without rowid, which the points are.
        if page[0] == 0x0A and page.count(device.encode()) > 20:
            content[begin : begin + size] = b"\xff" * size
            full += 1
    assert full > 2
    file.write_bytes(content)


def test_uplinks_that_a_damaged_database_cannot_store_are_dead_lettered_and_not_acknowledged(
    damaged, monkeypatch
):
    damaged.start()
    broken = damaged.device()
    broken.publish(broken.seal([point(_EACH + 1)]))
    whole = damaged.device(bytes(32), OTHER)
    assert acknowledged(whole.send([point(_EACH + 1)])) == [(_EACH + 1, _EACH + 1)]
    (reason,) = wait_until(damaged.dead_letters, "a dead letter")
    assert reason.startswith("the database is damaged: ") and "malformed" in reason
    broken.publish(broken.seal([point(_EACH + 2)]))
    wait_until(lambda: len(damaged.dead_letters()) == 2, "another one")
    assert acknowledged(whole.send([point(_EACH + 2)])) == [(_EACH + 2, _EACH + 2)]
    assert broken.replies() == [], "it would forget what is stored nowhere"


def test_health_and_doctor_say_so_and_the_agent_is_not_restarted_for_it(damaged, monkeypatch, capsys):
    port = free_port()
    monkeypatch.setenv("LANDBRIDGE_WATCH_PORT", str(port))
    damaged.config = config_file.load()
    reported: list[str] = []
    monkeypatch.setattr(service, "notify", reported.append)
    monkeypatch.setattr(service, "WATCH_S", 0.05)
    damaged.start()
    broken = damaged.device()
    broken.publish(broken.seal([point(_EACH + 1)]))
    said = wait_until(partial(problem, port), "what is wrong")
    assert said[0].startswith(f"landbridge/{DEVICE}/up: the database is damaged: "), said
    reported.clear()
    wait_until(lambda: "WATCHDOG=1" in reported, "a start would not mend it")
    with pytest.raises(SystemExit) as ended:
        cli.app(["doctor"])
    out = capsys.readouterr().out
    assert (
        ended.value.code == 1 and "is damaged" in out and "restore the backup: devices send again" in out
    ), out


def problem(port: int) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            found: list[str] = json.load(answer)["problems"]
    except urllib.error.HTTPError as answer:
        found = json.load(answer)["problems"]
    except OSError:
        return []
    return found


def test_damage_that_a_restart_repairs_is_reported_separately():
    both = health.Health([lambda: "hangs"], [lambda: "damaged"])
    assert both.problems() == ["hangs", "damaged"] and both.hangs() == ["hangs"]


class Error(sqlite3.DatabaseError):
    def __init__(self, **codes: Any) -> None:
        super().__init__("of the engine")
        self.__dict__ |= codes


class ServerError(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Error(sqlite_errorcode=11), True),
        (lambda: Error(sqlite_errorcode=267), True),
        (lambda: Error(sqlite_errorcode=26), False),
        (lambda: ServerError("XX001"), True),
        (lambda: ServerError("40001"), False),
    ],
)
def test_errors_that_are_damage(make: Callable[[], BaseException], expected: bool):
    assert is_damaged(DatabaseError("statement", None, make())) is expected
