"""Worlds in which a trip goes otherwise."""

import pytest

from tools.world.figures import back_h, demands
from tools.world.trip import DAY_MS, Trip


@pytest.mark.parametrize(("world", "days"), [("dark", (12, 17)), ("sea", (12, 21))])
def test_no_cell_is_heard_in_the_dark_days(world, days):
    trip = Trip(1, "bg95", 25, world=world)
    for day, heard in ((days[0] - 1, True), (days[0], False), (days[1] - 1, False)):
        trip.env.run(until=day * DAY_MS + 1)
        assert bool(trip.cells()) >= heard and (heard or not trip.cells())


def test_a_ship_sails_through_the_dark_days_and_the_train_goes_on_behind_it():
    train = Trip(1, "bg95", 45, world="sea").train
    ship = next(each for each in train.segments if each.name == "ship")
    assert ship.end_ms == 21 * DAY_MS and ship.start_ms >= 12 * DAY_MS and train.moving(20 * DAY_MS)
    starts = [each.start_ms for each in train.segments]
    assert starts == sorted(starts) and train.segments[-1].start_km == pytest.approx(10_074, abs=1)


def test_a_truck_rests_each_night_and_is_there_sooner_than_a_train():
    truck, train = (Trip(1, "bg95", 45, world=world).train for world in ("truck", "usual"))
    rests = [
        each for each in truck.segments if each.name == "rest" and each.end_ms - each.start_ms > DAY_MS / 3
    ]
    assert len(rests) > 10 and truck.arrival_ms < train.arrival_ms


def test_a_stay_goes_on_behind_the_arrival_and_a_weak_battery_holds_less_than_told():
    trip = Trip(1, "bg95", 45, world="stay")
    assert trip.end_ms == trip.train.arrival_ms + 14 * DAY_MS
    assert Trip(1, "bg95", 45, world="weak-battery", told_mah=500).battery.kind.capacity_mah == 350
    assert Trip(1, "bg95", 45, told_mah=500).battery.kind.capacity_mah == 17_000


def test_who_is_heard_of_late_behind_dark_days_falls_short():
    assert back_h(17 * DAY_MS, [DAY_MS, 17 * DAY_MS + 3_600_000]) == 1.0
    assert back_h(0, [DAY_MS]) == 0.0
    for budget_j, least in ((100, "at most 6"), (65, "at most 24")):
        demand = next(
            each for each in demands("bg95", budget_j=budget_j, world="dark") if each.figure == "back_h"
        )
        assert demand.words == least
