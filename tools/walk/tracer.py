"""Notes which functions of a project run, each when it is entered for the first time.

A leg is all that runs on one thread from the call of a function to its return. What happens at the same
time on other threads is left out, so two runs give the same legs whatever the machine's speed.
"""

import inspect
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

MODULE = "<module>"
"""Name of what runs while a file is imported or started."""


class Step(NamedTuple):
    """A function, by the path of its file below the folder that is traced and its qualified name."""

    file: str
    function: str


class Leg(NamedTuple):
    """What ran below the call of `entry`, in the order of first calls; `entry` is the first of them."""

    entry: Step
    steps: list[Step]


class Tracer:
    """`legs` are those that began with any of `entries`, of files below `root`, in the order of their ends.

    Comprehensions and lambdas are left out, as it depends on the version of Python which of them are
    functions; so are the bodies of classes, which run when their file is imported.
    """

    def __init__(self, root: Path, entries: Collection[Step]) -> None:
        self._root = f"{root}/"
        self._entries = frozenset(entries)
        self._open: dict[int, list[tuple[FrameType, dict[Step, None]]]] = {}
        self._everything: dict[Step, None] | None = None
        self._left_out: type[threading.Thread] | tuple[()] = ()
        self.legs: list[Leg] = []

    def follow_threads(self) -> None:
        """Trace the threads that are started from now on."""
        threading.setprofile(self._note)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Trace this thread meanwhile."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    @contextmanager
    def everything(self, but: type[threading.Thread]) -> Iterator[dict[Step, None]]:
        """The steps of all threads that are traced meanwhile: for what one thread hands to another. Left out
        are threads of the class `but`, which run whenever they like."""
        self._everything, self._left_out = {}, but
        try:
            yield self._everything
        finally:
            self._everything = None

    @property
    def is_idle(self) -> bool:
        """Whether no leg is open on any thread."""
        return not any(list(self._open.values()))

    def end_all(self) -> None:
        """End the legs of this thread that are still open, the innermost first."""
        for frame, steps in reversed(self._open.pop(threading.get_ident(), [])):
            self.legs.append(Leg(self._step(frame), list(steps)))

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event not in ("call", "return") or not frame.f_code.co_filename.startswith(self._root):
            return
        legs = self._open.setdefault(threading.get_ident(), [])
        if event == "return":
            if legs and legs[-1][0] is frame:
                _, steps = legs.pop()
                self.legs.append(Leg(self._step(frame), list(steps)))
            return
        step = self._step(frame)
        if step in self._entries:
            legs.append((frame, {}))
        elif step.function != MODULE and not _is_named(frame):
            return
        for _, steps in legs:
            steps[step] = None
        if self._everything is not None and not isinstance(threading.current_thread(), self._left_out):
            self._everything[step] = None

    def _step(self, frame: FrameType) -> Step:
        code = frame.f_code
        return Step(code.co_filename.removeprefix(self._root), code.co_qualname)


def _is_named(frame: FrameType) -> bool:
    """Whether it is that of a function with a name."""
    return bool(frame.f_code.co_flags & inspect.CO_OPTIMIZED) and not frame.f_code.co_name.startswith("<")
