"""A short trip with everything in it: device, modem, world, broker, agent, and a platform that listens."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from landbridge.core.texts import Catalogue, catalogues
from landbridge.db.database import open_database
from landbridge.features.reports import kinds
from landbridge.features.reports.render import render
from landbridge.features.trips import queries as trips

from host_tests.support import copies
from host_tests.support.reports import of_pdf, sheets
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
    built = stage.build(out, stage.Scenario(modem, seed, days, settings=settings), trap=trap)
    try:
        killer = chaos_on(built, trap) if trap else None
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        demo = Demo(built, oracle, Diary(built.trip), killer)
        platform = Platform(built)
        demo.run(lambda state: None)
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
    assert one.digest != "" and one.had.points
    if os.environ["LOCKSTEP_MODEM"] == "bg95":
        return  # test_world_landing.py makes a trip of this modem twice
    with copies.started_as_usual(), trip(tmp_path, "sim7600", 3, 2, settings=["paced=0"]) as two:
        assert two.digest == one.digest


def test_a_platform_receives_every_point_once_and_reports_show_it(two_days):
    run = two_days
    tracks = [content for topic, content in run.messages if topic == OUT + "track"]
    heard = Counter(feature["properties"]["seq"] for track in tracks for feature in track["features"])
    assert heard == Counter(each.point.seq for each in run.had.points)
    _check_reports(run)


def _check_reports(run: Run) -> None:
    """The reports of the trip that was just made, read again."""
    database = open_database(run.stage.services.agent.database)
    begin_s = min(_time(each) for each in run.had.points)
    span = begin_s - 86_400, begin_s + 30 * 86_400

    def made(kind: str, of: str, form: str, language: Catalogue) -> bytes:
        with database.reading() as connection:
            return render(kinds.build(connection, kind, of, None, span, span[1], language), form, language)

    with database.reading() as connection:
        (row,) = trips.every(connection)
    for code, words in (("en", ("Trip", "Stops")), ("zh", ("行程", "停留"))):
        language = catalogues()[code]
        for kind, of, name in (
            ("trip", str(row.trip), row.container), ("fleet", "", row.device),
            ("route", row.route, row.route), ("compliance", "", ""),
        ):  # fmt: skip
            assert name in of_pdf(made(kind, of, "pdf", language))
            html = made(kind, of, "html", language).decode()
            assert name in html and f'lang="{language.tag}"' in html
        text = of_pdf(made("trip", str(row.trip), "pdf", language))
        assert [word for word in words if word not in text] == []
        days = next(
            rows for name, rows in sheets(made("trip", str(row.trip), "xlsx", language)).items()
            if name == language.translate("Temperature")
        )  # fmt: skip
        assert sum(day[4] for day in days) == len({each.point.seq for each in run.had.points})
    database.close()
    last = [content for topic, content in run.messages if topic == OUT + "position"][-1]
    assert last["seq"] == max((each for each in run.had.points if each.point.kind == 1), key=_time).point.seq


def _time(stored: Any) -> int:
    return int(stored.at_s)


def test_killed_everywhere_nothing_is_lost_and_nothing_stored_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    with trip(tmp_path, "bg95", 5, 6, chaos=True) as run:
        counts = run.count_records()
        assert run.demo.chaos and run.demo.chaos.missed() == []
        assert counts.wrong == []
        assert counts.lost == 0
        assert run.had.duplicates_stored == 0
        assert run.had.duplicates_removed > 0
        assert run.stage.network.stalls == 0
