"""The oracle of a trip distinguishes kept, lost and falsified records."""

from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import Point
from locator.codec import record
from locator.journal.numbers import Numbers
from locator.journal.store import PER_SEGMENT, Journal

from tools.modem.network.air import Fix
from tools.world.device.battery import KINDS, USUAL
from tools.world.device.rtc import Rtc
from tools.world.oracle.delivered import START_S
from tools.world.oracle.records import FULL_SEGMENTS, Oracle
from tools.world.radio.traffic import Traffic
from tools.world.trip import START_UTC_S, BrownOut, Given, SeenCell, Sense

FIX = Fix(START_UTC_S + 64.0, 29.630004, 106.389996, 251.0, 61.6, 47.0, 1.1, 9)
SENSE = Sense(60_000, 3_611, -123, 4, 0)
CELL = SeenCell(60_000, "46000", "emtc", 4_100, 77_001, -93)
DARK, LIT = 0, 300
TRUE = {
    "kind": 1, "quality": 3, "events": 0, "seq": 2, "time": START_S + 64, "boot": 1, "lat": 29_63000,
    "lon": 106_39000, "alt": 126, "speed": 62, "heading": 23, "hdop": 5, "sats": 9, "battery": 181,
    "temperature": -25, "plmn": 460_000, "tac": 4_100, "cell": 77_001, "rsrp": 93, "motion": 4,
}  # fmt: skip
"""What the device must make of these. The first record, before it, is that of the power-on."""
NOWHERE = dict.fromkeys(("lat", "lon", "alt", "speed", "heading", "hdop", "sats"), 0)
UNHEARD = dict.fromkeys(("plmn", "tac", "cell", "rsrp"), 0)
STILL = TRUE | NOWHERE | UNHEARD | {"kind": 3, "quality": 1, "time": START_S + 61}
FIRST = STILL | {"seq": 1, "quality": 0, "events": 128, "time": 2}


class World:
    """A device's flash, its journal, and the truth about it, after the wake of its power-on."""

    def __init__(self, folder):
        gnss_j = count(1.0)  # every wake has searched
        trip: Any = SimpleNamespace(
            env=SimpleNamespace(now=0),
            given=Given(),
            brown_outs=[],
            doors=SimpleNamespace(openings=[]),
            battery=SimpleNamespace(kind=KINDS[USUAL]),
            rtc=Rtc(0.0, lambda ms: 20.0),
            meter=SimpleNamespace(joules_by_part=lambda: {"gnss": next(gnss_j)}),
        )
        self.trip = trip
        self.traffic = Traffic()
        self.oracle = Oracle(folder, trip, self.traffic)
        self.numbers: Any = Numbers(str(folder / "data"), 0)
        self.journal: Any = Journal(str(folder / "data"), self.numbers)
        self.wake([Sense(1_500, 3_611, -123, 4, DARK)], 5_000, FIRST)
        assert self.oracle.wrong == {}

    def wake(self, senses, end_ms, *records, cells=(), fixes=(), connections=0):
        """The world gives these in a wake, in which the device keeps `records`."""
        given = self.trip.given
        given.senses += senses
        given.cells += cells
        given.fixes += fixes
        self.traffic.connections += connections
        self.trip.env.now = end_ms
        for fields in records:
            self.keep(fields)
        self.oracle.after_wake()

    def keep(self, fields):
        """Append a record, with its own `seq`."""
        place = self.journal.next_seq
        self.journal.append([fields[name] for name in record.FIELDS.split()])
        if fields["seq"] != place:
            path = Path(self.journal.path(0))
            data = bytearray(path.read_bytes())
            record.pack_into(
                memoryview(data)[-record.SIZE :], [fields[name] for name in record.FIELDS.split()]
            )
            path.write_bytes(data)

    def second(self, fields=TRUE):
        """The wake in which the world gave one of each."""
        self.wake([SENSE], 70_000, fields, cells=[CELL], fixes=[FIX])

    def wrong(self, seq=2):
        """What the truth says of a record."""
        return self.oracle.wrong.get(seq, "")

    def stored(self, changes=None, at_s=None):
        """What the agent has of each record, of the last one with `changes`."""
        points = []
        for seq, fields in self.oracle.records.items():
            last = seq == max(self.oracle.records)
            point = Point(**(fields | (changes or {}) if last else fields)).meaningful()
            taken_s = START_S + 2 if fields["quality"] == 0 else fields["time"]
            at = at_s if last and at_s else taken_s
            points.append(StoredPoint("lb-1", point, at, fields["quality"] == 0, 0, START_S + 99, None, None))
        return points

    def count_records(self, **changes):
        return self.oracle.count(self.stored(changes))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_true_records_that_were_stored(world):
    world.second()
    counts = world.count_records()
    assert (counts.taken, counts.stored, counts.lost, counts.wrong) == (2, 2, 0, [])


