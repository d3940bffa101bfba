"""Hostile downlinks and damaged settings against the whole device (`tools/mpy_downlinks.py` tells how)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.campaign.figures import Part
from tools.flash.layout import FIRMWARE, REPOSITORY

CORE = REPOSITORY / "tools" / "mpy_downlinks.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
MANY = 1_000
"""Messages in a flood, and random cases of each kind."""


def run(seed: int, many: int = MANY, firmware: Path = FIRMWARE) -> Part:
    """All of it: the cases by kind, what was accepted, where the device was stuck."""
    ended = subprocess.run(
        [str(MICROPYTHON), "-X", "heapsize=4M", str(CORE), str(seed), str(many)],
        env=os.environ | {"MICROPYPATH": f"{firmware}:{CORE.parent}:.frozen"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in ended.stdout.splitlines() if line.startswith('{"')]
    if not lines:
        return Part({}, ["it died: " + (ended.stdout + ended.stderr)[-300:]])
    result: dict[str, Any] = json.loads(lines[-1])
    figures = {kind: result["cases"][kind] for kind in sorted(result["cases"])}
    figures |= {name: len(result[name]) for name in ("accepted", "stuck")}
    return Part(figures, [f"{name}: {words}" for name in ("accepted", "stuck") for words in result[name]])
