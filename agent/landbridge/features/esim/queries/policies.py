"""Profile policies of devices by revision, and the reports of their cards."""

import json
from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_replace

from landbridge.db import order
from landbridge.db.among import among_given
from landbridge.db.tables import esim_reports, profile_policies, profile_switches, sim_identities
from landbridge.features.esim.coding import REFUSED_POLICY, Event, Policy, Report, restored

AGENT = "the agent"
"""Author of a policy or order without another author."""
_REMEMBERED = 16
"""Events that a device may report again: twice as many as it stores."""
_IDENTITY = ("imei", "iccid", "imsi")


class Desired(NamedTuple):
    """A revision of the policy. `profile`: the desired profile; AUTOMATIC if the policy decides."""

    revision: int
    policy: Policy
    profile: str
    set_by: str
    set_s: int
    trip: int | None
    """The trip with which the choice ends."""
    lasting: str
    """The desired profile after that."""


def desired(connection: Connection, device: str) -> Desired | None:
    """Return the newest revision for `device`; None if there is none."""
    found = history(connection, device)
    return found[-1] if found else None


def devices_to_update(connection: Connection, devices: Collection[str]) -> list[str]:
    """Return the devices that have a policy and have not reported its newest revision."""
    return list(connection.execute(_outdated(), {"texts": list(devices)}).scalars())


@cache
def _outdated() -> Select[Any]:
    highest = select(profile_policies.c.device, func.max(profile_policies.c.revision).label("revision"))
    of_each = highest.where(among_given(profile_policies.c.device)).group_by(profile_policies.c.device)
    newest = of_each.subquery()
    differs = esim_reports.c.revision.is_distinct_from(newest.c.revision)
    reported = newest.outerjoin(esim_reports, esim_reports.c.device == newest.c.device)
    return select(newest.c.device).select_from(reported).where(differs)


def in_force(connection: Connection, device: str) -> Desired | None:
    """Return the revision that the device has reported."""
    said = report(connection, device)
    found = [each for each in history(connection, device) if said and each.revision == said.revision]
    return found[0] if found else None


def holders(connection: Connection, after: str, limit: int) -> list[str]:
    """Return the next devices with a policy after `after`, by id."""
    statement = select(profile_policies.c.device).where(profile_policies.c.device > after).distinct()
    return list(connection.execute(statement.order_by(profile_policies.c.device).limit(limit)).scalars())


def forget(connection: Connection, device: str) -> None:
    """Remove all revisions of a device, which keeps on its card what it has."""
    connection.execute(delete(profile_policies).where(profile_policies.c.device == device))


def used(connection: Connection, device: str) -> str | None:
    """Return the ICCID of the profile that the device has reported as in use; None if it is not known."""
    found, said = in_force(connection, device), report(connection, device)
    name = found.policy.name(said.used) if found and said else None
    return found.policy.profiles[name].iccid if found and name else None


def history(connection: Connection, device: str) -> list[Desired]:
    """Return all revisions, oldest first."""
    statement = select(profile_policies).where(profile_policies.c.device == device)
    rows = connection.execute(statement.order_by(profile_policies.c.revision))
    return [_desired(row) for row in rows]


def set_desired(
    connection: Connection,
    device: str,
    policy: Policy,
    profile: str,
    who: str,
    now_s: int,
    trip: int | None = None,
) -> int:
    """Store a new policy for `device`, the profile until the end of `trip` if given; return the new revision,
    which starts from the clock and is higher than all before."""
    before = desired(connection, device)
    revision = order.for_device(connection, device, before.revision if before else 0, now_s)
    values = {
        "device": device,
        "revision": revision,
        "policy": json.dumps(policy.stored()),
        "profile": profile,
    }
    lasting = before.lasting if before and trip is not None else None
    statement = insert(profile_policies).values(**values, trip=trip, lasting=lasting, set_by=who, set_s=now_s)
    connection.execute(statement)
    return revision


def report(connection: Connection, device: str) -> Row[Any] | None:
    """Return the last report of the device (columns as `Report`, lists as JSON); None if there is none."""
    return connection.execute(select(esim_reports).where(esim_reports.c.device == device)).one_or_none()


def keep_report(connection: Connection, device: str, said: Report, now_s: int) -> None:
    """Store a report in place of the previous one, and each event once."""
    lists = {"profiles": json.dumps(said.profiles), "used_kb": json.dumps(said.used_kb)}
    values = said._asdict() | lists | {"reported_s": now_s}
    del values["events"], values["notice"]
    statement = insert_or_replace(esim_reports).values(device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device"], set_=values))
    kept = events(connection, device)[-_REMEMBERED:]
    known = {Event(row.at_s, row.before, row.after, row.outcome, row.cause) for row in kept}
    for event in said.events:
        if event not in known:
            row = {"device": device, "revision": said.revision, **event._asdict(), "received_s": now_s}
            connection.execute(insert(profile_switches).values(**row))


def events(connection: Connection, device: str) -> list[Row[Any]]:
    """Return all events of a device, oldest first."""
    statement = select(profile_switches).where(profile_switches.c.device == device)
    return list(connection.execute(statement.order_by(profile_switches.c.event)))


def is_refused(connection: Connection, device: str, revision: int) -> bool:
    """Whether the device has refused the policy of this revision."""
    refusals = profile_switches.c.outcome == REFUSED_POLICY, profile_switches.c.cause == revision
    statement = select(profile_switches.c.event).where(profile_switches.c.device == device, *refusals)
    return connection.execute(statement.limit(1)).first() is not None


def keep_identity(connection: Connection, device: str, identity: dict[str, Any], now_s: int) -> None:
    """Add a row for each change of IMEI, ICCID or IMSI."""
    values = {name: str(identity.get(name, "")) for name in _IDENTITY}
    before = identities(connection, device)
    if not before or any(getattr(before[-1], name) != value for name, value in values.items()):
        connection.execute(insert(sim_identities).values(device=device, seen_s=now_s, **values))


def identities(connection: Connection, device: str) -> list[Row[Any]]:
    """Return the identities of the device, oldest first."""
    statement = select(sim_identities).where(sim_identities.c.device == device)
    return list(connection.execute(statement.order_by(sim_identities.c.identity)))


def devices_with(connection: Connection, iccids: Collection[str]) -> list[str]:
    """Return the devices that have had a profile with one of these ICCIDs."""
    statement = select(sim_identities.c.device).where(sim_identities.c.iccid.in_(iccids))
    return list(connection.execute(statement.distinct().order_by(sim_identities.c.device)).scalars())


def _desired(row: Row[Any]) -> Desired:
    policy = restored(json.loads(row.policy))
    lasting = row.profile if row.lasting is None else row.lasting
    return Desired(row.revision, policy, row.profile, row.set_by, row.set_s, row.trip, lasting)
