"""Floods the pages from a process of its own: its connections are more than `select` in the process of the
devices can handle. Each kind comes from many addresses of loopback, as the limits of one would end it at
once.
"""

from __future__ import annotations

import asyncio
import re
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple

_DESCRIPTORS = 4_096
_PAUSE_S = 5.0
_LATE_S = 60.0
_HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: "
_A_HOST = 50
"""Connections of one kind from one address."""


class Sizes(NamedTuple):
    """How many there are at once."""

    streams: int = 1_100
    half_open: int = 1_300
    sign_ins: int = 60


@dataclass
class Seen:
    """The result."""

    streams: Counter[str] = field(default_factory=Counter)
    """Answers by status, "" for a connection that was closed instead."""
    half_open: int = 0
    """Connections that were made and left half-open."""
    half_open_closed: int = 0
    sign_ins_begun: int = 0
    sign_ins: Counter[str] = field(default_factory=Counter)
    """Answers by status."""
    slowest_sign_in_s: float = 0.0
    pages: Counter[str] = field(default_factory=Counter)
    """Responses to a browser that opens a page meanwhile."""
    slowest_page_s: float = 0.0


async def _connected(port: int, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))


def _request(path: str, *headers: str, body: str = "") -> bytes:
    kind = "POST" if body else "GET"
    lines = [f"{kind} {path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


async def _answer(port: int, host: str, request: bytes) -> tuple[str, str]:
    """Status and text of one request; "" when there is none."""
    try:
        reader, writer = await _connected(port, host)
    except OSError:
        return "", ""
    try:
        writer.write(request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        text = (await asyncio.wait_for(reader.read(), _LATE_S)).decode()
        return text[9:12], text
    except (OSError, TimeoutError):
        return "", ""
    finally:
        writer.close()


async def _stream(port: int, host: str, token: str, seen: Seen) -> None:
    """One live feed, read as long as it lasts."""
    reader, writer = await _connected(port, host)
    try:
        writer.write(_request("/live", f"Authorization: Bearer {token}"))
        seen.streams[(await reader.read(12)).decode()[9:12]] += 1
        while await reader.read(65_536):
            pass
    finally:
        writer.close()


async def _half_open(port: int, host: str, seen: Seen) -> None:
    """One request that does not end."""
    reader, writer = await _connected(port, host)
    try:
        writer.write(_HALF)
        seen.half_open += 1
        await reader.read()
        seen.half_open_closed += 1
    finally:
        writer.close()


async def _again(do: Callable[[], Awaitable[None]]) -> None:
    """Do it without end."""
    while True:
        try:
            await do()
        except OSError:
            pass
        await asyncio.sleep(_PAUSE_S)


async def _form(port: int, host: str) -> tuple[str, str]:
    """Cookie and secret of the form by which one signs in."""
    _, text = await _answer(port, host, _request("/sign-in"))
    cookie, secret = re.search(r"set-cookie: ([^;]+)", text), re.search(r'name="csrf" value="(\w+)"', text)
    return (cookie[1], secret[1]) if cookie and secret else ("", "")


async def _sign_ins(port: int, forms: dict[str, tuple[str, str]], seen: Seen) -> None:
    """Each with his form, from an address of his own, all at once."""

    async def sign_in(host: str, cookie: str, secret: str) -> None:
        seen.sign_ins_begun += 1
        body = f"name=n{host.rpartition('.')[2]}&token=a-wrong-password&csrf={secret}"
        headers = (f"Cookie: {cookie}", "Content-Type: application/x-www-form-urlencoded")
        since = time.monotonic()
        status, _ = await _answer(port, host, _request("/sign-in", *headers, body=body))
        seen.sign_ins[status] += 1
        seen.slowest_sign_in_s = max(seen.slowest_sign_in_s, time.monotonic() - since)

    await asyncio.gather(*(sign_in(host, *form) for host, form in forms.items()))


async def _open_page(port: int, seen: Seen) -> None:
    """Open a page as a browser does."""
    since = time.monotonic()
    status, _ = await _answer(port, "127.0.0.200", _request("/sign-in"))
    seen.pages[status] += 1
    seen.slowest_page_s = max(seen.slowest_page_s, time.monotonic() - since)


async def _flood(port: int, token: str, seconds: float, sizes: Sizes) -> Seen:
    seen = Seen()
    hosts = [f"127.0.0.{number + 2}" for number in range(sizes.sign_ins)]
    forms = dict(zip(hosts, await asyncio.gather(*(_form(port, host) for host in hosts)), strict=True))
    work: list[Callable[[], Awaitable[None]]] = [
        lambda: _sign_ins(port, forms, seen),
        lambda: _open_page(port, seen),
    ]
    for number in range(sizes.streams):
        work.append(lambda host=f"127.0.1.{1 + number // _A_HOST}": _stream(port, host, token, seen))  # type: ignore[misc]
    for number in range(sizes.half_open):
        work.append(lambda host=f"127.0.2.{1 + number // _A_HOST}": _half_open(port, host, seen))  # type: ignore[misc]
    tasks = [asyncio.ensure_future(_again(each)) for each in work]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


def flood(port: int, token: str, seconds: float, sizes: Sizes, result: Connection) -> None:
    """Flood the pages for so long, and send the result."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, allowed), allowed))
    result.send(asyncio.run(_flood(port, token, seconds, sizes)))
