"""The wakes of devices: time, reasons, energy."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from landbridge.db.tables import wakes
from landbridge.features.diagnostics.wake_coding import Wake


def add(connection: Connection, device: str, report: Sequence[Wake], now_s: int) -> None:
    """Store the wakes that are not stored yet."""
    for wake in report:
        values = wake._asdict() | {"device": device, "at_s": now_s - 60 * wake.age_min}
        del values["age_min"]
        connection.execute(insert_or_ignore(wakes).values(values).on_conflict_do_nothing())


def newest(connection: Connection, device: str, count: int) -> Sequence[Row[Any]]:
    """The newest wakes of a device, the newest first."""
    order = (wakes.c.at_s.desc(), wakes.c.clock_min.desc())
    statement = select(wakes).where(wakes.c.device == device).order_by(*order).limit(count)
    return connection.execute(statement).all()


def between(
    connection: Connection,
    device: str,
    from_s: int,
    until_s: int | None,
    after: tuple[int, ...] = (-1, -1, -1),
    most: int | None = None,
) -> Sequence[Row[Any]]:
    """The wakes of a device from a time on, or between two, after the place (at_s, boot, clock_min); in
    order, at most so many."""
    of_device = select(wakes).where(wakes.c.device == device, wakes.c.at_s >= max(from_s, after[0]))
    if until_s is not None:
        of_device = of_device.where(wakes.c.at_s < until_s)
    order = (wakes.c.at_s, wakes.c.boot, wakes.c.clock_min)
    return connection.execute(of_device.where(tuple_(*order) > after).order_by(*order).limit(most)).all()


def span(connection: Connection, device: str, since_s: int) -> tuple[int, int] | None:
    """Return the times of the first and the last wake of a device since then; None if there are none."""
    ends = select(func.min(wakes.c.at_s), func.max(wakes.c.at_s))
    first_s, last_s = connection.execute(ends.where(wakes.c.device == device, wakes.c.at_s >= since_s)).one()
    return None if first_s is None else (first_s, last_s)


def joules(connection: Connection, device: str, from_s: int, until_s: int) -> float:
    """Return the energy of the wakes of a device between two times, both included."""
    within = wakes.c.device == device, wakes.c.at_s.between(from_s, until_s)
    total = select(func.coalesce(func.sum(wakes.c.joules), 0.0)).where(*within)
    return float(connection.execute(total).scalar_one())
