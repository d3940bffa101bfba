"""How much of the server one user, one address, one kind of work may have at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException

from landbridge.core.texts import _


class Places:
    """So many at once for each name. For one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def take(self, name: str) -> bool:
        """Whether one was free; who has taken it gives it back."""
        if self._taken[name] >= self._most:
            return False
        self._taken[name] += 1
        return True

    def give_back(self, name: str) -> None:
        """One that was taken is free."""
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]


class Turns:
    """So many at a time; so many more wait, and those beyond are refused. For one event loop."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most, self._there = at_once + waiting, 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """As long as it lasts; 429 when too many wait."""
        if self._there >= self._most:
            raise HTTPException(429, _("too many requests at once; wait a moment"), {"retry-after": "5"})
        self._there += 1
        try:
            async with self._free:
                yield
        finally:
            self._there -= 1
