"""Hooks: functions that run when another feature has changed something. `app.py` registers all of them, once,
when it is imported."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Callback = TypeVar("Callback")


class Hook(Generic[Callback]):
    """The callbacks for one kind of change, in their order."""

    def __init__(self) -> None:
        self._registered: tuple[Callback, ...] | None = None

    def register(self, *callbacks: Callback) -> None:
        """Replace the callbacks."""
        self._registered = callbacks

    def __iter__(self) -> Iterator[Callback]:
        """`RuntimeError` before the callbacks are registered: they would be left out unnoticed."""
        if self._registered is None:
            raise RuntimeError("no hook is registered: import landbridge.app first")
        return iter(self._registered)
