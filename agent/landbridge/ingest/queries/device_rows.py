"""Device rows during ingest: read together, changed in memory, written together."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

import orjson
from sqlalchemy import Connection, select

from landbridge.db import bulk
from landbridge.db.among import among_given
from landbridge.db.tables import devices
from landbridge.features.devices.queries import Window
from landbridge.protocol.downlink import ranges
from landbridge.protocol.limits import MAX_PARTIAL_IV


@dataclass
class DeviceRow:
    """A row of `devices`: the columns that a message may change, with its key."""

    device: str
    wrapped_key: bytes
    next_down_number: int
    window_top: int
    window_bits: int
    epoch: int
    forged: int
    last_session_s: int | None
    next_session_s: int | None
    status: str
    identity: str
    complete_seq: int
    highest_seq: int
    position_seq: int | None
    position_at_s: int | None
    stationary_until_s: int | None
    recompute_from_s: int | None
    touched = False
    """Whether anything has changed."""

    @property
    def window(self) -> Window:
        """The replay window."""
        return Window(self.window_top, self.window_bits)

    def accept(self, window: Window, epoch: int, now_s: int) -> None:
        """Note an accepted message in this epoch of the keys."""
        self.window_top, self.window_bits, self.last_session_s = window.top, window.bits, now_s
        if epoch > self.epoch:
            self.epoch, self.forged = epoch, 0
        self.touched = True

    def keep_report(
        self, next_session_s: int | None, status: Mapping[str, object], identity: Mapping[str, object]
    ) -> None:
        """Store the reported identity; missing parts stay as they were."""
        if next_session_s is not None:
            self.next_session_s = next_session_s
        if status:
            self.status = orjson.dumps(status).decode()
        if identity:
            self.identity = orjson.dumps(identity).decode()

    def take_down_number(self, now_s: int) -> int:
        """Return the number of the next downlink, which is never used twice. Numbers start from the clock,
        256 a second: a database restored from a backup does not know its last numbers, and with AES-CCM none
        may be repeated.
        """
        number = max(self.next_down_number, now_s << 8)
        if number > MAX_PARTIAL_IV:
            raise ValueError(f"no downlink numbers are left for {self.device}: was the clock far ahead?")
        self.next_down_number, self.touched = number + 1, True
        return number

    def has_stored(self, sequences: Collection[int]) -> None:
        """Note which sequences are stored now."""
        stored = ranges(sequences)
        self.highest_seq, self.touched = max(self.highest_seq, stored[-1][1]), True
        for low, high in stored:
            if low > self.complete_seq + 1:
                break
            self.complete_seq = max(self.complete_seq, high)

    def mark_for_recompute(self, times: Iterable[int]) -> None:
        """Mark the events from these times on for recomputation, because points have changed."""
        first_s = min(times, default=None)
        if first_s is not None and (self.recompute_from_s is None or first_s < self.recompute_from_s):
            self.recompute_from_s = first_s
        self.touched = True

    def set_position(self, seq: int, at_s: int | None) -> None:
        """Make this point the latest position."""
        self.position_seq, self.position_at_s, self.stationary_until_s, self.touched = seq, at_s, None, True

    def move_stationary_until(self, stationary_until_s: int | None) -> bool:
        """Note that it was still there at this time; return whether that is new."""
        if stationary_until_s is None or stationary_until_s <= max(
            self.position_at_s or 0, self.stationary_until_s or 0
        ):
            return False
        self.stationary_until_s, self.touched = stationary_until_s, True
        return True


_NAMES = [each.name for each in fields(DeviceRow)]
_SELECT = (
    select(*(devices.c[name] for name in _NAMES))
    .where(among_given(devices.c.device))
    .order_by(devices.c.device)  # the same order for all, to avoid deadlocks
    .with_for_update(key_share=True)
)
CHANGED = [name for name in _NAMES if name not in ("device", "wrapped_key")]
"""The columns that a message may change."""
_values_of = attrgetter(*CHANGED, "device")


def lock_rows(connection: Connection, names: Collection[str]) -> dict[str, DeviceRow]:
    """Return the rows of the known devices, locked until the transaction ends."""
    found = (DeviceRow(*row) for row in connection.execute(_SELECT, {"texts": list(names)}))
    return {each.device: each for each in found}


def write(connection: Connection, changed: Iterable[DeviceRow]) -> None:
    """Write the changed rows."""
    bulk.update(
        connection, devices, CHANGED, "device", [_values_of(each) for each in changed if each.touched]
    )
