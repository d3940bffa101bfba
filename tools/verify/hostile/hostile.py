"""Attackers gain nothing: `python -m tools.verify.hostile.hostile [--seed N]`.

Each part is a module with `run(seed)`. Prints the figures last, writes out/hostile.json, and exits with 1
when something was taken that should have been refused, or the other way round.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tools.options import whole
from tools.verify.harness.figures import Part
from tools.verify.hostile import broker as hostile_broker
from tools.verify.hostile import crypto
from tools.verify.hostile import downlinks as hostile_downlinks

OUT = Path("out/hostile.json")
PARTS: dict[str, Callable[[int], Part]] = {
    "cryptography": crypto.run,
    "downlinks": hostile_downlinks.run,
    "broker": hostile_broker.run,
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.hostile.hostile", description=__doc__)
    parser.add_argument("--seed", type=whole(0), default=1)
    seed = parser.parse_args().seed
    results = {}
    for name, run in PARTS.items():
        print(f"{name} ...", flush=True)
        results[name] = run(seed)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({name: asdict(part) for name, part in results.items()}, indent=2) + "\n")
    failures = [f"{name}: {failure}" for name, part in results.items() for failure in part.failures]
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    for name, part in results.items():
        for what, figure in part.figures.items():
            print(f"{name}: {what} {figure}")
    print(f"failures {len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
