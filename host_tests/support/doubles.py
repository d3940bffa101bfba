"""Stand-ins that do one thing, and refuse everything else."""

from collections.abc import Callable
from typing import Any


class StoppedClock:
    """A clock of the agent that says one time."""

    def __init__(self, at_s: int) -> None:
        self._at_s = at_s

    def now_s(self) -> int:
        return self._at_s


def raising(error: BaseException) -> Callable[..., Any]:
    """A function that fails, whatever it is given."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail
