"""Hooks: who must act on another's change. `app.py` registers all of them, once, when it is imported."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Callback = TypeVar("Callback")


class Hook(Generic[Callback]):
    """Those who act on one kind of change, in their order."""

    def __init__(self) -> None:
        self._registered: tuple[Callback, ...] | None = None

    def register(self, *callbacks: Callback) -> None:
        """Have these act from now on."""
        self._registered = callbacks

    def __iter__(self) -> Iterator[Callback]:
        """`RuntimeError` before anybody is registered: what they do would be left out and nobody know."""
        if self._registered is None:
            raise RuntimeError("no hook is registered: import landbridge.app first")
        return iter(self._registered)
