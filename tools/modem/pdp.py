"""PDP contexts: defined in flash, active in RAM."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

if TYPE_CHECKING:
    from tools.modem.unit import Unit


class Pdp:
    """`address`: cid -> IP address of the contexts that are active."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.address: dict[int, str] = {}

    def off(self) -> None:
        """None is active."""
        self.address.clear()

    def activate(self, cid: int) -> Generator[simpy.Event, Any, bool]:
        """Ask the network; a card whose data are barred gets its context all the same."""
        radio, unit = self._unit.radio, self._unit
        if not radio.registered() or radio.cell is None:
            yield unit.pause(100, 400)
            return False
        yield from radio.bearer.exchange(120, 120)
        if not radio.registered():
            return False
        self.address[cid] = (
            f"10.{unit.rng.randint(0, 255)}.{unit.rng.randint(0, 255)}.{unit.rng.randint(2, 250)}"
        )
        return True

    def deactivate(self, cid: int) -> Generator[simpy.Event, Any, None]:
        """Give it up."""
        yield self._unit.pause(100, 600)
        self.address.pop(cid, None)
