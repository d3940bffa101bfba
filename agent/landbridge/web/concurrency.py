"""Limits on concurrent work by user, address and kind."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException

from landbridge.core.texts import _


class Places:
    """A limit for each name. For one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def take(self, name: str) -> bool:
        """Whether one was free; the caller releases it."""
        if self._taken[name] >= self._most:
            return False
        self._taken[name] += 1
        return True

    def give_back(self, name: str) -> None:
        """Release one."""
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]


class Turns:
    """A limit with a queue; requests beyond both are refused. For one event loop."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most, self._there = at_once + waiting, 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a place in the context; 429 when too many wait."""
        if self._there >= self._most:
            raise HTTPException(429, _("too many requests at once; wait a moment"), {"retry-after": "5"})
        self._there += 1
        try:
            async with self._free:
                yield
        finally:
            self._there -= 1
