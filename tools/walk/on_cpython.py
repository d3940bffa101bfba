"""One boot of the device on CPython, traced: `python on_cpython.py ROOT FOLDERS ENTRIES LEGS POWER_ON`.

MicroPython has no means to trace calls. So the sources of the firmware run here as they are, from FOLDERS
(with a colon between them: those of the firmware, of the board, of its port to the simulated world, and of
the stand-ins for modules that only MicroPython has). The legs that begin with one of ENTRIES (JSON), of files
below ROOT, are appended to the file LEGS as a line of JSON before the device sleeps or resets. POWER_ON is
the file that the simulated board begins with.
"""

import gc
import importlib
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

# In place of this folder: the firmware may have files of the same names.
sys.path[0] = str(Path(__file__).parents[2])

from tools.walk.tracer import Step, Tracer  # noqa: E402

root, folders, entries, legs, power_on = sys.argv[1:]
tracer = Tracer(Path(root), [Step(*each) for each in json.loads(entries)])


class Vfs(ModuleType):
    """MicroPython's `vfs`. The slot is mounted nowhere: imports find the sources in FOLDERS."""

    def mount(self, *_: Any) -> None:
        """Do nothing."""


def written_first(end: Callable[..., None]) -> Callable[..., None]:
    """Return a way to end the boot that writes the legs before."""

    def ended(*arguments: Any) -> None:
        sys.setprofile(None)
        tracer.end_all()
        with open(legs, "a") as file:
            file.write(json.dumps(tracer.legs) + "\n")
        end(*arguments)

    return ended


sys.modules["vfs"] = Vfs("vfs")
gc.threshold = lambda _bytes: None  # type: ignore[attr-defined]
sys.path[:0] = folders.split(":")

lockstep: Any = importlib.import_module("lockstep")
lockstep.open = lambda pipe, mode: open(pipe, mode, buffering=0)  # CPython's buffer wants to seek in it
for name in ("deepsleep", "reset"):
    setattr(lockstep.LockstepPort, name, written_first(getattr(lockstep.LockstepPort, name)))
with tracer.here():
    runpy.run_path(power_on)