FALSE = [(name, TRUE[name] + 2) for name in record.FIELDS.split()]
FALSE += [("events", 1 << bit) for bit in range(8)]
FALSE += [("quality", quality) for quality in (0, 1, 2)]
FALSE += [("rsrp", 0), ("plmn", 0), ("sats", 0), ("kind", 2), ("heading", 203), ("boot", 0), ("motion", 255)]
FALSE += [("seq", 1), ("time", START_S + 62), ("time", START_S + 20), ("alt", 0), ("hdop", 0), ("speed", 0)]


@pytest.mark.parametrize(("field", "value"), FALSE)
def test_a_record_with_one_field_falsified(world, field, value):
    world.second(TRUE | {field: value})
    assert world.wrong().startswith("record 2: ")
    counts = world.count_records()
    assert counts.lost > 0
    assert world.wrong() in counts.wrong


@pytest.mark.parametrize("field", record.FIELDS.split())
def test_a_record_with_one_field_stored_otherwise(world, field):
    world.second()
    counts = world.count_records(**{field: TRUE[field] + 1})
    assert counts.lost > 0
    assert counts.wrong


def test_a_record_without_the_fix_and_the_cell_that_were_given(world):
    world.second(TRUE | NOWHERE | {"kind": 2, "quality": 1, "time": START_S + 61})
    assert world.wrong() == "record 2: kind 2: must be 1"


def test_a_registered_device_has_heard_a_cell(world):
    world.wake([SENSE], 70_000, STILL, cells=[CELL, CELL._replace(rat="gsm")], connections=1)
    assert world.wrong() == "record 2: no cell, though it was registered"


@pytest.mark.parametrize("loaded_mv", [3_249, 3_250])
def test_on_a_battery_that_sags_the_record_comes_before_the_connection(world, loaded_mv):
    loaded = Sense(64_000, loaded_mv, -123, 0, DARK, loaded=True)
    world.wake([SENSE, loaded], 70_000, STILL, cells=[CELL])
    later = Sense(130_000, 3_611, -123, 4, DARK)
    world.wake([later], 140_000, STILL | {"seq": 3, "time": START_S + 131}, cells=[CELL], connections=1)
    assert world.wrong(3) == ("" if loaded_mv < 3_250 else "record 3: no cell, though it was registered")


def test_after_a_power_failure_too_until_a_connection_has_held(world):
    world.trip.brown_outs.append(BrownOut(30_000, 2_790, -300))
    kept = STILL | {"quality": 0, "time": 1, "boot": 2, "events": 128}
    held = Sense(64_000, 3_600, -123, 0, DARK, loaded=True)
    world.wake([SENSE, held], 70_000, kept, cells=[CELL], connections=1)
    assert world.wrong() == ""
    later = STILL | {"seq": 3, "boot": 2, "quality": 0, "time": 61}
    world.wake([Sense(130_000, 3_611, -123, 4, DARK)], 140_000, later, cells=[CELL], connections=1)
    assert world.wrong(3) == "record 3: no cell, though it was registered"


