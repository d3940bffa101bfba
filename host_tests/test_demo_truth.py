"""The ledger of a trip tells kept, lost and falsified records apart."""

from types import SimpleNamespace
from typing import Any

import pytest
from locator.journal.ledger import Ledger
from locator.journal.store import Journal

from tools.modem.air import Fix
from tools.world.delivered import START_S
from tools.world.trip import START_UTC_S, Given, SeenCell, Sense
from tools.world.truth import Truth

FIX = Fix(START_UTC_S + 60.0, 29.630004, 106.389996, 251.0, 61.6, 47.0, 1.1, 9)
SENSE = Sense(60_000, 3_611, -123, 40, 0)
CELL = SeenCell(60_000, "46000", "emtc", 4_100, 77_001, -93)
# kind, quality, events, seq, time, boot, position (7), battery, temperature, cell (4), motion
RECORD = [
    1,
    3,
    0,
    0,
    START_S + 60,
    1,
    29_63000,
    106_39000,
    126,
    62,
    23,
    5,
    9,
    181,
    -25,
    460_000,
    4_100,
    77_001,
    93,
    40,
]
"""What the device must make of these."""  # fmt: skip
AT = {
    "kind": 0,
    "time": 4,
    "lat": 6,
    "lon": 7,
    "speed": 9,
    "battery": 13,
    "temperature": 14,
    "cell": 17,
    "motion": 19,
}


@pytest.fixture
def world(tmp_path):
    """A device's flash, its journal, and the truth about it, after one wake that gave one of each."""
    trip: Any = SimpleNamespace(env=SimpleNamespace(now=0), given=Given())
    truth = Truth(tmp_path, trip)
    ledger = Ledger(str(tmp_path / "data"), 0)
    journal = Journal(str(tmp_path / "data"), ledger)
    trip.env.now = 70_000
    trip.given = Given([FIX], [SENSE], [CELL])
    return SimpleNamespace(truth=truth, ledger=ledger, journal=journal)


def stored(world, **changes):
    """What the agent has of each record, with `changes`."""
    return {seq: fields | changes for seq, fields in world.truth.records.items()}


def test_a_true_record_that_was_stored(world):
    world.journal.append(list(RECORD))
    world.truth.after_wake()
    settled = world.truth.settle(stored(world))
    assert (settled.taken, settled.stored, settled.lost, settled.wrong) == (1, 1, 0, [])


@pytest.mark.parametrize("field", ["lat", "lon", "speed", "battery", "temperature", "cell", "motion", "time"])
def test_a_record_that_says_something_else_than_the_world(world, field):
    record = list(RECORD)
    record[AT[field]] += 1 if field != "time" else 600
    world.journal.append(record)
    world.truth.after_wake()
    settled = world.truth.settle(stored(world))
    assert settled.lost == 1
    assert settled.wrong[0].startswith("record 1: ")


def test_a_record_that_the_agent_stored_otherwise(world):
    world.journal.append(list(RECORD))
    world.truth.after_wake()
    settled = world.truth.settle(stored(world, lat=29_63001))
    assert settled.wrong == ["record 1 as stored: lat 2963001 for 2963000"]
    assert settled.lost == 1


def test_a_cell_record_has_no_position_in_the_database(world):
    world.journal.append([2, 1, 0, 0, START_S + 60, 1, *[0] * 7, *RECORD[13:]])
    world.truth.after_wake()
    none = dict.fromkeys(("lat", "lon", "alt", "speed", "heading", "hdop", "sats"))
    assert world.truth.settle(stored(world, **none)).lost == 0
    assert world.truth.settle(stored(world)).lost == 1


def test_a_record_that_waits_in_flash_is_not_lost(world):
    world.journal.append(list(RECORD))
    world.truth.after_wake()
    settled = world.truth.settle({})
    assert (settled.in_flash, settled.lost) == (1, 0)
    assert world.truth.pending() == 1


def test_a_record_acknowledged_and_not_stored_is_lost(world):
    world.journal.append(list(RECORD))
    world.truth.after_wake()
    world.journal.acknowledge([1, 1])
    assert world.truth.pending() == 0
    assert world.truth.settle({}).lost == 1


def test_a_thinned_record_is_not_lost(world, tmp_path):
    world.journal.append(list(RECORD))
    world.truth.after_wake()
    (tmp_path / "data" / "journal" / "00000001.seg").unlink()
    assert world.truth.settle({}).lost == 1
    world.ledger.thinned = 1
    world.ledger.save()
    assert world.truth.settle({}).lost == 0


def test_a_point_that_no_record_was_made_of(world):
    world.journal.append(list(RECORD))
    world.truth.after_wake()
    phantom = stored(world) | {9: dict(world.truth.records[1], seq=9)}
    assert world.truth.settle(phantom).wrong == ["record 9: stored and never taken"]
