"""One process of power cuts: the firmware in a folder, on MicroPython (as described in
`tools/verify/on_device/powercut.py`)."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tools.flash.layout import VERIFY_ON_DEVICE

SCRIPT = VERIFY_ON_DEVICE / "powercut.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
HEAP = "heapsize=4M"
"""The flash lies in it, a copy to begin again from, and what is promised."""


@dataclass
class Result:
    """The result of some cuts of a subject; `violations` in words."""

    subject: str
    cuts: int = 0
    torn: int = 0
    violations: list[str] = field(default_factory=list)


def run(firmware: Path, subject: str, seed: int, cuts: int) -> Result:
    """Cut the power this many times under a subject of the firmware compiled in `firmware`."""
    search = f"{firmware}:{SCRIPT.parent}:.frozen"
    command = [str(MICROPYTHON), "-X", HEAP, str(SCRIPT), subject, str(seed), str(cuts)]
    ended = subprocess.run(
        command, env=os.environ | {"MICROPYPATH": search}, capture_output=True, text=True, check=False
    )
    result = Result(subject)
    for line in ended.stdout.splitlines():
        match line.split():
            case ["violation", *_]:
                result.violations.append(f"{subject}, seed {seed}: {line}")
            case ["done", count, torn]:
                result.cuts, result.torn = int(count), int(torn)
    if not result.cuts:
        said = "\n".join((ended.stdout + ended.stderr).splitlines()[-12:])
        result.violations.append(f"{subject}, seed {seed}: the device's code failed:\n{said}")
    return result