def test_without_fix_and_cell_nothing_is_said_of_them(world):
    world.wake([SENSE], 70_000, STILL)
    assert world.wrong() == ""
    for name in (*NOWHERE, "tac", "cell", "rsrp"):
        world.wake([SENSE], 70_000, STILL | {"seq": world.journal.next_seq, name: 1})
        assert name in world.wrong(len(world.oracle.records))


@pytest.mark.parametrize("second", [30, 56, 74])
def test_a_time_outside_the_wake(world, second):
    """The sleep before the wake does not count."""
    world.wake([SENSE], 70_000, STILL | {"time": START_S + second})
    assert world.wrong() == f"record 2: time {START_S + second}: not from {START_S + 57} to {START_S + 73}"


@pytest.mark.parametrize("seconds", [0, 50, 80])
def test_seconds_since_power_on(world, seconds):
    world.wake([SENSE], 70_000, STILL | {"quality": 0, "time": seconds})
    assert "time" in world.wrong()


def test_a_device_with_a_fix_knows_the_time(world):
    world.second()
    later = STILL | {"seq": 3, "quality": 0, "time": 121}
    world.wake([Sense(122_000, 3_611, -123, 4, DARK)], 125_000, later)
    assert world.wrong(3) == "record 3: quality 0: must be 1"


def test_a_power_failure_is_another_boot(world):
    world.trip.brown_outs.append(BrownOut(30_000, 2_790, -300))
    world.wake([SENSE], 70_000, STILL | {"quality": 0, "time": 1, "boot": 2, "events": 128})
    assert world.wrong() == ""
    world.wake([Sense(130_000, 3_611, -123, 4, DARK)], 140_000, STILL | {"seq": 3, "time": START_S + 131})
    assert world.wrong(3) == "record 3: boot 1: the power came 2 times"


@pytest.mark.parametrize("senses", [[], [Sense(40_000, 2_950, -123, 4, DARK)]])
def test_a_start_that_does_not_come_to_work_is_no_boot(world, senses):
    """The battery gives way before the device feels anything, or is left alone."""
    world.trip.brown_outs.append(BrownOut(30_000, 2_790, -300))
    world.wake(senses, 41_000)
    world.trip.brown_outs += [] if senses else [BrownOut(41_000, 2_790, -300)]
    since_s = 90 - 40 if senses else 1
    first = STILL | {"quality": 0, "time": since_s, "boot": 2, "events": 128}
    world.wake([Sense(90_000, 3_611, -123, 4, DARK)], 95_000, first)
    assert world.wrong() == ""
    world.wake([Sense(150_000, 3_611, -123, 4, DARK)], 155_000, STILL | {"seq": 3, "time": START_S + 151})
    assert world.wrong(3) == "record 3: boot 1: the power came 2 times"


def lit(seconds, lux, motion=4, battery_mv=3_611):
    """A look at the sensors."""
    return Sense(1_000 * seconds, battery_mv, -123, motion, lux)


