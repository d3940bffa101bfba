"""A container crosses Eurasia: real firmware, simulated modem and world, real broker and agent.

`python -m tools.world.demo [--modem bg95|sim7600] [--seed N] [--days N] [--chaos] [--port N]
[--out DIR]` prints the figures of the trip and leaves its picture, its track and all figures in
DIR. It exits with 1, naming what fell short, when a figure is not as it must be.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tools.flash.layout import LayoutError
from tools.world import delivered, figures, picture, stage, summary
from tools.world.chaos import AGENT_CONVERSATION, BROKER_CONVERSATION, Chaos
from tools.world.delivered import Delivered
from tools.world.diary import DAY_MS, Diary
from tools.world.digest import digest
from tools.world.figures import Figures
from tools.world.services import ServiceError
from tools.world.stage import Stage
from tools.world.trail import trail
from tools.world.truth import Truth

MODEMS = ("bg95", "sim7600")
HOUR_MS = 3_600_000
LOG = "world.log"
DRAIN_HOURS = 24
"""After the last day the device may go on for this long, until all it holds is acknowledged."""


@dataclass
class Demo:
    """One run: the trip on its stage, and those who watch it."""

    stage: Stage
    truth: Truth
    diary: Diary
    chaos: Chaos | None

    def run(self, progress: Progress, task: TaskID) -> None:
        """Run the trip to its end, then until the device has nothing left to tell."""
        device, end_ms = self.stage.device, self.stage.trip.end_ms

        def after_wake(now_ms: int) -> None:
            self._after_wake(now_ms)
            progress.update(task, **self._standing(now_ms))

        device.run(end_ms, after_wake)
        for hour in range(1, DRAIN_HOURS + 1):
            if not self.truth.pending():
                break
            device.run(end_ms + hour * HOUR_MS, after_wake)

    def _after_wake(self, now_ms: int) -> None:
        self.truth.after_wake()
        self.diary.after_wake(now_ms, self.truth.pending(), self.stage.device.rtc_memory)
        services = self.stage.services
        # Before chaos counts: who dies in its trap has said so first.
        alive = services.alive()
        died = self.chaos.after_wake(now_ms) if self.chaos else ""
        if died:
            services.await_end(died.partition(":")[0])
            services.start()
        elif not alive:
            services.check()

    def _standing(self, now_ms: int) -> dict[str, Any]:
        """What the progress bar shows."""
        pending = self.truth.pending()
        return {
            "completed": min(now_ms / DAY_MS, self.stage.trip.end_ms / DAY_MS),
            "country": self.stage.trip.country(now_ms),
            "taken": len(self.truth.records),
            "pending": pending,
        }


def play(arguments: argparse.Namespace, console: Console) -> int:
    """Build the stage, run the trip, tell what came of it; returns the exit code."""
    out: Path = arguments.out
    trap = out / "chaos" if arguments.chaos else None
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=out / LOG, filemode="w", level=logging.WARNING, force=True)
    with console.status("starting broker and agent, compiling the firmware"):
        built = stage.build(out, arguments.modem, arguments.seed, arguments.days, arguments.port, trap)
    try:
        chaos = chaos_on(built, trap) if trap else None
        demo = Demo(built, Truth(built.flash, built.trip, built.network.traffic), Diary(built.trip), chaos)
        port = built.services.broker.port
        console.print(f"broker on localhost:{port}; everything lies in {_shown(out)}", soft_wrap=True)
        with progress_bar(console) as progress:
            demo.run(progress, add_task(progress, arguments.days))
        return _tell(demo, arguments, console)
    finally:
        built.close()


def chaos_on(built: Stage, folder: Path) -> Chaos:
    """Chaos for the services of a stage; `folder` is where they look for their traps."""
    kill = {
        AGENT_CONVERSATION: built.services.agent.kill,
        BROKER_CONVERSATION: built.services.broker.kill,
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


def add_task(progress: Progress, days: int, name: str = "") -> TaskID:
    """A line for one trip in the progress bar."""
    return progress.add_task(name, total=days, country="", taken=0, pending=0)


def measure(demo: Demo) -> tuple[Figures, Delivered]:
    """End the services and measure what came of the trip."""
    built = demo.stage
    delivered.await_outbox(built.services.agent.database)
    built.services.stop()
    had = delivered.read(built.services.agent.database, stage.DEVICE)
    found = figures.measure(
        built.trip,
        demo.diary,
        demo.truth.settle(had.points),
        had,
        built.network,
        built.device.counters,
        digest(had.points, built.device.transcript_digest()),
    )
    return found, had


def _tell(demo: Demo, arguments: argparse.Namespace, console: Console) -> int:
    """Measure, draw, write, print."""
    out, built = arguments.out, demo.stage
    found, had = measure(demo)
    demands = figures.demands(arguments.modem)
    short = figures.fell_short(found, demands)
    short += [f"nobody was killed at: {point}" for point in demo.chaos.missed()] if demo.chaos else []
    title = f"{stage.CONTAINER}, {stage.LINE}: {found.days:.1f} days"
    picture.draw(trail(title, built.trip, demo.diary.states, had.points), out / "track.png")
    track = built.services.agent.do("export", stage.DEVICE, "--format", "geojson")
    (out / "track.geojson").write_text(track)
    again = {name: getattr(arguments, name) for name in ("modem", "seed", "days", "chaos")}
    kills = demo.chaos.kills if demo.chaos else Counter()
    summary.write(out.with_suffix(".json"), again, found, demands, kills, short)
    console.print(summary.table(title, found, kills))
    shown = _shown(out)
    console.print(
        f"picture {shown}/track.png, track {shown}/track.geojson, figures {shown}.json", soft_wrap=True
    )
    for line in (*found.wrong[:10], *short):
        print(f"fell short: {line}" if line in short else line, file=sys.stderr)
    if found.crashes:
        print(f"what the device printed: {out / LOG}", file=sys.stderr)
    return 1 if short else 0


def _shown(path: Path) -> Path:
    """The shorter way to write a path."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"{message}; see {self.prog} --help\n")


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="python -m tools.world.demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--modem", choices=MODEMS, default="bg95")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same trip")
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--chaos", action="store_true", help="kill broker and agent where it hurts")
    parser.add_argument("--port", type=int, default=0, help="of the broker; 0: any free one")
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    arguments = parser.parse_args()
    if arguments.days < 1 or not 0 <= arguments.port < 65536:
        parser.error("--days must be at least 1, --port at most 65535")
    arguments.out = arguments.out.resolve()
    return arguments


def main() -> int:
    """The command line."""
    try:
        return play(_arguments(), Console())
    except (ServiceError, LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
