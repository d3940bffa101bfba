"""Changes in the fleet as server-sent events: a row whenever it differs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from landbridge.web import device_views
from landbridge.web.services import STREAMS, Services

POLL_S = 1.0
_KEEP_ALIVE_POLLS = 20
_LATEST_S = 30
"""No transaction takes longer than this."""


class Feed:
    """The rows sent to one browser, and what has changed since."""

    def __init__(self, it: Services, tenant: str | None) -> None:
        self._it, self._tenant = it, tenant
        # Also what came in while the page was on its way to the browser, or its feed was interrupted.
        self._since_s = it.clock.now_s() - _LATEST_S
        self._sent: dict[str, device_views.Glance] = {}

    def changes(self) -> list[dict[str, Any]]:
        """Return the rows of devices that have reported or changed, if they differ from the sent ones."""
        now_s = self._it.clock.now_s()
        with self._it.database.reading() as connection:
            stirred = device_views.listed(connection, self._tenant, since_s=self._since_s)
            rows = device_views.glances(connection, [each for each in stirred if each.live], now_s)
        # A transaction that began before and commits later is included next time.
        self._since_s = max(self._since_s, now_s - _LATEST_S)
        new = [row for row in rows if self._sent.get(row.device) != row]
        self._sent = {row.device: row for row in rows}
        return [device_views.serialize(row) for row in new]


async def stream(it: Services, tenant: str | None, may_go_on: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield events until the agent stops or the sign-in session ends."""
    feed, looks = Feed(it, tenant), 0
    yield "retry: 3000\n\n"
    while not it.stop.is_set():
        looks += 1
        rows, is_due = await run_in_threadpool(feed.changes), looks % _KEEP_ALIVE_POLLS == 0
        if (rows or is_due) and not await run_in_threadpool(may_go_on):
            return
        if is_due:
            yield ": alive\n\n"
        for row in rows:
            yield f"data: {json.dumps(row, separators=(',', ':'))}\n\n"
        await asyncio.sleep(POLL_S)


class Live(StreamingResponse):
    """Return the events for one browser; 429 when its token has too many already."""

    def __init__(self, it: Services, token: str, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._streams, self._token = it.streams, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        if not self._streams.take(self._token):
            why = f"{self._token} has {STREAMS} live feeds already: close some, or give others a token"
            await PlainTextResponse(why, 429, {"retry-after": "60"})(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.give_back(self._token)
