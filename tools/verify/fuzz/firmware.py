"""Random and mutated bytes through the AT channel and every parser: `python -m tools.verify.fuzz.firmware`.

The targets are in `tools/verify/on_device/fuzz.py`. CPython gives the volume, MicroPython a slice, on the
heap of the device with some for the harness: there a buffer that grows without bound ends in MemoryError.
Passes when no exception but ours came out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.flash.layout import FIRMWARE, VERIFY_ON_DEVICE
from tools.options import whole

CORE = VERIFY_ON_DEVICE / "fuzz.py"
HEAP = "heapsize=128wK"
SLICE = 20
"""MicroPython gets one byte in this many."""
ROUNDS = 10
"""Seeds of a target, each with its part of the bytes."""

Result = dict[str, Any]
"""target, executions, bytes, refused, crashes, kept: a few [input as hex, error]."""


def targets() -> list[str]:
    """Their names."""
    names: list[str] = sorted(core().TARGETS)
    return names


def on_cpython(target: str, seed: str, budget: int) -> Result:
    """Feed `budget` bytes to a target in this process."""
    result: Result = core().fuzz(target, seed, budget)
    return {"runtime": "cpython", **result}


def on_micropython(interpreter: Path, seed: str, budget: int, names: list[str]) -> list[Result]:
    """The same on the device's runtime; what ends the process is a crash, too."""
    process = subprocess.run(
        [str(interpreter), "-X", HEAP, str(CORE), seed, str(budget), *names],
        env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:.frozen"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in process.stdout.splitlines() if line.startswith("{")]
    results = [{"runtime": "micropython", **json.loads(line)} for line in lines]
    for name in names[len(results) :]:
        last = (process.stdout + process.stderr).strip().splitlines()[-1:]
        died = {"executions": 0, "bytes": 0, "refused": 0, "crashes": 1, "kept": [{"error": last}]}
        results.append({"runtime": "micropython", "target": name, **died})
    return results


def run_all(
    seed: int, budget: int, workers: int, progress: Callable[[int], None] = lambda count: None
) -> list[Result]:
    """Every target: `budget` bytes on CPython, a slice on MicroPython."""
    names = targets()
    interpreter = Path(sys.executable).with_name("micropython")
    jobs = [(name, f"{seed}.{turn}", budget // ROUNDS) for name in names for turn in range(ROUNDS)]
    results: list[Result] = []
    with ProcessPoolExecutor(workers) as pool:
        for result in pool.map(on_cpython, *zip(*jobs, strict=True)):
            results.append(result)
            progress(1)
    for name in names:
        results += on_micropython(interpreter, str(seed), budget // SLICE, [name])
        progress(1)
    return results


def figures(results: list[Result]) -> Result:
    """The figures that are printed and stored."""
    return {
        "executions": sum(result["executions"] for result in results),
        "bytes": sum(result["bytes"] for result in results),
        "crashes": sum(result["crashes"] for result in results),
        "by_target": {
            f"{name} on {runtime}": _sum(results, name, runtime)
            for name in targets()
            for runtime in ("cpython", "micropython")
        },
        "kept": [
            {"target": result["target"], "runtime": result["runtime"], **crash}
            for result in results
            for crash in result["kept"]
        ],
    }


def main() -> int:
    """Run all; 1 after a crash."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.fuzz.firmware", description=__doc__)
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--bytes", type=int, default=1_000_000, help="for each target")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz.json"))
    options = parser.parse_args()
    console = Console()
    columns = (TextColumn("bytes at random"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=len(targets()) * (ROUNDS + 1))
        results = run_all(options.seed, options.bytes, options.workers, lambda n: bar.advance(task, n))
    result = figures(results)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    _print(console, result)
    console.print(f"kept in {options.out}")
    return 1 if result["crashes"] else 0


def core() -> Any:
    if str(CORE.parent) not in sys.path:
        sys.path.append(str(CORE.parent))
    return importlib.import_module(CORE.stem)


def _sum(results: list[Result], name: str, runtime: str) -> dict[str, int]:
    mine = [result for result in results if (result["target"], result["runtime"]) == (name, runtime)]
    return {key: sum(result[key] for result in mine) for key in ("executions", "bytes", "refused", "crashes")}


def _print(console: Console, result: Result) -> None:
    table = Table("target", "executions", "bytes", "refused", "crashes")
    for name, counts in result["by_target"].items():
        table.add_row(name, *(f"{count:,}" for count in counts.values()))
    console.print(table)
    for crash in result["kept"][:10]:
        console.print(f"crash: {json.dumps(crash)}", markup=False)
    for name in ("executions", "bytes", "crashes"):
        console.print(f"{name} {result[name]}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
