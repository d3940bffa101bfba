"""A container crosses Eurasia: real firmware, simulated modem and world, real broker and agent.

`python -m tools.world.demo.demo [--modem bg95|sim7600] [--seed N] [--days N] [--card KIND] [--apns 2]
[--world NAME] [--season NAME] [--battery NAME] [--cpu fixed] [--compare] [--chaos] [--port N] [--show]
[--out DIR] [--after DIR ...]`
prints the figures of the trip and leaves its picture, its track and all figures in DIR. With --compare fixed
schedules run along (`tools.world.demo.compare`). It exits with 1, naming what fell short, when a figure is
not as it must be.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import NoReturn

from landbridge.core.errors import UserError
from landbridge.protocol.settings import SETTINGS
from rich.console import Console

from tools.ending import one_line
from tools.flash.layout import LayoutError
from tools.modem.registry import DIALECTS
from tools.options import whole
from tools.world import stage, worlds
from tools.world.demo import compare, figures, page, picture, summary
from tools.world.demo.compare import Comparison
from tools.world.demo.diary import Diary
from tools.world.demo.figures import Figures
from tools.world.demo.trail import trail
from tools.world.device import battery
from tools.world.nature import weather
from tools.world.oracle.delivered import Delivered
from tools.world.oracle.records import Oracle
from tools.world.radio import cards
from tools.world.radio.access import Access
from tools.world.services.processes import ServiceError
from tools.world.trip_run import Demo, add_task, chaos_on, measure, progress_bar

MODEMS = tuple(DIALECTS)
LOG = "world.log"
COLDEST_C = {"winter": -30, "extreme": -45}
"""The setting coldest_dc, by season: for a winter as it is built in."""
AROUND_DAYS = 2
"""It is powered on before the trip, and its battery lasts a day beyond it."""
MOST_DAYS = SETTINGS["target_days"].highest - AROUND_DAYS
"""The longest trip for which the setting target_days keeps the battery."""
BATTERY_COUNTED = 0.92
"""firmware/locator/scheduler/battery.py"""


def play(arguments: argparse.Namespace, console: Console) -> int:
    """Build the stage, run the trip, print its result; returns the exit code."""
    out: Path = arguments.out
    trap = out / "chaos" if arguments.chaos else None
    with console.status("starting broker and agent, compiling the firmware"):
        scenario = scenario_of(arguments)
        built = stage.build(out, scenario, arguments.port, trap)
    try:
        # Only now is the folder ours: its log may be that of a demo that runs.
        logging.basicConfig(filename=out / LOG, filemode="w", level=logging.WARNING, force=True)
        chaos = chaos_on(built, trap) if trap else None
        access = Access(built) if arguments.apns == 2 else None
        if access:
            built.modem.watched_by(access)
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        demo = Demo(built, oracle, Diary(built.trip), chaos, access)
        port = built.services.broker.port
        console.print(f"broker on localhost:{port}; everything lies in {_shown(out)}", soft_wrap=True)
        with progress_bar(console) as progress:
            comparison = Comparison(out, scenario, progress) if arguments.compare else None
            demo.run(add_task(progress, arguments.days, "ours " if comparison else ""))
            found, had = measure(demo)
            others = comparison.figures(found) if comparison else {}
        code = _print_result(demo, found, had, others, arguments, console)
        if page.picture(built.services.agent, stage.DEVICE, arguments.out / "page.png"):
            console.print(f"its page as a picture: {_shown(arguments.out)}/page.png", soft_wrap=True)
        if arguments.show:
            built.services.agent.show(stage.DEVICE)
        return code
    finally:
        built.close()


def scenario_of(arguments: argparse.Namespace) -> stage.Scenario:
    """Return what the trip is like: the same for all who are compared."""
    return stage.Scenario(
        modem=arguments.modem,
        seed=arguments.seed,
        days=arguments.days,
        card=arguments.card,
        apns=arguments.apns,
        settings=settings(arguments),
        season=arguments.season,
        battery_kind=arguments.battery,
        world=worlds.WORLDS[arguments.world],
        declared_mah=declared_mah(arguments),
        fixed_cpu=arguments.cpu == "fixed",
        after=arguments.after,
    )


def settings(arguments: argparse.Namespace) -> list[str]:
    """What is ordered before the trip: the cold that is to come, the battery unless it is the usual one; a
    budget is a battery that gives this much a day at the coldest, for all days of the trip: the container may
    stand at its goal for weeks before it is fetched. When that will be is not known in a world in which the
    operator ends the trip."""
    kind, coldest_c = battery.KINDS[arguments.battery], COLDEST_C[arguments.season]
    wanted = [*kind.settings]
    if arguments.season != weather.USUAL:
        wanted.append(f"coldest_dc={10 * coldest_c}")
    if arguments.budget and worlds.WORLDS[arguments.world].stay_days is None:
        wanted.append(f"target_days={max(7, arguments.days + AROUND_DAYS)}")
    if arguments.budget or arguments.battery != battery.USUAL:
        wanted.append(f"battery_mah={declared_mah(arguments)}")
    return [*wanted, *arguments.set]


def declared_mah(arguments: argparse.Namespace) -> int:
    """The charge that the device is configured with."""
    if arguments.budget is None:
        return int(battery.KINDS[arguments.battery].capacity_mah)
    budget_j: int = arguments.budget
    return round(budget_j / _joules_a_day(arguments))


def _joules_a_day(arguments: argparse.Namespace) -> float:
    """What one mAh gives on each day of the trip."""
    nominal_v: float = battery.KINDS[arguments.battery].nominal_v
    days: int = arguments.days
    return counted(arguments) * nominal_v * 3.6 / days


def counted(arguments: argparse.Namespace) -> float:
    """The part of it that the device counts on, in the cold that is to come."""
    return BATTERY_COUNTED * battery.at(battery.KINDS[arguments.battery].usable, COLDEST_C[arguments.season])


def _print_result(
    demo: Demo,
    found: Figures,
    had: Delivered,
    others: dict[str, Figures],
    arguments: argparse.Namespace,
    console: Console,
) -> int:
    """Draw, write, print."""
    out: Path = arguments.out
    built = demo.stage
    budget_j = arguments.budget or math.inf
    demands = figures.demands(arguments.modem, arguments.season, arguments.battery, budget_j, arguments.world)
    short = _fell_short(demo, found, demands, others)
    title = f"{stage.CONTAINER}, {stage.ROUTE}, {arguments.world}: {found.days:.1f} days"
    picture.draw(trail(title, built.trip, demo.diary.states, had.points), out / "track.png")
    track = built.services.agent.do("export", stage.DEVICE, "--format", "geojson")
    (out / "track.geojson").write_text(track)
    trip = ("modem", "seed", "days", "card", "apns", "world", "season", "battery")
    names = (*trip, "chaos", "cpu", "budget", "set")
    again = {name: getattr(arguments, name) for name in names}
    kills = demo.chaos.kills if demo.chaos else Counter()
    summary.write(Path(f"{out}.json"), again, found, demands, kills, short, others)
    console.print(summary.table(title, found, kills))
    for line in demo.access.summary() if demo.access else ():
        console.print(line)
    shown = _shown(out)
    console.print(
        f"picture {shown}/track.png, track {shown}/track.geojson, figures {shown}.json", soft_wrap=True
    )
    if others:
        console.print(compare.table(found, others))
    console.print(f"its page: {_command_of_page(shown)}", soft_wrap=True, highlight=False)
    for line in (*found.wrong[:10], *short):
        print(f"fell short: {line}" if line in short else line, file=sys.stderr)
    if found.crashes:
        print(f"what the device printed: {out / LOG}", file=sys.stderr)
    return 1 if short else 0


def _fell_short(
    demo: Demo, found: Figures, demands: Sequence[figures.Demand], others: dict[str, Figures]
) -> list[str]:
    """What the trip does not show that it must."""
    short = figures.fell_short(found, demands)
    short += [f"nothing was killed at: {point}" for point in demo.chaos.missed()] if demo.chaos else []
    short += compare.fell_short(found, others)
    short += demo.access.short() if demo.access else []
    return short


def _command_of_page(folder: Path) -> str:
    """How the device's page is opened, at the time at which the trip has ended."""
    clock, agent = (quote(f"{folder}/{each}") for each in ("clock", "agent"))
    return f"LANDBRIDGE_CLOCK_FILE={clock} .venv/bin/landbridge --data {agent} web {stage.DEVICE}"


