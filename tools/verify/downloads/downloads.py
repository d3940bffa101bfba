"""Downloads profiles: what it costs by kind of network, and what becomes of each answer of a server.

`python -m tools.verify.downloads.downloads [--share N]` runs whole wakes of the firmware on both simulated
modems with a strict eUICC, the agent and a scripted SM-DP+. Profiles of three sizes must arrive byte for
byte, for at most 1.3 times what was estimated; every code of ES9+ must end its order as SGP.22 has it, with
the sentence for people. It writes out/downloads.json and exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tools.modem.network import bands
from tools.modem.network.air import Rat
from tools.modem.registry import Dialect
from tools.options import whole
from tools.verify.downloads.answers import ALL, INITIATE, Answer
from tools.verify.downloads.device import Downloader, Reading, server_of_process
from tools.world.device import cpu
from tools.world.device.meter import ESP32_W, MODEM_W

OUT = Path("out/downloads.json")
MOST_WAKES = 24
SMALL = 3_000
TAIL_S = 10
"""After a message the network keeps the connection so long: part of the estimate, so measured with it."""
SPARE = 1.3
NETWORKS: tuple[tuple[Dialect, Rat], ...] = (
    ("bg95", "emtc"),
    ("bg95", "nbiot"),
    ("bg95", "gsm"),
    ("sim7600", "lte"),
)
SIZES = (12_000, 15_000, 40_000)
ESTIMATES: dict[tuple[Rat, int], tuple[int, int]] = {
    ("emtc", 15_000): (10, 12),
    ("emtc", 40_000): (19, 29),
    ("gsm", 15_000): (19, 22),
    ("gsm", 40_000): (39, 50),
    ("nbiot", 15_000): (24, 26),
    ("nbiot", 40_000): (50, 61),
    ("lte", 15_000): (18, 20),
    ("lte", 40_000): (31, 40),
}
"""Joules, computed from the constants of the simulated world: pieces one by one, a tail of `TAIL_S`, no
attach. 12 kB may cost what 15 kB may."""
_WRITE_MS_KB, _ERASE_MS_4KB = 3, 45
"""Durations of flash operations, as in `cpu.terms`."""


class Cost(NamedTuple):
    """Of one download, from the card's first answer to its result; joules with the tail."""

    modem: Dialect
    rat: Rat
    size: int
    whole: bool
    counts: Reading
    seconds: float
    joules: float

    @property
    def estimate(self) -> tuple[int, int]:
        """Joules: the least, the most."""
        return ESTIMATES[self.rat, max(self.size, 15_000)]

    @property
    def short(self) -> str:
        """The error, "" if there is none."""
        if not self.whole:
            return "the profile is not on the card byte for byte"
        most = SPARE * self.estimate[1]
        return f"{self.joules:.1f} J, at most {most:.1f} J" if self.joules > most else ""


@dataclass(frozen=True)
class Come:
    """The result of an answer; `short`: the differences from the expected one."""

    modem: Dialect
    answer: Answer
    problem: str
    short: str


def cost(modem: Dialect, rat: Rat, size: int) -> Cost:
    """Download once."""
    release = patch.object(bands, "RELEASE_MS", (1_000 * TAIL_S,) * len(bands.RELEASE_MS))
    with tempfile.TemporaryDirectory() as folder, release:
        machine = Downloader(Path(folder), modem, server_of_process(), size, rat)
        machine.agent.order()
        _until_over(machine)
        first = machine.taken[0]
        whole = machine.agent.row().outcome == "installed" and machine.copies() == [machine.digest]
        machine.agent.database.close()
    kb = size / 1_024
    cpu_s = (
        2
        * (
            cpu.ENVELOPE.ms * first.sealed_kb + cpu.AT_LINE_US / 1_000 * 2 * first.at_lines
        )  # at half the clock
        + _WRITE_MS_KB * kb
        + _ERASE_MS_4KB * kb / 4
    ) / 1_000
    busy_j = cpu_s * (ESP32_W["active-80"] + MODEM_W[modem]["connected"])
    tail_j = TAIL_S * MODEM_W[modem]["connected"]
    seconds = first.ms / 1_000 + cpu_s
    return Cost(modem, rat, size, whole, first, seconds, first.joules + busy_j + tail_j)


def _until_over(machine: Downloader) -> None:
    for _ in range(MOST_WAKES):
        machine.wake()
        machine.agent.works()
        if machine.agent.is_over():
            return


