"""A database with devices, and the downlink handler of one feature: what a device reports, what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landbridge.db.database import Database
from landbridge.downlinks import registry as downlinks
from landbridge.features.devices import queries as devices
from landbridge.protocol.uplink import Uplink

from host_tests.support.agent import DEVICE


class Handled:
    """It has `devices`; `now_s` can be changed."""

    def __init__(
        self, database: Database, handler: downlinks.Handler, now_s: int, names: tuple[str, ...] = (DEVICE,)
    ) -> None:
        self.database, self.now_s = database, now_s
        self._handler = handler
        with database.writing() as connection:
            for name in names:
                devices.add(connection, name, b"wrapped", now_s)

    def answer(self, uplink: Uplink, device: str = DEVICE) -> tuple[Any, Mapping[int, Any]]:
        """Why reports of this uplink are refused, and what is pending, by key."""
        with self.database.writing() as connection:
            answered = downlinks.answer(connection, device, uplink, self.now_s, (self._handler,))
        return answered.refused, answered.pending[0]
