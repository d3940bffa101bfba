"""Releases and their roll-out, at the agent: what is taken, assigned, handed out, and when it halts."""

import hashlib
import json
import struct
from binascii import crc32
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.core.errors import UserError
from landbridge.core.texts import loaded
from landbridge.db.database import Database, open_database
from landbridge.features.devices import queries as devices
from landbridge.features.updates import handler as updates
from landbridge.features.updates import queries as releases
from landbridge.features.updates.coding import decode_pull, decode_report, in_order
from landbridge.features.updates.releases import Release, read
from landbridge.protocol.limits import PIECE_BYTES, WireError
from landbridge.protocol.uplink import Uplink

from tools.flash import LayoutError
from tools.flash import release as builder

NOW_S = 845_500_000
DAY_S = 86_400
BOARD = "SIM"
CODE = b"M\x06" + bytes(range(250)) * 10


@pytest.fixture
def database(tmp_path: Path) -> Any:
    made = open_database(tmp_path / "agent.sqlite3")
    yield made
    made.close()


def add_release(database: Database, sequence: int = 2, canaries: int = 1, days: int = 2) -> Release:
    files = [("locator/a.mpy", CODE), ("locator/b.mpy", CODE)]
    release = Release(sequence, f"0.{sequence}.0", BOARD, 6, files)
    with database.writing() as connection:
        columns: dict[str, Any] = {"version": release.version, "mpy": 6, "file_list": release.file_list}
        releases.add(connection, BOARD, sequence, release.files, **columns, added_s=NOW_S)
        begun: dict[str, Any] = {"stage": 0, "stage_began_s": NOW_S, "forgiven": 0}
        key = (connection, BOARD, sequence)
        releases.add_rollout(*key, canaries=canaries, stage_s=days * DAY_S, **begun)
    return release


def hears(database: Database, device: str, reports: dict[int, Any], now_s: int = NOW_S) -> Any:
    """What the agent answers to an uplink with these reports."""
    with database.writing() as connection:
        if not devices.find(connection, device):
            devices.add(connection, device, b"", NOW_S)
        uplink = Uplink(reports=reports)
        updates.on_report(connection, device, uplink, now_s)
        return updates.pending(connection, device, uplink, now_s)


def says(
    running: int, failed: int = 0, reason: int = 0, on_trial: int = 0, board: str = BOARD
) -> dict[int, Any]:
    return {10: [running, on_trial, failed, reason, board]}


def test_a_device_that_has_not_reported_gets_no_update(database):
    add_release(database)
    assert hears(database, "lb-1", {}) == {}
    assert hears(database, "lb-1", says(1, board="OTHER")) == {}


def test_an_update_names_the_list_and_is_repeated_until_it_has_ended(database):
    release = add_release(database)
    device_update = {7: [2, len(release.file_list), hashlib.sha256(release.file_list).digest(), BOARD, 6]}
    assert hears(database, "lb-1", says(1)) == device_update
    assert hears(database, "lb-1", {}) == device_update
    assert hears(database, "lb-1", says(2, on_trial=1)) == {}
    assert hears(database, "lb-1", says(2)) == {}


def test_pieces_are_those_that_are_asked_for(database):
    release = add_release(database)
    hears(database, "lb-1", says(1))
    assert hears(database, "lb-1", {8: [2, 0, 0]}) == {8: [2, 0, 0, release.file_list]}
    assert hears(database, "lb-1", {8: [2, 2, 0]}) == {8: [2, 2, 0, CODE[:PIECE_BYTES]]}
    assert hears(database, "lb-1", {8: [2, 2, 2048]}) == {8: [2, 2, 2048, CODE[2048:]]}
    for beyond in ([2, 2, len(CODE)], [2, 3, 0], [1, 0, 0]):
        assert hears(database, "lb-1", {8: beyond}) == {}
    with database.reading() as connection:
        row = releases.by_device(connection)[0]
    assert (row.assigned, row.pulls, row.ended) == (2, 5, None)


def test_a_device_without_an_update_gets_no_piece(database):
    add_release(database, canaries=1)
    hears(database, "lb-1", says(1))
    assert hears(database, "lb-2", says(1)) == {}
    assert hears(database, "lb-2", {8: [2, 0, 0]}) == {}


def test_the_fleet_gets_it_in_stages(database):
    add_release(database, canaries=2, days=2)
    fleet = [f"lb-{i}" for i in range(40)]

    def assigned(now_s: int) -> int:
        return sum(7 in hears(database, device, {}, now_s) for device in fleet)

    for device in fleet:
        hears(database, device, says(1))
    assert assigned(NOW_S) == 2
    assert assigned(NOW_S + 30 * DAY_S) == 2  # none has taken it yet
    hears(database, "lb-0", says(2), NOW_S + DAY_S)
    hears(database, "lb-1", says(2), NOW_S + DAY_S)
    assert assigned(NOW_S + DAY_S) == 0  # too early
    at_s, total = NOW_S + 31 * DAY_S, 2
    for most in (2, 10, 20, 40):
        assigned(at_s)  # this contact begins the stage
        total += assigned(at_s) - (total - 2)
        assert total == most
        at_s += 2 * DAY_S
    with database.reading() as connection:
        assert releases.tally(connection, BOARD, 2) == (40, 2, 0)


def test_it_halts_when_it_fails(database):
    add_release(database, canaries=3)
    for i in range(3):
        hears(database, f"lb-{i}", says(1))
    assert hears(database, "lb-0", says(1, failed=2, reason=6)) == {}
    assert hears(database, "lb-1", {8: [2, 0, 0]}) == {}
    with database.reading() as connection:
        rollout = releases.rollout(connection, BOARD, 2)
        (line,) = releases.every(connection)
    assert rollout and loaded(rollout.halted) == "failed on 1 of 3 devices"
    assert (line.assigned, line.taken, line.failed) == (3, 0, 1)