def answer(modem: Dialect, wanted: Answer) -> Come:
    """Let the server, or the card, answer so."""
    server = server_of_process()
    quirks = frozenset({wanted.quirk} - {""})
    server.faults[:] = wanted.faults()
    server.functions.damage = {wanted.damage} - {""}
    server.calls.clear()
    with tempfile.TemporaryDirectory() as folder:
        machine = Downloader(Path(folder), modem, server, SMALL, quirks=quirks)
        machine.agent.order()
        _until_over(machine)
        row, problem = machine.agent.row(), machine.agent.shown()["problem"] or ""
        machine.agent.database.close()
    server.faults.clear()
    server.functions.damage = ()
    sessions = server.calls.count(INITIATE)
    installed = wanted.state == "installed"
    is_there = machine.copies() == ([machine.digest] if installed else [])
    short = [
        f"it ends {row.outcome}" if row.outcome != wanted.state else "",
        "the sentence is another" if wanted.words not in problem or not (problem or installed) else "",
        f"the code is {row.refusal}" if row.refusal != wanted.refusal else "",
        f"{sessions} sessions, not {wanted.sessions}" if sessions != wanted.sessions else "",
        "the card is another" if not (is_there and machine.is_card_good()) else "",
    ]
    return Come(modem, wanted, problem, "; ".join(filter(None, short)))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.downloads.downloads")
    parser.add_argument("--share", type=whole(1), default=1, help="each so-manieth answer only")
    share = parser.parse_args().share
    todo = [(modem, each) for each in ALL for modem in ("bg95", "sim7600")][::share]
    sizes = [(modem, rat, size) for modem, rat in NETWORKS for size in SIZES]
    comes: list[Come] = []
    costs: list[Cost] = []
    with (
        Progress(console=Console()) as progress,
        ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        task = progress.add_task("answers", total=len(todo))
        for come in pool.map(answer, *zip(*todo, strict=True)):
            comes.append(come)
            progress.advance(task)
        task = progress.add_task("profiles", total=len(sizes))
        for taken in pool.map(cost, *zip(*sizes, strict=True)):
            costs.append(taken)
            progress.advance(task)
    return report(comes, costs)


def report(comes: list[Come], costs: list[Cost]) -> int:
    """Print and write the figures; 1 if something fell short or was left out."""
    Console(width=110).print(_table(costs))
    short = _short(comes, costs)
    otherwise, whole = sum(bool(each.short) for each in comes), sum(each.whole for each in costs)
    figures = {
        "answers": len(comes),
        "answered otherwise": otherwise,
        "byte for byte": whole,
        "downloads": [
            {"modem": each.modem, "network": each.rat, "bytes": each.size, **each.counts._asdict(),
             "seconds": round(each.seconds, 1), "joules": round(each.joules, 2), "estimate": each.estimate}
            for each in costs
        ],
        "fell short": short,
    }  # fmt: skip
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    for line in short:
        print(f"fell short: {line}")
    print(f"answers {len(comes)}; answered otherwise {otherwise}")
    print(f"profiles {len(costs)}; byte for byte {whole}; fell short {len(short)}")
    return 1 if short else 0


def _table(costs: list[Cost]) -> Table:
    table = Table(title="One download; joules and their estimate")
    for name in (
        "modem",
        "network",
        "bytes",
        "APDUs",
        "uplinks",
        "sealed",
        "air",
        "seconds",
        "joules",
        "estimate",
    ):
        table.add_column(name, justify="right" if name != "modem" else "left")
    for each in costs:
        counts, (least, most) = each.counts, each.estimate
        table.add_row(
            each.modem, each.rat, f"{each.size:,}", str(counts.apdus), str(counts.uplinks),
            f"{counts.sealed_bytes:,}", f"{counts.air_bytes:,}", f"{each.seconds:.0f}", f"{each.joules:.1f}",
            f"{least}-{most}",
        )  # fmt: skip
    return table


def _short(comes: list[Come], costs: list[Cost]) -> list[str]:
    """What fell short, and whether something was left out."""
    short = [
        f"{each.modem}, {each.answer.name}: {each.short}: {each.problem}" for each in comes if each.short
    ]
    short += [f"{each.modem}, {each.rat}, {each.size:,}: {each.short}" for each in costs if each.short]
    if len({each.answer for each in comes}) < len(ALL) or len(costs) < len(NETWORKS) * len(SIZES):
        short.append("a part was left out")
    return short


if __name__ == "__main__":
    sys.exit(main())
