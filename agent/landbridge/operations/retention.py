"""The retention thread: removes old rows once a day, a few devices in each transaction."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.config import Store
from landbridge.core.clock import Clock, iso
from landbridge.core.periodic import Periodic
from landbridge.core.priority import IngestPriority
from landbridge.db import idempotency, order
from landbridge.db.database import Database
from landbridge.events.queries import tracks
from landbridge.features.audit import queries as audit
from landbridge.features.devices import queries as devices
from landbridge.ingest.queries.device_rows import lock_rows
from landbridge.operations.queries import old_rows as retention
from landbridge.points import usage
from landbridge.tracking import recompute

_FIRST_S = 600
_DAY_S = 86_400
_AHEAD_S = 30 * _DAY_S
"""Seconds that the clock may be ahead of the newest time reported by a device with a fix."""
_AT_ONCE = 10
_YIELD_S = 0.05
_log = logging.getLogger(__name__)


class _Step(NamedTuple):
    what: str
    forget: Callable[[Connection, Sequence[str], int], int]
    before_s: int


class RetentionWorker(Periodic):
    """It runs a while after the start, then every day."""

    def __init__(self, database: Database, clock: Clock, store: Store, priority: IngestPriority) -> None:
        super().__init__("retention", "remove old rows", _DAY_S, first_s=_FIRST_S)
        self._database = database
        self._clock = clock
        self._store = store
        self._priority = priority

    def turn(self) -> None:
        """Remove all rows whose retention period is over."""
        with self._database.reading() as connection:
            names = devices.names(connection)
            newest_s = devices.newest_s(connection)
        now_s = _believed(self._clock.now_s(), newest_s)
        raw_s = now_s - self._store.raw_days * _DAY_S
        steps = [_Step("raw uplinks", retention.forget_raw, raw_s)]
        if self._store.points_days:
            points_s = now_s - self._store.points_days * _DAY_S
            steps += [
                _Step("points", partial(_forget_points, now_s=now_s), points_s),
                _Step("wakes and log entries", retention.forget_diagnostics, points_s),
                _Step("uplinks", retention.forget_uplinks, min(raw_s, points_s, now_s - usage.KEPT_S)),
            ]
        counts: Counter[str] = Counter()
        for begin in range(0, len(names), _AT_ONCE):
            self._forget(names[begin : begin + _AT_ONCE], steps, counts)
        with self._database.writing() as connection:
            counts["dead letters"] = retention.forget_dead_letters(connection, raw_s)
            if self._store.audit_days:
                counts["audit entries"] = audit.forget(connection, now_s - self._store.audit_days * _DAY_S)
            counts["idempotency keys"] = idempotency.forget(connection, now_s - idempotency.KEPT_S)
            counts["tracks by number"] = tracks.forget(connection, order.of_time(max(raw_s, 0)))
        if any(counts.values()):
            _log.info(
                "removed by retention: %s", ", ".join(f"{count} {what}" for what, count in counts.items())
            )

    def _forget(self, names: Sequence[str], steps: Sequence[_Step], counts: Counter[str]) -> None:
        """Remove the old rows of a few devices; return counts by kind."""
        while not self.is_stopping:
            self._priority.yield_to_ingest(1.0)
            with self._database.writing(alone=False) as connection:
                lock_rows(connection, names)
                found = {each.what: each.forget(connection, names, each.before_s) for each in steps}
            counts.update(found)
            time.sleep(_YIELD_S)
            if max(found.values()) < retention.MOST:
                return


def _forget_points(connection: Connection, names: Sequence[str], before_s: int, now_s: int) -> int:
    settled = [device for device in names if recompute.settle(connection, device, before_s)]
    return retention.forget_points(connection, settled, before_s, now_s)


def _believed(now_s: int, newest_s: int | None) -> int:
    """Return the clock; if it is far ahead of the newest reported time, at most that much."""
    if newest_s is None or now_s <= newest_s + _AHEAD_S:
        return now_s
    _log.warning(
        "the clock says %s, but no device with a fix has reported a time after %s: retention counts from a"
        " month after that time; set this machine's clock if it is wrong",
        iso(now_s), iso(newest_s),
    )  # fmt: skip
    return newest_s + _AHEAD_S
