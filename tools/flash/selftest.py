"""Tests every part of a tracker: `make selftest PORT=/dev/ttyUSB0`; the report goes to out/selftest/.

Firmware must be on it. Out of doors, with antennas, it takes two to six minutes; the lamp shows how far it
has come.
"""

import argparse
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash import LayoutError
from tools.flash.console import source
from tools.flash.device import Device

OUT = Path("out", "selftest")
SILENT_S = 400
SLEEP = """The current in sleep: take the cable off, put a meter (range 1 mA, a burden below 10 mV/mA, and a
switch across it for the start) into the battery's lead, press RESET with the switch closed, open it later.
A reference board shows 60 uA; 1 mA is a regulator, 2 mA a modem that is not off, 10 mA a USB bridge."""


def parse(printed: str) -> list[tuple[str, bool, str]]:
    """(part, good, what was found) of each line of the report."""
    rows = (line.strip().split("|", 2) for line in printed.splitlines() if line.count("|") >= 2)
    return [(part, good == "good", found) for part, good, found in rows]


def report(rows: list[tuple[str, bool, str]]) -> Table:
    """For people."""
    table = Table(title="Self-test")
    for name in ("part", "", "found"):
        table.add_column(name)
    for part, good, found in rows:
        table.add_row(part, "good" if good else "[bold red]bad", found)
    return table


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.selftest", description=__doc__)
    parser.add_argument("--port", required=True, help="for example /dev/ttyUSB0")
    arguments = parser.parse_args()
    with closing(Device(arguments.port)) as device:
        printed = device.run(source("selftest") + "\nmain()\n", SILENT_S)
        device.restart()
    rows = parse(printed)
    console = Console()
    console.print(report(rows))
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.txt"
    file.write_text(printed)
    print(f"{file}\n\n{SLEEP}")
    return 0 if rows and all(good for _, good, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
