"""Staged roll-outs of profiles, and their outcome on each device."""

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from landbridge.db.tables import profile_rollout_devices as members
from landbridge.db.tables import profile_rollouts as rollouts
from landbridge.db.tables import trips

IN_USE = "in use"
"""Outcome on a device that uses the profile."""


def add(connection: Connection, **values: object) -> int:
    """Start a roll-out (columns of `profile_rollouts`); return its number."""
    added = insert(rollouts).values(**values).returning(rollouts.c.rollout)
    return int(connection.execute(added).scalar_one())


def change(connection: Connection, rollout: int, **values: object) -> None:
    """Change a roll-out."""
    connection.execute(update(rollouts).where(rollouts.c.rollout == rollout).values(**values))


def find(connection: Connection, rollout: int) -> Row[Any] | None:
    """Return a roll-out."""
    return connection.execute(select(rollouts).where(rollouts.c.rollout == rollout)).one_or_none()


def newest(connection: Connection, tags: list[str]) -> Row[Any] | None:
    """Return the newest roll-out for one of the tags, halted ones included."""
    meant = select(rollouts).where(rollouts.c.tag.in_(tags)).order_by(rollouts.c.rollout.desc())
    return connection.execute(meant.limit(1)).one_or_none()


def every(connection: Connection) -> list[Row[Any]]:
    """Return the columns of each roll-out, newest first, with the numbers of devices `reached`, `taken` and
    `failed`."""
    counted = func.count(members.c.device)
    statement = (
        select(
            rollouts,
            counted.label("reached"),
            counted.filter(members.c.ended == IN_USE).label("taken"),
            counted.filter(members.c.ended != IN_USE).label("failed"),
        )
        .outerjoin(members, members.c.rollout == rollouts.c.rollout)
        .group_by(*rollouts.c)
        .order_by(rollouts.c.rollout.desc())
    )
    return list(connection.execute(statement))


def tally(connection: Connection, rollout: int) -> tuple[int, int, int]:
    """Return numbers of its devices: (all, those that use the profile, those on which it failed)."""
    counted = func.count()
    statement = select(
        counted, counted.filter(members.c.ended == IN_USE), counted.filter(members.c.ended != IN_USE)
    ).where(members.c.rollout == rollout)
    reached, taken, failed = connection.execute(statement).one()
    return reached, taken, failed


def reach(connection: Connection, rollout: int, device: str, trip: int, revision: int) -> None:
    """Note that it has reached a device on a trip, in place of an earlier trip."""
    values = {"trip": trip, "revision": revision, "ended": None}
    statement = upsert(members).values(rollout=rollout, device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["rollout", "device"], set_=values))


def has(connection: Connection, rollout: int, trip: int) -> bool:
    """Whether the roll-out has reached the device of a trip during that trip."""
    of_both = members.c.rollout == rollout, members.c.trip == trip
    return connection.execute(select(members.c.device).where(*of_both)).first() is not None


def reached_now(connection: Connection, rollout: int) -> int:
    """Return how many devices it has reached on running trips."""
    running = select(func.count()).select_from(members.join(trips, trips.c.trip == members.c.trip))
    of_it = running.where(members.c.rollout == rollout, trips.c.ended_s.is_(None))
    return int(connection.execute(of_it).scalar_one())


def leave(connection: Connection, device: str, trip: int) -> None:
    """At the end of a trip, remove its device from roll-outs that wait for it; outcomes stay counted."""
    waiting = delete(members).where(members.c.device == device, members.c.ended.is_(None))
    connection.execute(waiting.where(members.c.trip == trip))


def waiting(connection: Connection, device: str) -> Row[Any, Any, Any] | None:
    """Return the newest (rollout, profile, revision) that has no outcome on a device."""
    statement = (
        select(members.c.rollout, rollouts.c.profile, members.c.revision)
        .join(rollouts, rollouts.c.rollout == members.c.rollout)
        .where(members.c.device == device, members.c.ended.is_(None))
        .order_by(members.c.rollout.desc())
    )
    return connection.execute(statement.limit(1)).one_or_none()


def end(connection: Connection, rollout: int, device: str, how: str) -> None:
    """Store the outcome on a device."""
    of_both = members.c.rollout == rollout, members.c.device == device
    connection.execute(update(members).where(*of_both).values(ended=how))
