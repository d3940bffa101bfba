"""The same points, in whatever order and however often they come, end in the same journey."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landbridge.wire.point import Point

from host_tests.journey_bench import BEGIN_S, HOUR_S, believed, deliver, fix, fleet, outcome

PACES = st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 0.8, 9.0])
"""Degrees of longitude to the next point; the last is an outlier, or a very fast train."""


@st.composite
def journeys(draw: st.DrawFn) -> list[Point]:
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
    """A journey, and the uplinks that bring it: each point at least once, some twice."""
    journey = draw(journeys())
    again = draw(st.lists(st.sampled_from(journey), max_size=8))
    shuffled = draw(st.permutations(journey + again))
    size = draw(st.integers(1, 6))
    uplinks = [shuffled[i : i + size] for i in range(0, len(shuffled), size)]
    return journey, [list(dict.fromkeys(uplink)) for uplink in uplinks]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries(), st.integers(1, 8))
def test_order_and_repeats_make_no_difference(delivery, keep_every):
    journey, uplinks = delivery
    received_s = BEGIN_S + 90 * 86_400
    with fleet() as once, fleet() as late:
        deliver(once, journey, received_s, 1_000)
        for uplink in uplinks:
            deliver(late, uplink, received_s, keep_every)
        assert outcome(late) == outcome(once)
        assert believed(late) == believed(once) == {each[1] for each in outcome(once)[0]}
