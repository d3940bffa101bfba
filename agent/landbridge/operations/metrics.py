"""The thread that reads these figures every few seconds, for /metrics and /health."""

from landbridge.core import metrics
from landbridge.core.checks import Since
from landbridge.core.clock import Clock, from_epoch_s
from landbridge.core.periodic import Periodic
from landbridge.db.database import Database
from landbridge.operations.queries import figures
from landbridge.operations.queries.figures import Figures
from landbridge.protocol.event import SEVERITIES
from landbridge.tracking.silence import GRACE_S

POLL_S = 15.0
PATIENCE_S = 60.0
_NOTHING_TAKEN_S = 600
_SEVERAL = 3
"""Devices. One or two may be faulty or hostile; with more, the agent or its key file is the cause."""
_SAME_TIME_S = 30
"""A dead letter so soon after a stored message may belong to the same batch."""


class FleetMetrics(Periodic):
    """Sets the gauges of metrics.py that are read from the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Set the gauges once before it returns."""
        super().__init__("metrics", "read the metrics", POLL_S)
        self._database = database
        self._clock = clock
        self._began_s = clock.now_s()
        self._only_dead_letters: str | None = None
        self._unread = Since()
        self._named: set[str] = set()
        self.turn()

    def problem(self) -> str | None:
        """Return what is wrong with the messages, or with the database."""
        if self._unread.seconds > PATIENCE_S:
            return f"the database has not been read for {self._unread.seconds:.0f} s: see the log"
        return self._only_dead_letters

    def turn(self) -> None:
        """Read once."""
        self._unread.begins()
        now_s = self._clock.now_s()
        with self._database.reading() as connection:
            found = figures.read(connection, now_s - GRACE_S)
            since_s = max(found.last_session_s or 0, self._began_s)
            devices = figures.dead_letter_topics(connection, since_s + _SAME_TIME_S)
        self._unread.ends()
        is_problem = devices >= _SEVERAL and now_s > since_s + _NOTHING_TAKEN_S
        self._only_dead_letters = (
            f"nothing was stored for {now_s - since_s} s, but messages of {devices} devices became dead"
            " letters: `landbridge dead-letters list` shows the reasons"
            if is_problem
            else None
        )
        self._show(found)

    def _show(self, found: Figures) -> None:
        if found.last_session_s is not None:
            metrics.LAST_STORED.set(from_epoch_s(found.last_session_s).timestamp())
        metrics.OVERDUE.set(found.overdue)
        metrics.PENDING_RECOMPUTES.set(found.pending_recomputes)
        metrics.OUTBOX.set(found.outbox)
        metrics.DEAD_LETTERS.set(found.dead_letters)
        for severity in SEVERITIES:
            metrics.ALARMS.labels(severity).set(found.alarms.get(severity, 0))
        for integration in found.integrations:
            metrics.INTEGRATION_WAITING.labels(integration.name).set(integration.waiting)
            metrics.INTEGRATION_FAILING.labels(integration.name).set(integration.is_failing)
            metrics.INTEGRATION_RETRYING.labels(integration.name).set(integration.retrying_devices)
        names = {integration.name for integration in found.integrations}
        for name in self._named - names:
            for gauge in (
                metrics.INTEGRATION_WAITING,
                metrics.INTEGRATION_FAILING,
                metrics.INTEGRATION_RETRYING,
            ):
                gauge.remove(name)
        self._named = names
