"""Figures of the agent outside ingest; each is read from an index, or from a limited number of rows."""

from typing import NamedTuple

from sqlalchemy import Connection, FromClause, Select, case, func, select

from landbridge.db.tables import alarms, dead_letters, delivery_retries, devices, integrations, outbox

MOST = 10_000
"""Counts end here: the true value may be higher."""
_NEWEST_DEAD_LETTERS = 1_000


class IntegrationMetrics(NamedTuple):
    """One integration, the broker included."""

    name: str
    waiting: int
    """Messages in the outbox after its cursor, of any tenant; at most MOST."""
    is_failing: bool
    retrying_devices: int
    paused: bool


class Figures(NamedTuple):
    """Figures of the whole fleet."""

    last_session_s: int | None
    """When a message was last stored."""
    overdue: int
    """Devices that have missed an announced session."""
    pending_recomputes: int
    """Devices whose events must be recomputed."""
    outbox: int
    """Messages in the outbox; at most MOST."""
    dead_letters: int
    """Dead letters; at most MOST."""
    alarms: dict[str, int]
    """Open alarms, by severity; severities without one are left out."""
    integrations: list[IntegrationMetrics]


def read(connection: Connection, due_before_s: int) -> Figures:
    """Return all of them; a session that was due before that time is overdue."""
    due = devices.c.next_session_s
    is_overdue = (due < due_before_s) & (devices.c.last_session_s < due)
    seen = select(func.max(devices.c.last_session_s), func.sum(case((is_overdue, 1), else_=0)))
    last_session_s, overdue = connection.execute(seen).one()
    marked = select(func.count()).where(devices.c.recompute_from_s.is_not(None))
    open_alarms = select(alarms.c.severity, func.count()).where(
        alarms.c.cleared_s.is_(None), alarms.c.times > 0
    )
    return Figures(
        last_session_s,
        int(overdue or 0),
        connection.execute(marked).scalar_one(),
        _some(connection, select(outbox.c.message)),
        _some(connection, select(dead_letters.c.number)),
        {row[0]: row[1] for row in connection.execute(open_alarms.group_by(alarms.c.severity))},
        _integrations(connection),
    )


def dead_letter_topics(connection: Connection, since_s: int) -> int:
    """Return for how many topics there are dead letters after a time, among the newest ones."""
    columns = dead_letters.c.topic, dead_letters.c.received_s
    newest = select(*columns).order_by(dead_letters.c.number.desc()).limit(_NEWEST_DEAD_LETTERS).subquery()
    since = select(func.count(newest.c.topic.distinct())).where(newest.c.received_s > since_s)
    return int(connection.execute(since).scalar_one())


def _integrations(connection: Connection) -> list[IntegrationMetrics]:
    by_integration = select(delivery_retries.c.integration, func.count()).group_by(
        delivery_retries.c.integration
    )
    retrying = {row[0]: row[1] for row in connection.execute(by_integration)}
    return [
        IntegrationMetrics(
            row.name,
            _some(connection, select(outbox.c.message).where(outbox.c.message > row.cursor)),
            row.failure is not None,
            retrying.get(row.integration, 0),
            row.paused,
        )
        for row in connection.execute(select(integrations).where(integrations.c.removed_s.is_(None)))
    ]


def _some(connection: Connection, rows: Select[tuple[int]]) -> int:
    """Return how many rows there are, up to MOST."""
    some: FromClause = rows.limit(MOST).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