def difference(world, sense, events):
    """A wake with this sense, in which these events are reported; what is wrong with them."""
    seq = world.journal.next_seq
    fields = STILL | {"seq": seq, "events": events, "time": START_S + sense.ms // 1_000}
    fields |= {"battery": (sense.battery_mv + 10) // 20, "motion": min(255, sense.motion)}
    world.wake([sense], sense.ms + 5_000, fields)
    return world.wrong(seq)


def test_an_open_door_is_reported_once(world):
    assert difference(world, lit(600, LIT), 0) == "record 2: events 0: 1 is otherwise"
    assert difference(world, lit(1_200, LIT), 1) == "record 3: events 1: 1 is otherwise"
    assert difference(world, lit(1_800, DARK), 0) == ""
    assert difference(world, lit(2_400, LIT), 1) == ""


def test_a_door_that_opens_wakes_the_device_in_the_dark(world):
    world.trip.doors.openings.append(SimpleNamespace(start_ms=599_000))
    assert difference(world, lit(600, 15), 0) == "record 2: events 0: 1 is otherwise"


def test_departure_and_stop(world):
    assert difference(world, lit(600, DARK, 30), 0) == ""
    assert difference(world, lit(1_200, DARK, 300), 0) == "record 3: events 0: 16 is otherwise"
    assert difference(world, lit(1_800, DARK, 0), 32) == ""
    assert difference(world, lit(2_400, DARK, 0), 32) == "record 5: events 32: 32 is otherwise"


def test_a_jolt_is_counted_for_a_minute_and_the_load_is_not_felt(world):
    looks = [Sense(600_000, 3_611, -123, 1, DARK), Sense(660_020, 3_611, -123, 6, DARK)]
    loaded = Sense(700_000, 3_100, -123, 9, DARK)
    fields = STILL | {"motion": 16, "events": 16, "time": START_S + 700}
    world.wake([*looks, loaded], 710_000, fields)
    assert world.wrong() == ""


def test_weighed_a_minute_into_a_wake_the_battery_is_not_felt_again(world):
    weighed = Sense(660_020, 3_100, -123, 6, DARK, loaded=True)
    fields = STILL | {"motion": 7, "time": START_S + 661}
    world.wake([Sense(600_000, 3_611, -123, 1, DARK), weighed], 661_000, fields)
    assert world.wrong() == ""


def test_a_low_battery_is_reported_once(world):
    assert difference(world, lit(600, DARK, 0, 3_200), 0) == "record 2: events 0: 8 is otherwise"
    assert difference(world, lit(1_200, DARK, 0, 3_300), 8) == "record 3: events 8: 8 is otherwise"
    assert difference(world, lit(1_800, DARK, 0, 3_400), 0) == ""
    assert difference(world, lit(2_400, DARK, 0, 3_200), 8) == ""


def at(world, mcc, events, connections):
    """A wake with a cell of the country; what is wrong with the events."""
    seq = world.journal.next_seq
    sense = lit(600 * seq, DARK)
    cell = CELL._replace(plmn=f"{mcc}01")
    fields = STILL | {"seq": seq, "kind": 2, "events": events, "time": START_S + 600 * seq}
    fields |= {"plmn": 1_000 * mcc + 1, "tac": 4_100, "cell": 77_001, "rsrp": 93}
    world.wake([sense], sense.ms + 5_000, fields, cells=[cell], connections=connections)
    return world.wrong(seq)


def test_another_country(world):
    assert at(world, 460, 64, 0) == "record 2: events 64: 64 is otherwise"
    assert at(world, 460, 0, 1) == ""
    assert at(world, 401, 0, 0) == ""
    assert at(world, 401, 0, 1) == "record 5: events 0: 64 is otherwise"
    assert at(world, 250, 64, 0) == ""
    assert at(world, 250, 64, 1) == "record 7: events 64: 64 is otherwise"


@pytest.mark.parametrize("at_s", [START_S + 62, START_S + 66, START_S + 90])
def test_a_point_that_the_agent_has_dated_otherwise(world, at_s):
    world.second()
    counts = world.oracle.count(world.stored(at_s=at_s))
    assert counts.lost == 1
    assert counts.wrong[0].startswith(f"record 2 as stored: dated {at_s}, taken from ")


def test_a_point_without_a_date_that_its_boot_knew(world):
    world.second()
    points = [each._replace(at_s=None) if each.point.seq == 1 else each for each in world.stored()]
    assert world.oracle.count(points).wrong == ["record 1 as stored: no date, though its boot knew the time"]


def test_a_point_without_a_date_of_a_boot_that_ended_before_it_reported(world):
    world.second()
    world.trip.brown_outs.append(BrownOut(99_000, 2_700, -300))
    later = STILL | {"seq": 3, "quality": 0, "boot": 2, "events": 128, "time": 1}
    world.wake([Sense(100_000, 3_611, -123, 4, DARK)], 103_000, later)
    points = [each._replace(received_s=START_S + 200) for each in world.stored()]
    undated = [each._replace(at_s=None) if each.point.seq == 1 else each for each in points]
    assert world.oracle.count(undated).wrong == []
    dated = [each._replace(received_s=START_S + 98) if each.point.seq == 2 else each for each in undated]
    assert world.oracle.count(dated).wrong == ["record 1 as stored: no date, though its boot knew the time"]


def test_a_record_that_waits_in_flash_is_not_lost(world):
    world.second()
    counts = world.oracle.count([])
    assert (counts.in_flash, counts.lost) == (2, 0)
    assert world.oracle.pending() == 2


def test_a_record_acknowledged_and_not_stored_is_lost(world):
    world.second()
    world.journal.acknowledge([1, 1])
    assert world.oracle.pending() == 1
    assert world.oracle.count([]).lost == 1


def fill(world):
    """A journal that has no room for another segment."""
    for i in range(1, FULL_SEGMENTS):
        (world.oracle.flash / "data" / "journal" / f"{PER_SEGMENT * i + 1:08x}.seg").touch()


def give_up(world):
    """What the device does when there is no room, and its word for it."""
    Path(world.journal.path(0)).unlink()
    world.numbers.thinned = 2
    world.journal.acknowledge([1, 2])
    world.oracle.after_wake()


def test_a_record_that_a_full_journal_gave_up_is_thinned(world):
    fill(world)
    world.second()
    give_up(world)
    counts = world.oracle.count([])
    assert (counts.thinned, counts.lost) == (2, 0)


def test_records_lost_by_a_fault_never_count_as_thinned(world):
    world.second()
    give_up(world)
    counts = world.oracle.count([])
    assert (counts.thinned, counts.lost) == (0, 2)


def test_records_acknowledged_before_their_segment_was_removed_do_not_count_as_thinned(world):
    fill(world)
    world.journal.acknowledge([1, 1])
    world.second()
    give_up(world)
    counts = world.oracle.count([])
    assert (counts.thinned, counts.lost) == (1, 1)


def test_a_point_that_no_record_was_made_of(world):
    world.second()
    phantom = world.stored()[-1]
    phantom = phantom._replace(point=phantom.point._replace(seq=9))
    counts = world.oracle.count([*world.stored(), phantom])
    assert counts.wrong == ["record 9: stored and never taken"]


@pytest.mark.parametrize(
    ("seconds", "wrong"), [(-4, True), (0, False), (100, False), (103, False), (105, True)]
)
def test_a_clock_that_has_gained_100_s_since_the_last_fix(world, seconds, wrong):
    world.second()
    world.trip.rtc = Rtc(10_000.0, lambda ms: 20.0)
    world.trip.rtc.sleep(70_000)
    world.trip.rtc.wake(10_070_000)
    sense = Sense(10_071_000, 3_611, -123, 4, DARK)
    world.wake([sense], 10_071_500, STILL | {"seq": 3, "time": START_S + 10_071 + seconds})
    assert bool(world.wrong(3)) is wrong


@pytest.mark.parametrize(("seconds", "wrong"), [(3, False), (5, True)])
def test_clock_drift_counts_from_the_fix(world, seconds, wrong):
    """Between the fix and the end of its wake the board sleeps as well."""
    world.trip.rtc = Rtc(10_000.0, lambda ms: 20.0)
    world.trip.given.ahead_ms = 0
    world.trip.rtc.sleep(65_000)
    world.trip.rtc.wake(265_000)
    world.wake([SENSE], 270_000, TRUE, cells=[CELL], fixes=[FIX])
    world.trip.rtc.sleep(270_000)
    world.trip.rtc.wake(10_270_000)
    sense = Sense(10_271_000, 3_611, -123, 4, DARK)
    world.wake([sense], 10_271_500, STILL | {"seq": 3, "time": START_S + 10_271 + 100 + 2 + seconds})
    assert bool(world.wrong(3)) is wrong


def test_after_a_jolt_only_the_next_minute_shows_motion(world):
    """What was counted before, on the way to the last stop, is no departure."""
    world.second()
    senses = [Sense(600_000, 3_611, -123, 24, DARK), Sense(660_000, 3_611, -123, 0, DARK)]
    world.wake(senses, 661_000, STILL | {"seq": 3, "time": START_S + 660, "motion": 24})
    assert world.wrong(3) == ""
