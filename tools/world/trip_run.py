"""One trip from end to end on its stage, observed by the measuring programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tools.world import stage
from tools.world.demo import figures
from tools.world.demo.diary import DAY_MS, Diary
from tools.world.demo.digest import digest
from tools.world.demo.figures import Figures
from tools.world.oracle import delivered
from tools.world.oracle.delivered import Delivered
from tools.world.oracle.records import Oracle
from tools.world.radio.access import Access
from tools.world.services.chaos import AGENT_SESSION, BROKER_SESSION, Chaos
from tools.world.stage import Stage

HOUR_MS = 3_600_000
DRAIN_HOURS = 24
"""After the last day the device may go on for this long, until all it holds is acknowledged."""


OnProgress = Callable[[dict[str, Any]], None]
"""Called after each wake with the state of the trip: "completed" days, "country", points "taken",
"pending"."""


@dataclass
class Demo:
    """One run: the trip on its stage, and its observers."""

    stage: Stage
    oracle: Oracle
    diary: Diary
    chaos: Chaos | None
    access: Access | None = None
    _ended: bool = False
    """By the operator."""

    def run(self, on_progress: OnProgress) -> None:
        """Run the trip to its end, then until the device has delivered all its records."""
        device, end_ms = self.stage.device, self.stage.trip.end_ms

        def after_wake(now_ms: int) -> None:
            self.after_wake(now_ms)
            on_progress(self._progress(now_ms))

        device.run(end_ms, after_wake)
        for hour in range(1, DRAIN_HOURS + 1):
            if not self.oracle.pending():
                break
            device.run(end_ms + hour * HOUR_MS, after_wake)

    def after_wake(self, now_ms: int) -> None:
        self.oracle.after_wake()
        self.diary.after_wake(now_ms, self.oracle.pending(), self.stage.device.rtc_memory)
        if self.access:
            self.access.after_wake(now_ms, self.stage.flash.parent / "release")
        services = self.stage.services
        # Before chaos counts: a process that dies in its trap has reported that first.
        alive = services.alive()
        died = self.chaos.after_wake(now_ms) if self.chaos else ""
        if died:
            services.await_end(died.partition(":")[0])
            services.start()
        elif not alive:
            services.check()
        ends_ms = self.stage.trip.operator_ends_ms
        if ends_ms is not None and now_ms >= ends_ms and not self._ended:
            self._ended = True
            services.agent.do("trips", "end", stage.DEVICE)

    def _progress(self, now_ms: int) -> dict[str, Any]:
        """The arguments of `OnProgress`."""
        pending = self.oracle.pending()
        return {
            "completed": min(now_ms / DAY_MS, self.stage.trip.end_ms / DAY_MS),
            "country": self.stage.trip.country(now_ms),
            "taken": len(self.oracle.records),
            "pending": pending,
        }


def chaos_on(built: Stage, folder: Path) -> Chaos:
    """Chaos for the services of a stage; `folder` is where they look for their traps."""
    kill = {
        AGENT_SESSION: built.services.agent.kill,
        BROKER_SESSION: built.services.broker.kill,
    }
    chaos = Chaos(folder, built.trip.end_ms, kill)
    built.network.before_publish = chaos.before_publish
    built.services.reply_awaited = chaos.reply_awaited
    return chaos


def progress_bar(console: Console) -> Progress:
    """Shows trips as they run."""
    return Progress(
        TextColumn("{task.description}{task.fields[country]:2}"),
        BarColumn(None),
        TextColumn("day {task.completed:.0f} of {task.total:.0f}"),
        TextColumn("{task.fields[taken]} points, {task.fields[pending]} waiting"),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=4,
    )


def add_task(progress: Progress, days: int, name: str = "") -> OnProgress:
    """A line for one trip in the progress bar; returns what moves it."""
    task = progress.add_task(name, total=days, country="", taken=0, pending=0)
    return lambda state: progress.update(task, **state)


def measure(demo: Demo) -> tuple[Figures, Delivered]:
    """End the services and measure the result of the trip."""
    built = demo.stage
    delivered.await_outbox(built.services.agent.database)
    built.services.stop()
    had = delivered.read(built.services.agent.database, stage.DEVICE)
    found = figures.measure(
        built.trip,
        demo.diary,
        demo.oracle.count(had.points),
        had,
        built.network,
        built.device.counters,
        digest(had.points, built.device.transcript_digest()),
        built.card.switches(),
        built.card.wanted([built.trip.country(0), *(each.entered for each in built.trip.crossings)]),
    )
    return found, had
