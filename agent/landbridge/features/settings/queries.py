"""Desired settings of devices by revision, and their last reports."""

import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_replace

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db import audit, order
from landbridge.db.among import among_given
from landbridge.db.tables import setting_reports, settings
from landbridge.protocol.settings import SETTINGS, Report, applied

LEAST, MOST = "report_least_s", "report_most_s"
"""Settings that limit each other."""


class Desired(NamedTuple):
    """A revision of a device's settings."""

    revision: int
    """Higher than all before it; 0 if there is none."""
    changes: dict[str, int]
    """The values that differ from the defaults, by name."""
    set_by: str | None
    set_s: int | None
    trip: int | None
    """The trip whose tenant has set some of them."""
    lasting: dict[str, int]
    """The changes that remain when that trip ends."""


NOTHING_SET = Desired(0, {}, None, None, None, {})


def desired(connection: Connection, device: str) -> Desired:
    """Return the newest revision for `device`."""
    statement = select(settings).where(settings.c.device == device).order_by(settings.c.revision.desc())
    row = connection.execute(statement.limit(1)).one_or_none()
    return NOTHING_SET if row is None else _desired(row)


def newest(connection: Connection, devices: Collection[str]) -> list[tuple[str, str, int | None]]:
    """For each of the devices with settings, return the newest changes as JSON, and the hash of the values
    that it reported under that revision; None if it has not reported any."""
    rows = connection.execute(_newest(), {"texts": list(devices)})
    return [(row[0], row[1], row[2]) for row in rows]


@cache
def _newest() -> Select[Any]:
    highest = select(settings.c.device, func.max(settings.c.revision).label("revision"))
    newest = highest.where(among_given(settings.c.device)).group_by(settings.c.device).subquery()
    same = (settings.c.device == newest.c.device) & (settings.c.revision == newest.c.revision)
    said = (setting_reports.c.device == newest.c.device) & (setting_reports.c.revision == newest.c.revision)
    rows = newest.join(settings, same).outerjoin(setting_reports, said)
    return select(settings.c.device, settings.c.changes, setting_reports.c.hash).select_from(rows)


def history(connection: Connection, device: str) -> list[Desired]:
    """Return all revisions, oldest first."""
    statement = select(settings).where(settings.c.device == device).order_by(settings.c.revision)
    return [_desired(row) for row in connection.execute(statement)]


def set_desired(
    connection: Connection,
    device: str,
    changes: Mapping[str, int],
    who: str,
    now_s: int,
    trip: int | None = None,
    lasting: Mapping[str, int] | None = None,
) -> int:
    """Make `changes` what `device` is to apply, until the end of `trip` if some of it is its tenant's: then
    `lasting`. Returns the new revision, higher than all before.

    It starts from the clock: a database restored from a backup gives none a second time.
    """
    revision = order.for_device(connection, device, desired(connection, device).revision, now_s)
    values = {"device": device, "revision": revision, "changes": json.dumps(changes), "trip": trip}
    left = None if trip is None else json.dumps(lasting)
    connection.execute(insert(settings).values(**values, lasting=left, set_by=who, set_s=now_s))
    return revision


def change(
    connection: Connection,
    device: str,
    changes: Mapping[str, int],
    who: str,
    now_s: int,
    trip: int | None = None,
) -> int | None:
    """Change some of the desired settings of `device`; with `trip`, they are its tenant's and end with the
    trip. Return the new revision, None if nothing changes. `UserError` if the shortest interval between
    sessions is to be above the longest."""
    before = desired(connection, device)
    after = _changed(before.changes, changes)
    _check_intervals(applied(after), changes)
    lasting = _changed(before.lasting, changes) if trip is None else before.lasting
    # A refused revision is sent again under a new one: something may have changed meanwhile.
    said = report(connection, device)
    if (after, lasting) == (before.changes, before.lasting) and not (said and is_refused(before, said[0])):
        return None
    listed = " ".join(f"{name}={value}" for name, value in changes.items())
    audit.add(connection, who, _("settings changed: {changes}", changes=listed), now_s, device)
    return set_desired(connection, device, after, who, now_s, before.trip if trip is None else trip, lasting)


def _check_intervals(after: Mapping[str, int], changes: Mapping[str, int]) -> None:
    least_s, most_s = after[LEAST], after[MOST]
    if least_s > most_s and {LEAST, MOST} & changes.keys():
        raise UserError(
            _(
                "the shortest interval between sessions, {least} minutes, is above the longest, {most}"
                " minutes; change one of them",
                least=round(least_s / 60),
                most=round(most_s / 60),
            ),
            LEAST if LEAST in changes else MOST,
        )


def _changed(before: Mapping[str, int], changes: Mapping[str, int]) -> dict[str, int]:
    every = applied({**before, **changes})
    return {name: value for name, value in every.items() if value != SETTINGS[name].default}


def is_refused(desired: Desired, said: Report) -> bool:
    """Whether the device refuses this revision."""
    return said.refused == desired.revision and desired.revision != 0


def report(connection: Connection, device: str) -> tuple[Report, int] | None:
    """Return the device's last report and its time; None if there is none."""
    row = connection.execute(select(setting_reports).where(setting_reports.c.device == device)).one_or_none()
    return None if row is None else (Report(*row[1:6]), row.reported_s)


def keep_report(connection: Connection, device: str, said: Report, now_s: int) -> None:
    """Store the device's report in place of the previous one."""
    values = {**said._asdict(), "reported_s": now_s}
    statement = insert_or_replace(setting_reports).values(device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device"], set_=values))


def _desired(row: Row[tuple[object, ...]]) -> Desired:
    lasting = row.changes if row.lasting is None else row.lasting
    return Desired(
        row.revision, json.loads(row.changes), row.set_by, row.set_s, row.trip, json.loads(lasting)
    )
