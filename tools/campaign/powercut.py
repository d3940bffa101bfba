"""Cuts the device's power at flash operations, clean and torn, thousands of times: is anything lost?

`python -m tools.campaign.powercut [--cuts N] [--seed N]` runs the firmware's journal, ledger and copy
of the plan, compiled, on LittleFS in MicroPython (`tools/mpy_powercut.py` tells how), on all cores.
It writes out/powercut.json and exits with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.flash.layout import FIRMWARE, REPOSITORY, LayoutError, compile_module, modules

SCRIPT = REPOSITORY / "tools" / "mpy_powercut.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
OUT = Path("out/powercut.json")
CUTS = 30_000
SHARE = 1_000
"""Cuts of one process."""


@dataclass
class Result:
    """What came of some cuts; `violations` in words."""

    cuts: int = 0
    torn: int = 0
    violations: list[str] = field(default_factory=list)


def run(firmware: Path, seed: int, cuts: int) -> Result:
    """Cut the power so many times under the firmware compiled in `firmware`."""
    search = f"{firmware}:.frozen"
    command = [str(MICROPYTHON), "-X", "heapsize=64M", str(SCRIPT), str(seed), str(cuts)]
    ended = subprocess.run(
        command, env=os.environ | {"MICROPYPATH": search}, capture_output=True, text=True, check=False
    )
    result = Result()
    for line in ended.stdout.splitlines():
        match line.split():
            case ["violation", *_]:
                result.violations.append(f"seed {seed}: {line}")
            case ["done", count, torn]:
                result.cuts, result.torn = int(count), int(torn)
    if not result.cuts:
        said = "\n".join((ended.stdout + ended.stderr).splitlines()[-12:])
        result.violations.append(f"seed {seed}: the device's code failed:\n{said}")
    return result


def campaign(seed: int, cuts: int) -> Iterator[Result]:
    """The results of all processes, as they end."""
    with tempfile.TemporaryDirectory() as folder:
        for source in modules(FIRMWARE / "locator"):
            compile_module(source, Path(folder, source.relative_to(FIRMWARE)))
        shares = [min(SHARE, cuts - start) for start in range(0, cuts, SHARE)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(
                lambda share: run(Path(folder), seed + share[0], share[1]), enumerate(shares)
            )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.campaign.powercut")
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    total = Result()
    try:
        with Progress(console=Console()) as progress:
            task = progress.add_task("cuts", total=arguments.cuts)
            for result in campaign(arguments.seed, arguments.cuts):
                total.cuts += result.cuts
                total.torn += result.torn
                total.violations += result.violations
                progress.update(task, completed=total.cuts)
    except (LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(asdict(total), indent=2) + "\n")
    for violation in total.violations[:20]:
        print(violation, file=sys.stderr)
    print(f"cuts {total.cuts}, {total.torn} of them torn; violations {len(total.violations)}")
    return 1 if total.violations or total.cuts < arguments.cuts else 0


if __name__ == "__main__":
    sys.exit(main())
