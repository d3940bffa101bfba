"""Reads the audit log; triggers write it (db/audited.py), and features describe it in words (db/audit.py)."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, exists, func, or_, select

from landbridge.db.database import Database
from landbridge.db.paging import Key, Page, page
from landbridge.db.tables import audit, trips

_AT_ONCE = 1_000


class Wanted(NamedTuple):
    """Which entries; None: of all. `until_s` is not included."""

    tenant: str | None = None
    who: str | None = None
    by_tenant: str | None = None
    noun: str | None = None
    device: str | None = None
    since_s: int | None = None
    until_s: int | None = None
    text: str = ""
    """Part of the user, the device or the name of what was changed."""


ANY = Wanted()


def newest(
    connection: Connection, before: int, most: int, tenant: str | None = None, wanted: Wanted = ANY
) -> Sequence[Row[Any]]:
    """Return the newest entries below the number `before`, as `tenant` sees them."""
    statement = _selected(wanted._replace(tenant=tenant)).where(audit.c.entry < before)
    return connection.execute(statement.order_by(audit.c.entry.desc()).limit(most)).all()


def listed(connection: Connection, wanted: Wanted, after: Key | None, limit: int) -> Page:
    """Return a page of entries, newest first."""
    return page(connection, _selected(wanted), [audit.c.entry], after, limit, newest_first=True)


def find(connection: Connection, entry: int, tenant: str | None) -> Row[Any] | None:
    """Return an entry that `tenant` sees."""
    return connection.execute(_selected(Wanted(tenant)).where(audit.c.entry == entry)).one_or_none()


def every(database: Database, wanted: Wanted) -> Iterator[Row[Any]]:
    """Yield the entries, oldest first, a page in a transaction."""
    after: Key | None = None
    while True:
        with database.reading() as connection:
            found = page(connection, _selected(wanted), [audit.c.entry], after, _AT_ONCE)
        yield from found.rows
        if (after := found.next) is None:
            return


def forget(connection: Connection, before_s: int) -> int:
    """Remove the entries from before; return how many."""
    return connection.execute(delete(audit).where(audit.c.at_s < before_s)).rowcount


def _selected(wanted: Wanted) -> Select[Any]:
    statement = select(audit)
    for name in ("who", "by_tenant", "noun", "device"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(audit.c[name] == value)
    if wanted.text:
        named = (func.lower(audit.c[name]) for name in ("who", "device", "subject", "name"))
        parts = (each.contains(wanted.text.lower(), autoescape=True) for each in named)
        statement = statement.where(or_(*parts))
    if wanted.since_s is not None:
        statement = statement.where(audit.c.at_s >= wanted.since_s)
    if wanted.until_s is not None:
        statement = statement.where(audit.c.at_s < wanted.until_s)
    return statement if wanted.tenant is None else statement.where(_seen_by(wanted.tenant))


def _seen_by(tenant: str) -> ColumnElement[bool]:
    """What its people did, what was done to what is the tenant's, and by the operator to devices while they
    were on its trips."""
    its = trips.c.tenant == tenant
    began = trips.c.started_s <= audit.c.at_s
    goes_on = trips.c.ended_s.is_(None) | (audit.c.at_s < trips.c.ended_s)
    meanwhile = exists().where(its, trips.c.device == audit.c.device, began, goes_on)
    of_its_trip = audit.c.trip.is_(None) | exists().where(its, trips.c.trip == audit.c.trip)
    of_nobody = audit.c.tenant.is_(None) & audit.c.by_tenant.is_(None)
    # A device's messages also wait at integrations that are not its tenant's.
    of_its_device = audit.c.noun.is_distinct_from("delivery") & meanwhile & of_its_trip
    return or_(audit.c.by_tenant == tenant, audit.c.tenant == tenant, of_nobody & of_its_device)
