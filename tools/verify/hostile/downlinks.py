"""Hostile downlinks and damaged settings against the whole device (`tools/verify/on_device/downlinks.py`
tells how)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.flash.layout import FIRMWARE, VERIFY_ON_DEVICE, compile_module, modules
from tools.verify.harness.figures import Part

CORE = VERIFY_ON_DEVICE / "downlinks.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
MANY = 1_000
"""Messages in a flood, and random cases of each kind."""
PARTS = ("forged", "replayed", "downlinks", "damaged")
"""Messages that the agent never wrote, or wrote for another uplink, downlinks that it should not send,
settings damaged on flash."""


def run(seed: int, many: int = MANY, firmware: Path = FIRMWARE, parts: Sequence[str] = PARTS) -> Part:
    """The cases by kind, what was accepted, where the device was stuck."""
    with tempfile.TemporaryDirectory() as compiled:
        # A wake loads most modules again, and from source that takes far longer than the wake itself.
        for source in modules(firmware):
            compile_module(source, Path(compiled) / source.relative_to(firmware), firmware)
        ended = subprocess.run(
            [str(MICROPYTHON), "-X", "heapsize=4M", str(CORE), str(seed), str(many), *parts],
            env=os.environ | {"MICROPYPATH": f"{compiled}:{CORE.parent}:.frozen"},
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