def _shown(path: Path) -> Path:
    """The shorter way to write a path."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"{message}; see {self.prog} --help\n")


def _parser() -> Parser:
    """The options."""
    parser = Parser(prog="python -m tools.world.demo.demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--modem", choices=MODEMS, default="bg95")
    parser.add_argument("--seed", type=whole(0), default=1, help="the same seed is the same trip")
    parser.add_argument("--days", type=whole(1, MOST_DAYS), help="default: 45, or as long as the world needs")
    parser.add_argument(
        "--world", choices=worlds.WORLDS, default=worlds.USUAL, help="docs/guide/simulated-world.md"
    )
    parser.add_argument(
        "--card",
        choices=(*cards.KINDS, cards.LANDING, cards.IOT_LANDING),
        default="single",
        help="docs/guide/simulated-world.md",
    )
    parser.add_argument(
        "--season", choices=weather.SEASONS, default=weather.USUAL, help="docs/guide/simulated-world.md"
    )
    parser.add_argument("--battery", choices=battery.KINDS, default=battery.USUAL, help="the same")
    parser.add_argument("--compare", action="store_true", help="with fixed schedules on the same trip")
    parser.add_argument(
        "--apns", type=int, choices=(1, 2), default=1, help="2: one for positions, another for updates"
    )
    parser.add_argument("--chaos", action="store_true", help="kill broker and agent where it hurts")
    parser.add_argument(
        "--cpu", choices=("tabled", "fixed"), default="tabled", help="fixed: the same in each wake"
    )
    parser.add_argument("--budget", type=int, help="joules a day that the device may spend")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the device")
    parser.add_argument("--port", type=whole(0, 65535), default=0, help="of the broker; 0: any free one")
    parser.add_argument("--show", action="store_true", help="then serve its page until Ctrl-C")
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    parser.add_argument(
        "--after",
        type=Path,
        nargs="*",
        default=[],
        metavar="DIR",
        help="demos that the agent has seen",
    )
    return parser


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, or these `words` of one."""
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.compare and arguments.chaos:
        parser.error("--compare needs a trip that can be repeated; leave out --chaos")
    if arguments.days is None:
        arguments.days = worlds.days(worlds.WORLDS[arguments.world], arguments.seed)
    if arguments.budget is not None:
        _check_budget(parser, arguments)
    if arguments.apns == 2 and arguments.card != "euicc4":
        parser.error("--apns 2 needs --card euicc4: access points belong to profiles")
    arguments.out = arguments.out.resolve()
    arguments.after = [each.resolve() for each in arguments.after]
    if arguments.out in arguments.after:
        parser.error("--after: a demo cannot come after itself; name another --out")
    return arguments


def _check_budget(parser: Parser, arguments: argparse.Namespace) -> None:
    """Exit if no setting of the device has a battery of so many joules."""
    mah, limits = declared_mah(arguments), SETTINGS["battery_mah"]
    if not limits.lowest <= mah <= limits.highest:
        least, most = (each * _joules_a_day(arguments) for each in (limits.lowest, limits.highest))
        wrong = f"--budget {arguments.budget}: for {arguments.days} days that is a battery of {mah} mAh"
        taken = f"the device takes {limits.lowest} to {limits.highest}"
        parser.error(f"{wrong}; {taken}: --budget {math.ceil(least)} to {math.floor(most)}")


@one_line(ServiceError, LayoutError, UserError, OSError)
def main() -> int:
    """The command line."""
    return play(parsed(), Console())


if __name__ == "__main__":
    sys.exit(main())
