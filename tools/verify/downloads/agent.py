"""The agent of a device that downloads profiles: its real pipeline and worker, without a broker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import landbridge.app as _hooks  # noqa: F401  its features plug themselves in
from landbridge.config import Esim
from landbridge.core.clock import from_epoch_s
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads import rules, trust
from landbridge.features.downloads.rules import Wanted
from landbridge.features.downloads.worker import Downloads
from landbridge.features.esim.queries import notifications
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Received

from tools.world.services.smdp.server import Server

small_agent: Any = import_module("tools.verify.on_device.agent")

DEVICE: str = small_agent.DEVICE
EPOCH_S: int = small_agent.EPOCH_S
MATCH = "7QX-2M"


class Agent:
    """Answers uplinks as `ask` is called; clock, session and sender of the pipeline are the object itself.
    `elapsed_s`: since the world began. What waits for a server is done by the device's next uplink.
    `sealed_bytes`: of all envelopes; `sealed_kb`: kilobytes begun by each."""

    def __init__(self, folder: Path, smdp: Server, elapsed_s: Callable[[], int]) -> None:
        self._elapsed_s = elapsed_s
        self.uplinks = self.sealed_bytes = self.sealed_kb = 0
        self._sealed: list[bytes] = []
        self.database = open_database(folder / "agent.sqlite3", make=True)
        self.keyring = Keyring(self.database.place, "")
        with self.database.writing() as connection:
            devices.add(connection, DEVICE, self.keyring.wrap(small_agent.KEY, True), EPOCH_S)
        (folder / "ci.pem").write_text(smdp.ca_pem)
        self.trusted = trust.load(Esim(smdp.address, str(folder / "ci.pem")))
        self._server = smdp.address
        ours: Any = self
        self._pipeline = Pipeline(self.database, self.keyring, ours, ours, ours)
        self._worker = Downloads(self.database, self.keyring, ours, self.trusted)

    def order(self, matching_id: str = MATCH, confirmation: str = "") -> None:
        """Order a download."""
        code = rules.code_of(f"LPA:1${self._server}${matching_id}", confirmation, self.trusted)
        with self.database.writing() as connection:
            rules.order(connection, self.keyring, Wanted(DEVICE, code), False, "bench", self.now_s())

    def ask(self, payload: bytes) -> bytes | None:
        """The downlink to an uplink, None without one."""
        self.works()
        self.uplinks += 1
        self._sealed.clear()
        self._pipeline.process_all([Received(f"landbridge/{DEVICE}/up", payload, 0, 1, 1)])
        for each in (payload, *self._sealed):
            self.sealed_bytes += len(each)
            self.sealed_kb += -(-len(each) // 1_024)
        return self._sealed[-1] if self._sealed else None

    def works(self) -> None:
        """Do what waits for a server now."""
        self._worker.turn()
        self._worker.finish()

    def row(self) -> Any:
        """The order."""
        with self.database.reading() as connection:
            return downloads.find(connection, 1)

    def shown(self) -> dict[str, Any]:
        """The order as people see it."""
        with self.database.reading() as connection:
            return downloads.shown(connection, [self.row()])[0]

    def is_over(self) -> bool:
        """Whether the order has ended, and its notifications are posted and removed from the card."""
        with self.database.reading() as connection:
            row = downloads.find(connection, 1)
            notes = notifications.of_device(connection, DEVICE)
        return bool(row and row.outcome) and all(each.removed_s for each in notes)

    # What the pipeline asks of its surroundings

    def now_s(self) -> int:
        """The clock."""
        return EPOCH_S + self._elapsed_s()

    def now(self) -> datetime:
        """The clock."""
        return from_epoch_s(self.now_s())

    def acknowledge(self, _received: Received) -> bool:
        """To no broker."""
        return True

    def reply(self, _topic: str, payload: bytes) -> None:
        """The downlink."""
        self._sealed.append(payload)

    def wake(self) -> None:
        """Nothing to do: this agent's workers run when called."""
