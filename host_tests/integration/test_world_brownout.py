"""A battery that gives way whenever the modem sends: the device lives, and no point is lost."""

import dataclasses

from tools.world import stage
from tools.world.demo.diary import Diary
from tools.world.device.battery import KINDS, Battery
from tools.world.oracle.records import Oracle
from tools.world.trip_run import Demo, measure

HOUR_MS = 3_600_000
COLD_H = 20
WEAK = dataclasses.replace(
    KINDS["lfp5ah"], plateau_v=[(-60, 3.4), (20, 3.4)], resistance_ohm=[(-30, 1.1), (20, 0.035)]
)
"""At -30 C an idle board has 3.3 V of it, a pulse of 0.5 A leaves 2.8 V no more."""


def test_the_supply_fails_in_every_report_until_it_is_warm(tmp_path):
    built = stage.build(tmp_path / "out", stage.Scenario("bg95", 1, 2))
    trip = built.trip
    trip.battery = Battery(lambda ms: -30.0 if ms < COLD_H * HOUR_MS else 10.0, WEAK)
    reached_ms: list[float] = []
    try:
        built.network.before_publish = lambda: reached_ms.append(trip.env.now)
        demo = Demo(built, Oracle(built.flash, trip, built.network.traffic), Diary(trip), None)
        demo.run(lambda state: None)
        found, had = measure(demo)
    finally:
        built.close()
    assert 3 <= found.brown_outs <= 8  # it tries again, later and later
    assert trip.battery.lowest.battery_mv < 2_800 and trip.battery.lowest.temp_dc == -300
    assert min(reached_ms) > COLD_H * HOUR_MS > trip.brown_outs[-1].ms
    assert found.crashes == found.lost == 0 and found.wrong == []
    assert found.points_stored == found.points_taken > found.brown_outs
    assert any(each.at_s is None or each.received_s - each.at_s > 10 * 3600 for each in had.points)
