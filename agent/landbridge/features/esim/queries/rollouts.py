"""Profiles that are brought to devices in stages, and what has become of it on each."""

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from landbridge.db.tables import profile_rollout_devices as members
from landbridge.db.tables import profile_rollouts as rollouts
from landbridge.db.tables import trips

IN_USE = "in use"
"""How it has ended on a device that uses the profile."""


def add(connection: Connection, **values: object) -> int:
    """Begin one (columns of `profile_rollouts`); returns its number."""
    added = insert(rollouts).values(**values).returning(rollouts.c.rollout)
    return int(connection.execute(added).scalar_one())


def change(connection: Connection, rollout: int, **values: object) -> None:
    """Change one that is there."""
    connection.execute(update(rollouts).where(rollouts.c.rollout == rollout).values(**values))


def find(connection: Connection, rollout: int) -> Row[Any] | None:
    """One of them."""
    return connection.execute(select(rollouts).where(rollouts.c.rollout == rollout)).one_or_none()


def newest(connection: Connection, tags: list[str]) -> Row[Any] | None:
    """The newest for one of the tags, halted ones too."""
    meant = select(rollouts).where(rollouts.c.tag.in_(tags)).order_by(rollouts.c.rollout.desc())
    return connection.execute(meant.limit(1)).one_or_none()


def every(connection: Connection) -> list[Row[Any]]:
    """The columns of each, the newest first, with the devices `reached`, `taken` and `failed`."""
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
    """Of its devices: (all, those that use the profile, those on which it failed)."""
    counted = func.count()
    statement = select(
        counted, counted.filter(members.c.ended == IN_USE), counted.filter(members.c.ended != IN_USE)
    ).where(members.c.rollout == rollout)
    reached, taken, failed = connection.execute(statement).one()
    return reached, taken, failed


def reach(connection: Connection, rollout: int, device: str, trip: int, revision: int) -> None:
    """It has come to a device on a trip; what became of it on another one is over."""
    values = {"trip": trip, "revision": revision, "ended": None}
    statement = upsert(members).values(rollout=rollout, device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["rollout", "device"], set_=values))


def has(connection: Connection, rollout: int, trip: int) -> bool:
    """Whether it has come to the device of a trip on that trip."""
    of_both = members.c.rollout == rollout, members.c.trip == trip
    return connection.execute(select(members.c.device).where(*of_both)).first() is not None


def reached_now(connection: Connection, rollout: int) -> int:
    """To how many devices it has come on trips that run."""
    running = select(func.count()).select_from(members.join(trips, trips.c.trip == members.c.trip))
    of_it = running.where(members.c.rollout == rollout, trips.c.ended_s.is_(None))
    return int(connection.execute(of_it).scalar_one())


def leave(connection: Connection, device: str, trip: int) -> None:
    """The trip ends: roll-outs that wait for its device leave it out; what has ended on it is counted."""
    waiting = delete(members).where(members.c.device == device, members.c.ended.is_(None))
    connection.execute(waiting.where(members.c.trip == trip))


def waiting(connection: Connection, device: str) -> Row[Any, Any, Any] | None:
    """The newest (rollout, profile, revision) that has not ended on a device."""
    statement = (
        select(members.c.rollout, rollouts.c.profile, members.c.revision)
        .join(rollouts, rollouts.c.rollout == members.c.rollout)
        .where(members.c.device == device, members.c.ended.is_(None))
        .order_by(members.c.rollout.desc())
    )
    return connection.execute(statement.limit(1)).one_or_none()


def end(connection: Connection, rollout: int, device: str, how: str) -> None:
    """It has ended on a device."""
    of_both = members.c.rollout == rollout, members.c.device == device
    connection.execute(update(members).where(*of_both).values(ended=how))
