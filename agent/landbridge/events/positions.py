"""The retained positions of tenants, each the newest within that tenant's own trips.

A device has one latest position, and the topic of whoever's trip it lies on gets it when it moves. What
comes late, or is put to another trip, changes what others hold.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from landbridge.core.names import HOUSE
from landbridge.events import outbox, topics
from landbridge.events.outbox import Outgoing
from landbridge.ingest.held import Held
from landbridge.points import quality as judge
from landbridge.points import queries as points
from landbridge.points.queries import StoredPoint, StoredPoints


def correct(connection: Connection, device: str, tenants: Iterable[str | None], now_s: int) -> None:
    """Tell these tenants where the device was last on their trips; nothing, if nowhere. The house (None)
    keeps
    what it was told."""
    for tenant in sorted(each for each in tenants if each is not None):
        fix = points.newest_fix(connection, device, judge.NOT_LATEST, tenant=tenant)
        message = topics.position(fix) if fix else topics.no_position(device, tenant)
        outbox.post(connection, [message], now_s)


def late(
    connection: Connection, device: str, stored: StoredPoints, told: StoredPoint | None
) -> list[Outgoing]:
    """The positions of those on whose trips one of `stored` is the newest fix, but for the one that was
    `told`."""
    tenants = sorted(set(stored.column("tenant")) - {None})
    seqs = set(stored.column("seq")) if tenants else set()
    found = []
    for tenant in tenants:
        if told and told.tenant == tenant:
            continue
        fix = points.newest_fix(connection, device, judge.NOT_LATEST, tenant=tenant)
        if fix and fix.point.seq in seqs:
            found.append(topics.position(fix))
    return found


def again(connection: Connection, held: Held) -> list[Outgoing]:
    """All retained positions of a device, for a broker that has lost them; targets are told nothing."""
    of_device = points.trips_of(connection, [held.device]).get(held.device, ())
    messages = []
    for tenant in sorted({HOUSE, *(trip.tenant or HOUSE for trip in of_device)}):
        fix = points.newest_fix(connection, held.device, judge.NOT_LATEST, tenant=tenant)
        if fix:
            still_s = held.still_s if fix.point.seq == held.position_seq else None
            messages.append(topics.position(fix, still_s)._replace(what=None))
        elif tenant != HOUSE:
            messages.append(topics.no_position(held.device, tenant))
    return messages