def test_a_resumed_roll_out_excludes_devices_on_which_it_failed(database):
    add_release(database, canaries=3)
    for i in range(2):
        hears(database, f"lb-{i}", says(1))
    hears(database, "lb-0", says(1, failed=2, reason=6))
    with database.writing() as connection:
        releases.change_rollout(connection, BOARD, 2, halted=None, forgiven=1)
    assert hears(database, "lb-0", {}) == {}
    assert 7 in hears(database, "lb-1", {})
    reached = [i for i in range(2, 6) if 7 in hears(database, f"lb-{i}", says(1))]
    assert reached == [2, 3], "another canary in place of the first"
    for i in (1, 2, 3):
        hears(database, f"lb-{i}", says(2), NOW_S + DAY_S)
    with database.reading() as connection:
        rollout = releases.rollout(connection, BOARD, 2)
    assert rollout and (rollout.stage, rollout.halted) == (0, None)
    later_s = NOW_S + 3 * DAY_S
    assert [7 in hears(database, "lb-4", {}, later_s) for _ in range(2)] == [False, False], "5 % are no more"
    with database.reading() as connection:
        rollout = releases.rollout(connection, BOARD, 2)
    assert rollout and rollout.stage > 0, "it goes on"


def test_a_failure_before_the_take_over_changes_no_end(database):
    add_release(database)
    hears(database, "lb-1", says(1))
    hears(database, "lb-1", says(2))
    hears(database, "lb-1", says(2, failed=2, reason=6))
    with database.reading() as connection:
        assert releases.by_device(connection)[0].ended == releases.RUNNING


def test_a_device_that_runs_the_older_release_again_has_failed(database):
    add_release(database)
    for running in (1, 2):
        hears(database, "lb-1", says(running))
    assert hears(database, "lb-1", says(1)) == {}
    with database.reading() as connection:
        assert releases.by_device(connection)[0].ended == "fell back"
        rollout = releases.rollout(connection, BOARD, 2)
        assert rollout and loaded(rollout.halted) == "failed on 1 of 1 device"


def test_the_newest_release_goes_before_older_ones(database):
    add_release(database, 2)
    add_release(database, 3)
    assert hears(database, "lb-1", says(1))[7][0] == 3
    assert hears(database, "lb-2", says(3)) == {}


SCALARS = st.integers() | st.binary(max_size=8) | st.text(max_size=40) | st.none()


@given(st.recursive(SCALARS, st.lists, max_leaves=8))
def test_reports_of_any_shape_are_refused_or_noted(item):
    for check in (decode_report, decode_pull):
        try:
            values = check(item)
        except WireError:
            continue
        assert list(values) == item


def test_the_agent_reads_a_built_release(tmp_path):
    builder.build(tmp_path / "release", "SIM", modem="bg95")
    release = read(tmp_path / "release")
    assert (release.board, release.mpy, release.sequence >= 1) == ("SIM", 6, True)
    names = [name for name, _ in release.files]
    assert "locator/wake.mpy" in names and len(names) == len(set(names))
    assert len(release.file_list) == 40 * len(release.files)
    for i, (name, code) in enumerate(release.files):
        number, listed = crc32(name.encode()) & 0x3FFFFFFF, release.file_list[40 * i : 40 * i + 40]
        assert listed == struct.pack("<II", number, len(code)) + hashlib.sha256(code).digest()


def test_a_release_for_a_simulated_board_names_its_modem(tmp_path):
    with pytest.raises(LayoutError, match=r"SIM needs --modem"):
        builder.build(tmp_path / "release", "SIM")
    with pytest.raises(LayoutError, match="no modem 'bg96'"):
        builder.build(tmp_path / "release", "SIM", modem="bg96")
    assert not (tmp_path / "release").exists()


def test_two_paths_with_one_number_are_refused():
    """CRC-32 of both is 0x4DDB0C25: a known collision."""
    with pytest.raises(ValueError, match="buckeroo and plumless have the same number"):
        in_order({"buckeroo": b"", "plumless": b""})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sequence": 0}, "cannot be"),
        ({"sequence": "2"}, "not of a release"),
        ({"board": "a/b"}, "cannot be"),
        ({"files": ["locator/../../boot.py"]}, "cannot be"),
        ({"files": ["boot.py"]}, "cannot be"),
        ({"files": []}, "cannot be"),
        ({"files": ["locator/gone.mpy"]}, "is missing"),
        ({"mpy": 5}, "not compiled for runtime 5"),
    ],
)
def test_an_invalid_release_is_refused(tmp_path, changes, said):
    folder = tmp_path / "release"
    (folder / "locator").mkdir(parents=True)
    (folder / "locator" / "a.mpy").write_bytes(CODE)
    good = {"sequence": 2, "version": "0.2.0", "board": "SIM", "mpy": 6, "files": ["locator/a.mpy"]}
    (folder / "release.json").write_text(json.dumps(good))
    assert read(folder).sequence == 2
    (folder / "release.json").write_text(json.dumps(good | changes))
    with pytest.raises(UserError, match=said):
        read(folder)


def test_a_release_that_no_slot_holds_is_refused(tmp_path):
    (tmp_path / "locator").mkdir()
    (tmp_path / "locator" / "a.mpy").write_bytes(CODE * 60)
    manifest = {"sequence": 2, "version": "0", "board": "SIM", "mpy": 6, "files": ["locator/a.mpy"]}
    (tmp_path / "release.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="a slot takes"):
        read(tmp_path)
