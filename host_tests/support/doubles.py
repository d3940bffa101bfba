"""Stand-ins that do one thing, and refuse everything else."""

from collections.abc import Callable
from typing import Any

from landbridge.features.sims.provider import Status


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


class SimProvider:
    """A SIM provider in memory (features/sims/provider.py)."""

    def __init__(self) -> None:
        self.states: dict[str, Status] = {}
        self.used: dict[str, int] = {}
        self.done: list[tuple[str, str]] = []

    def status(self, iccid: str) -> Status:
        """Return the state as set."""
        return self.states.get(iccid, Status(None, None))

    def usage(self, iccid: str) -> int | None:
        """Return the bytes as set."""
        return self.used.get(iccid)

    def lock(self, iccid: str) -> None:
        """Record the call."""
        self.done.append(("lock", iccid))
        self.states[iccid] = self.status(iccid)._replace(state="locked", locked=True)

    def reset(self, iccid: str) -> None:
        """Record the call."""
        self.done.append(("reset", iccid))
