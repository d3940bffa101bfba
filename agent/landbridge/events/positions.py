"""The retained positions of tenants, each the newest within that tenant's own trips.

A device has one latest position. It is published on the topic of its trip's tenant when it changes
(ingest/new_points.py). Here is what late points, or a change of trips, change in that.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from landbridge.core.names import OPERATOR
from landbridge.events import topics
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import NewMessage
from landbridge.ingest.queries.device_rows import DeviceRow
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint, StoredPoints


def correct(connection: Connection, device: str, tenants: Iterable[str | None], now_s: int) -> None:
    """Publish to these tenants the last position on their trips; an empty message if there is none. The
    retained position of the operator tenant (None) stays."""
    for tenant in sorted(each for each in tenants if each is not None):
        fix = points.newest_fix(connection, device, quality.NOT_LATEST, tenant=tenant)
        message = topics.position(fix) if fix else topics.no_position(device, tenant)
        outbox.post(connection, [message], now_s)


def late(
    connection: Connection, device: str, stored: StoredPoints, published: StoredPoint | None
) -> list[NewMessage]:
    """Return the positions of the tenants on whose trips one of `stored` is the newest fix, except for the
    one that was `published`."""
    tenants = sorted(set(stored.column("tenant")) - {None})
    seqs = set(stored.column("seq")) if tenants else set()
    found = []
    for tenant in tenants:
        if published and published.tenant == tenant:
            continue
        fix = points.newest_fix(connection, device, quality.NOT_LATEST, tenant=tenant)
        if fix and fix.point.seq in seqs:
            found.append(topics.position(fix))
    return found


def again(connection: Connection, row: DeviceRow) -> list[NewMessage]:
    """Return all retained positions of a device, for a broker that has lost them; integrations get none."""
    of_device = points.trips_of(connection, [row.device]).get(row.device, ())
    messages = []
    for tenant in sorted({OPERATOR, *(trip.tenant or OPERATOR for trip in of_device)}):
        fix = points.newest_fix(connection, row.device, quality.NOT_LATEST, tenant=tenant)
        if fix:
            stationary_until_s = row.stationary_until_s if fix.point.seq == row.position_seq else None
            messages.append(topics.position(fix, stationary_until_s)._replace(what=None))
        elif tenant != OPERATOR:
            messages.append(topics.no_position(row.device, tenant))
    return messages
