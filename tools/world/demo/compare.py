"""Our trip compared with fixed schedules on the same trip: the same seed, route, weather, operators, modem,
agent.

Our trip is compared with a fix and an upload every hour, and with the best of the lab's baselines,
tuned to the energy that we have used. Each is the real firmware with another policy
(`tools.world.demo.baselines`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from rich.progress import Progress
from rich.table import Table

from tools.flash.layout import LayoutError
from tools.world import stage
from tools.world.demo.baselines import HOURLY, TUNED, Schedule
from tools.world.demo.diary import Diary
from tools.world.demo.figures import Figures
from tools.world.demo.summary import hours
from tools.world.oracle.records import Oracle
from tools.world.services.processes import ServiceError
from tools.world.trip_run import Demo, OnProgress, add_task, measure

MARGIN = 1.05
"""The tuned schedule is expected to use at least this much more than ours."""


class Baseline:
    """The trip of a schedule, in a process of its own."""

    def __init__(
        self, schedule: Schedule, out: Path, scenario: stage.Scenario, on_progress: OnProgress
    ) -> None:
        context = get_context("spawn")
        self._receiver, end = context.Pipe(duplex=False)
        self._process = context.Process(target=_run_child, args=(end, schedule, out, scenario), daemon=True)
        self._process.start()
        end.close()
        self._came: Figures | str = f"{schedule.name}: ended without a word; its log is {out / 'world.log'}"
        self._listener = Thread(target=self._listen, args=(on_progress,), daemon=True)
        self._listener.start()

    def figures(self) -> Figures:
        """What came of it, once it has ended. Raises `ServiceError` when it could not be run."""
        self._listener.join()
        if isinstance(self._came, str):
            raise ServiceError(self._came)
        return self._came

    def _listen(self, on_progress: OnProgress) -> None:
        try:
            while isinstance(message := self._receiver.recv(), dict):
                on_progress(message)
            self._came = message
        except EOFError:
            pass


def _run_child(end: Connection, schedule: Schedule, out: Path, scenario: stage.Scenario) -> None:
    """In the child process: run the trip and send the figures, or why there are none."""
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=out / "world.log", filemode="w", level=logging.WARNING, force=True)
    try:
        built = stage.build(out, scenario)
        try:
            schedule.put_in(built.flash)
            demo = Demo(
                built, Oracle(built.flash, built.trip, built.network.traffic), Diary(built.trip), None
            )
            demo.run(end.send)
            found, _ = measure(demo)
        finally:
            built.close()
        end.send(found)
    except (ServiceError, LayoutError, OSError) as error:
        end.send(f"{schedule.name}: {error}")
    except KeyboardInterrupt:
        pass


class Comparison:
    """The other trips, in the scenario of ours; folders of theirs lie in `out`."""

    def __init__(self, out: Path, scenario: stage.Scenario, progress: Progress) -> None:
        self._out, self._scenario, self._progress = out, scenario, progress
        self._hourly = self._start(HOURLY)

    def figures(self, ours: Figures) -> dict[str, Figures]:
        """By name, once all have ended. Raises `ServiceError` when one could not be run."""
        hourly = self._hourly.figures()
        best = tuned(self._scenario.modem, ours, hourly)
        beside = {} if best is HOURLY else {best.name: self._start(best).figures()}
        return {HOURLY.name: hourly} | beside

    def _start(self, schedule: Schedule) -> Baseline:
        on_progress = add_task(self._progress, self._scenario.days, schedule.name + " ")
        folder = self._out / schedule.name.replace(" ", "-")
        return Baseline(schedule, folder, self._scenario, on_progress)


def tuned(modem: str, ours: Figures, hourly: Figures) -> Schedule:
    """The tuned schedule that takes as much as we did, or a little more, by its fraction of the hourly
    one."""
    fraction = MARGIN * joules_a_day(ours) / joules_a_day(hourly)
    return next((each for least, each in reversed(TUNED[modem]) if least >= fraction), TUNED[modem][0][1])


def joules_a_day(figures: Figures) -> float:
    """Of the whole device."""
    return sum(figures.joules.values()) / figures.days


def fell_short(ours: Figures, others: dict[str, Figures]) -> list[str]:
    """Where a schedule uses less energy or delivers newer positions; and whether it was run at all."""
    short = []
    for name, other in others.items():
        values = (
            ("joules a day", joules_a_day(ours), joules_a_day(other)),
            ("hours of age of the newest position", ours.newest_age_h, other.newest_age_h),
        )
        short += [
            f"{what} {mine:.2f}, must be at most the {theirs:.2f} of {name}"
            for what, mine, theirs in values
            if mine > theirs
        ]
        short += [f"{name} lost {other.lost}"] if other.lost else []
    return short


def table(ours: Figures, others: dict[str, Figures]) -> Table:
    """A column each."""
    title = "The same trip by fixed schedules"
    result = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    result.add_column("", style="dim", no_wrap=True)
    for name in ("ours", *others):
        result.add_column(name, justify="right")
    for what, *cells in zip(*(_cells(each) for each in (ours, *others.values())), strict=True):
        result.add_row(what[0], *(value for _, value in (what, *cells)))
    return result


def _cells(figures: Figures) -> Sequence[tuple[str, str]]:
    return (
        ("points stored", f"{figures.points_stored}"),
        ("points a day", f"{figures.points_a_day:.1f}"),
        ("joules a day", f"{joules_a_day(figures):.0f}"),
        ("newest position, median age", hours(figures.newest_age_h)),
        ("longest silence", hours(figures.longest_silence_h)),
    )
