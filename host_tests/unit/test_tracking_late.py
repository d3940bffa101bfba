"""The same points lead to the same track in any order and with any repetition."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landbridge.db.database import Database
from landbridge.db.tables import tracking_states
from landbridge.events.queries import events
from landbridge.features.trips import queries as trips
from landbridge.operations.queries import old_rows as retention
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import Point
from landbridge.tracking import queries as tracking
from landbridge.tracking import recompute
from sqlalchemy import func, select

from host_tests.support.agent import DEVICE
from host_tests.support.trips import BEGIN_S, HOUR_S, believed, deliver, fix, fleet, outcome

pytestmark = pytest.mark.slow

DAY_S = 86_400

PACES = st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 0.8, 9.0])
"""Degrees of longitude to the next point; the last is an outlier, or a very fast train."""


@st.composite
def made_points(draw: st.DrawFn) -> list[Point]:
    """Points that go west, stand, jump, lose their satellites, have no network of either side, ..."""
    lon, at_s, made = 23.7, BEGIN_S + HOUR_S, []
    for seq in range(1, draw(st.integers(2, 24))):
        pace = draw(PACES)
        at_s += draw(st.sampled_from([600, HOUR_S, 3 * HOUR_S, 30 * HOUR_S]))
        country = "BY" if draw(st.booleans()) and lon > 23 else "PL"
        if pace == 9.0:
            made.append(fix(seq, at_s, 52.1, lon - 9, country))
            continue
        lon = max(17.0, lon - pace)
        changes = {"motion": 0 if pace == 0 else 9, "kind": draw(st.sampled_from([1, 1, 1, 2, 3]))}
        made.append(fix(seq, at_s, 52.1 if lon > 18 else 52.4, lon, country, **changes).meaningful())
    return made


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Point], list[list[Point]]]:
    """Points of a trip, and the uplinks that bring it: each point at least once, some twice."""
    taken = draw(made_points())
    again = draw(st.lists(st.sampled_from(taken), max_size=8))
    shuffled = draw(st.permutations(taken + again))
    size = draw(st.integers(1, 6))
    uplinks = [shuffled[i : i + size] for i in range(0, len(shuffled), size)]
    return taken, [list(dict.fromkeys(uplink)) for uplink in uplinks]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries(), st.integers(1, 8))
def test_order_and_repeats_make_no_difference(delivery, keep_every):
    taken, uplinks = delivery
    received_s = BEGIN_S + 90 * 86_400
    with fleet() as once, fleet() as late:
        deliver(once, taken, received_s, 1_000)
        for uplink in uplinks:
            deliver(late, uplink, received_s, keep_every)
        assert outcome(late) == outcome(once)
        assert believed(late) == believed(once) == {each[1] for each in outcome(once)[0]}


def forget(database: Database, before_s: int) -> int:
    """As retention does: the points that came before are no longer kept. Returns how many those were."""
    with database.writing() as connection:
        assert recompute.settle(connection, DEVICE, before_s)
        return retention.forget_points(connection, [DEVICE], before_s, before_s)


def work_out_again(database: Database, now_s: int) -> None:
    """As `landbridge events recompute` does."""
    with database.writing() as connection:
        tracking.mark(connection, DEVICE, 0)
        recompute.recompute(connection, DEVICE, now_s)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(made_points(), st.integers(1, 24), st.integers(1, 8))
def test_published_events_of_points_no_longer_kept_stay(taken, old, keep_every):
    received_s = BEGIN_S + 90 * DAY_S
    with fleet() as database:
        deliver(database, taken[:old], received_s, keep_every)
        deliver(database, taken[old:], received_s + DAY_S, keep_every)
        reported, _, *ends = outcome(database)
        for _ in range(2):
            forget(database, received_s + 1)
            work_out_again(database, received_s + DAY_S)
        late = taken[0]._replace(seq=99, kind=3).meaningful()
        deliver(database, [late], received_s + DAY_S, keep_every)
        reported_since, _, *ends_since = outcome(database)
        assert (reported_since, ends_since) == (reported, ends)


def test_a_trip_that_has_arrived_stays_so_when_its_points_are_no_longer_kept():
    context = [(52.1, 23.7, "BY"), (52.25, 21.1, "PL"), (52.4, 17.0, "PL"), (52.4, 17.0, "PL")]
    with fleet() as database:
        deliver(
            database,
            [fix(n, BEGIN_S + n * 6 * HOUR_S, *at) for n, at in enumerate(context, 1)],
            BEGIN_S + DAY_S,
        )
        for day in range(3, 70):
            depot = fix(100 + day, BEGIN_S + day * DAY_S, 51.0, 16.0, "PL")
            deliver(database, [depot], BEGIN_S + day * DAY_S, recompute.KEEP_EVERY)
        now_s = BEGIN_S + 70 * DAY_S
        assert forget(database, now_s - 30 * DAY_S) > 30
        with database.reading() as connection:
            before = trips.every(connection), events.after(connection, DEVICE, 0, 10_000)
        deliver(database, [fix(5, BEGIN_S + 15 * HOUR_S, 52.1, 22.5, "PL")], now_s)
        work_out_again(database, now_s)
        with database.reading() as connection:
            assert (trips.every(connection), events.after(connection, DEVICE, 0, 10_000)) == before
            assert [each.point.seq for each in points.track(connection, DEVICE, 1)] == [5]


def test_points_that_are_not_recomputed_yet_are_not_settled():
    with fleet() as database:
        deliver(database, [fix(1, BEGIN_S + HOUR_S, 52.1, 23.7, "BY")], BEGIN_S + DAY_S)
        with database.writing() as connection:
            tracking.mark(connection, DEVICE, BEGIN_S)
            assert not recompute.settle(connection, DEVICE, BEGIN_S + 2 * DAY_S)


def test_a_late_point_is_worked_out_from_a_state_not_far_before_it(monkeypatch):
    walked: list[int] = []

    def from_point(*arguments: Any) -> list[StoredPoint]:
        taken = read(*arguments)
        walked.append(len(taken))
        return taken

    read = points.from_point
    monkeypatch.setattr(points, "from_point", from_point)
    with fleet() as database:
        made = [fix(n, BEGIN_S + n * 900, 52.1, 23.7, "BY") for n in range(1, 401)]
        for i in range(0, 400, 7):
            deliver(database, made[i : i + 7], BEGIN_S + 9 * DAY_S, 16)
        with database.reading() as connection:
            kept = connection.execute(select(func.count()).select_from(tracking_states)).scalar_one()
        assert 400 // 16 <= kept <= 400 // 16 + 1
        deliver(database, [fix(401, BEGIN_S + 380 * 900 + 1, 52.1, 23.7, "BY")], BEGIN_S + 9 * DAY_S, 16)
        assert walked[-1] < 20 + 2 * 16
