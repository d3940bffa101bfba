"""The agent's API in this process, without a socket: hundreds of requests in a few seconds."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import unquote

from landbridge.config import Config, Devices, Store, Web
from landbridge.core.clock import Clock
from landbridge.features.users import rules as tokens
from landbridge.web.app import make
from landbridge.web.services import Services
from landbridge.web.uses import Uses

from host_tests.support.fleet import NOW_S, Fleet

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


class Given(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Api:
    """The application on a fleet's database."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.fleet = fleet
        ca = folder / "ca.pem"
        ca.write_text(CERTIFICATE)
        devices = Devices(directory=str(folder / "devices"), broker_host="broker.example", ca_file=str(ca))
        store = Store(database=fleet.database.place, key_file=str(fleet.keyring.path))
        config = replace(Config(), web=Web(port=1), store=store, devices=devices)
        self.app = make(Services(config, fleet.database, Clock(), Event(), Uses(fleet.database)))
        self._tokens: dict[tuple[str, str | None], str] = {}
        self._clients = 0

    def token(self, role: str, tenant: str | None = None) -> str:
        """A token of this role."""
        if (role, tenant) not in self._tokens:
            with self.fleet.database.writing() as connection:
                name = f"{role}-{tenant or 'operator'}"
                self._tokens[role, tenant] = tokens.add(connection, name, role, tenant, "bench", NOW_S)
        return self._tokens[role, tenant]

    def ask(
        self, method: str, path: str, body: Any = None, role: str = "admin", tenant: str | None = None
    ) -> tuple[int, Any]:
        """Status and answer of a request by a role of the operator tenant, or of a tenant."""
        given = self.request(method, path, body, {"authorization": f"Bearer {self.token(role, tenant)}"})
        return given.status, json.loads(given.body) if given.body else None

    def request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Given:
        """One request, each from an address of its own: what limits each address is tested elsewhere."""
        text = b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} | headers | {"content-length": str(len(text))}
        self._clients += 1
        where, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "root_path": "",
            "path": unquote(where), "raw_path": where.encode(), "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": (f"client-{self._clients}", 1), "server": ("agent.example", 80), "state": {},
        }  # fmt: skip
        return asyncio.run(self._answered(scope, text))

    async def _answered(self, scope: dict[str, Any], text: bytes) -> Given:
        messages: list[dict[str, Any]] = []
        read = False

        async def receive() -> dict[str, Any]:
            nonlocal read
            if read:
                await asyncio.sleep(3600)  # the client stays
            read = True
            return {"type": "http.request", "body": text, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(dict(message))

        await self.app(scope, receive, send)
        begin, *parts = messages
        headers = {name.decode(): value.decode() for name, value in begin["headers"]}
        return Given(begin["status"], headers, b"".join(each.get("body", b"") for each in parts))
