"""A short trip with everything in it: device, modem, world, broker, agent, and a platform that listens."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from host_tests.support.short_trip import OUT, Platform, Run
from tools.world import stage
from tools.world.demo.diary import Diary
from tools.world.oracle.records import Oracle
from tools.world.trip_run import Demo, chaos_on

pytestmark = pytest.mark.slow


@contextmanager
def trip(
    out: Path, modem: Any, seed: int, days: int, chaos: bool = False, settings: Sequence[str] = ()
) -> Iterator[Run]:
    """Run a trip to its end."""
    trap = out / "chaos" if chaos else None
    built = stage.build(out, modem, seed, days, 0, trap, settings=settings)
    try:
        killer = chaos_on(built, trap) if trap else None
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        demo = Demo(built, oracle, Diary(built.trip), killer)
        platform = Platform(built)
        demo.run(lambda standing: None)
        yield Run(demo, built, platform)
    finally:
        built.close()


@pytest.fixture(scope="module", params=["bg95", "sim7600"])
def two_days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A trip of each modem, with its services as they are at its end."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOCKSTEP_MODEM", request.param)
        with trip(tmp_path_factory.mktemp("one"), request.param, 3, 2, settings=["paced=0"]) as one:
            yield one


def test_nothing_is_lost_and_the_same_seed_is_the_same_trip(two_days, tmp_path):
    one = two_days
    counts = one.count_records()
    assert counts.wrong == []
    assert (counts.lost, counts.in_flash) == (0, 0)
    assert counts.stored >= 40
    assert one.stage.network.stalls == 0
    assert one.had.dead_letters == one.had.outbox_left == 0
    assert any(each.point.kind == 1 for each in one.had.points)
    with trip(tmp_path, os.environ["LOCKSTEP_MODEM"], 3, 2, settings=["paced=0"]) as two:
        assert two.digest == one.digest
    assert one.digest != "" and one.had.points


def test_a_platform_hears_of_every_point_once(two_days):
    run = two_days
    tracks = [content for topic, content in run.messages if topic == OUT + "track"]
    heard = Counter(feature["properties"]["seq"] for track in tracks for feature in track["features"])
    assert heard == Counter(each.point.seq for each in run.had.points)
    last = [content for topic, content in run.messages if topic == OUT + "position"][-1]
    assert last["seq"] == max((each for each in run.had.points if each.point.kind == 1), key=_time).point.seq


def _time(stored: Any) -> int:
    return int(stored.at_s)


def test_killed_everywhere_nothing_is_lost_and_nothing_stored_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    with trip(tmp_path, "bg95", 5, 8, chaos=True) as run:
        counts = run.count_records()
        assert run.demo.chaos and run.demo.chaos.missed() == []
        assert counts.wrong == []
        assert counts.lost == 0
        assert run.had.duplicates_stored == 0
        assert run.had.duplicates_removed > 0
        assert run.stage.network.stalls == 0
