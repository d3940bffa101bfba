"""Figures of the agent outside ingest; each is read from an index, or from a limited number of rows."""

from typing import NamedTuple

from sqlalchemy import Connection, FromClause, Select, case, func, select

from landbridge.db.tables import alarms, dead_letters, delivery_retries, devices, integrations, outbox

MOST = 10_000
"""A count that is this may be of more."""
_NEWEST_DEAD_LETTERS = 1_000


class IntegrationMetrics(NamedTuple):
    """One integration, the broker too."""

    name: str
    waiting: int
    """Messages in the outbox that it has not come to, whosever they are; MOST at most."""
    is_failing: bool
    retrying_devices: int


class Figures(NamedTuple):
    """Of the whole fleet."""

    last_session_s: int | None
    """When a message was taken last."""
    overdue: int
    """Devices that have missed a session that they had announced."""
    pending_recomputes: int
    """Devices whose events are to be recomputed."""
    outbox: int
    """Messages; MOST at most."""
    dead_letters: int
    """Dead ones; MOST at most."""
    alarms: dict[str, int]
    """That stand, by severity; none of which there are none."""
    integrations: list[IntegrationMetrics]


def read(connection: Connection, due_before_s: int) -> Figures:
    """All of them; a session that was due before that time is overdue."""
    due = devices.c.next_session_s
    is_overdue = (due < due_before_s) & (devices.c.last_session_s < due)
    seen = select(func.max(devices.c.last_session_s), func.sum(case((is_overdue, 1), else_=0)))
    last_session_s, overdue = connection.execute(seen).one()
    marked = select(func.count()).where(devices.c.recompute_from_s.is_not(None))
    standing = select(alarms.c.severity, func.count()).where(alarms.c.cleared_s.is_(None), alarms.c.times > 0)
    return Figures(
        last_session_s,
        int(overdue or 0),
        connection.execute(marked).scalar_one(),
        _some(connection, select(outbox.c.message)),
        _some(connection, select(dead_letters.c.number)),
        {row[0]: row[1] for row in connection.execute(standing.group_by(alarms.c.severity))},
        _integrations(connection),
    )


def dead_letter_topics(connection: Connection, since_s: int) -> int:
    """Of how many topics there are dead letters that came after a time, among the newest ones."""
    columns = dead_letters.c.topic, dead_letters.c.received_s
    newest = select(*columns).order_by(dead_letters.c.number.desc()).limit(_NEWEST_DEAD_LETTERS).subquery()
    since = select(func.count(newest.c.topic.distinct())).where(newest.c.received_s > since_s)
    return int(connection.execute(since).scalar_one())


def _integrations(connection: Connection) -> list[IntegrationMetrics]:
    by_integration = select(delivery_retries.c.integration, func.count()).group_by(
        delivery_retries.c.integration
    )
    held = {row[0]: row[1] for row in connection.execute(by_integration)}
    return [
        IntegrationMetrics(
            row.name,
            _some(connection, select(outbox.c.message).where(outbox.c.message > row.cursor)),
            row.failure is not None,
            held.get(row.integration, 0),
        )
        for row in connection.execute(select(integrations).where(integrations.c.removed_s.is_(None)))
    ]


def _some(connection: Connection, rows: Select[tuple[int]]) -> int:
    """How many there are, up to MOST."""
    some: FromClause = rows.limit(MOST).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
