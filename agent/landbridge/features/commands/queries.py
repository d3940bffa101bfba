"""Commands: a row each, with author and time of each step. None is ever removed."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, false, func, insert, or_, select, update

from landbridge.db import order
from landbridge.db.among import among_given
from landbridge.db.paging import Key, Page, page
from landbridge.db.tables import commands
from landbridge.features.commands.coding import DONE, NEW_BATTERY, Command

_WITH_WAITING = (
    select(commands.c.device)
    .distinct()
    .where(among_given(commands.c.device), commands.c.result.is_(None), commands.c.cancelled_s.is_(None))
    .where(commands.c.expires_s > bindparam("now_s"))
)


def give(
    connection: Connection,
    device: str,
    verb: str,
    argument: int,
    expires_s: int,
    who: str,
    now_s: int,
    trip: int | None = None,
) -> int:
    """Add a command for `device`, of the tenant of `trip` if there is one; returns its id, higher than all
    before it that the device can take.

    It starts from the clock: a database restored from a backup does not give one again.
    """
    of_device = commands.c.device == device, commands.c.command <= order.HIGHEST_OF_DEVICE
    highest = connection.execute(select(func.max(commands.c.command)).where(*of_device)).scalar()
    command = order.for_device(connection, device, highest or 0, now_s)
    what = {"device": device, "command": command, "verb": verb, "argument": argument}
    times = {"expires_s": expires_s, "given_by": who, "given_s": now_s, "trip": trip}
    connection.execute(insert(commands).values(**what, **times))
    return command


def every(connection: Connection, device: str | None = None) -> list[Row[Any]]:
    """Return all commands, or those of one device, oldest first."""
    statement = select(commands).order_by(commands.c.given_s, commands.c.device, commands.c.command)
    if device is not None:
        statement = statement.where(commands.c.device == device)
    return list(connection.execute(statement))


class Wanted(NamedTuple):
    """Which commands; None: of all."""

    verb: str | None = None
    only_open: bool = False


def listed(connection: Connection, wanted: Wanted, now_s: int, after: Key | None, limit: int) -> Page:
    """Return a page of the commands of all devices, newest first."""
    statement = select(commands)
    if wanted.verb is not None:
        statement = statement.where(commands.c.verb == wanted.verb)
    if wanted.only_open:
        is_open = commands.c.result.is_(None), commands.c.cancelled_s.is_(None), commands.c.expires_s > now_s
        statement = statement.where(*is_open)
    key = [commands.c.given_s, commands.c.device, commands.c.command]
    return page(connection, statement, key, after, limit, newest_first=True)


def newest(
    connection: Connection, device: str, spans: Sequence[tuple[int, int]], before: int, limit: int
) -> list[Row[Any]]:
    """Return the newest commands of a device with ids below `before`, given in one of `spans`, [from,
    until)."""
    given_s = commands.c.given_s
    inside = or_(false(), *((given_s >= from_s) & (given_s < until_s) for from_s, until_s in spans))
    mine = select(commands).where(commands.c.device == device, commands.c.command < before, inside)
    return list(connection.execute(mine.order_by(commands.c.command.desc()).limit(limit)))


def find(connection: Connection, device: str, command: int) -> Row[Any] | None:
    """Return one command; None if it does not exist."""
    statement = select(commands).where(commands.c.device == device, commands.c.command == command)
    return connection.execute(statement).one_or_none()


def battery_renewed_s(connection: Connection, device: str) -> int | None:
    """Return when the device last reported a new battery; None if it never did."""
    statement = select(func.max(commands.c.result_s)).where(commands.c.device == device)
    done = statement.where(commands.c.verb == NEW_BATTERY, commands.c.result == DONE)
    return connection.execute(done).scalar()


def waiting(connection: Connection, device: str, now_s: int, most: int) -> list[Command]:
    """Return the first `most` commands to send to the device: without a result, not cancelled, not
    expired."""
    statement = (
        select(commands.c.command, commands.c.expires_s, commands.c.verb, commands.c.argument)
        .where(commands.c.device == device, commands.c.result.is_(None), commands.c.cancelled_s.is_(None))
        .where(commands.c.expires_s > now_s)
        .order_by(commands.c.command)
        .limit(most)
    )
    return [Command(*row) for row in connection.execute(statement)]


def devices_with_waiting(connection: Connection, devices: Collection[str], now_s: int) -> set[str]:
    """Return the devices for which `waiting` finds something."""
    return set(connection.execute(_WITH_WAITING, {"texts": list(devices), "now_s": now_s}).scalars())


def sent(connection: Connection, device: str, ids: Iterable[int], now_s: int) -> None:
    """Note that a downlink contains these commands."""
    of_these = update(commands).where(commands.c.device == device, commands.c.command.in_(list(ids)))
    connection.execute(of_these.where(commands.c.sent_s.is_(None)).values(sent_s=now_s))


def cancel(connection: Connection, device: str, command: int, who: str, now_s: int) -> None:
    """Cancel a command."""
    of_this = update(commands).where(commands.c.device == device, commands.c.command == command)
    connection.execute(of_this.values(cancelled_by=who, cancelled_s=now_s))


def cancel_open(connection: Connection, device: str, trip: int, who: str, now_s: int) -> int:
    """Cancel the commands of the tenant of `trip` that have no result; return how many. Expired ones are
    included: a fast clock that is corrected would make them open again."""
    of_trip = update(commands).where(commands.c.device == device, commands.c.trip == trip)
    is_open = commands.c.result.is_(None), commands.c.cancelled_s.is_(None)
    return connection.execute(of_trip.where(*is_open).values(cancelled_by=who, cancelled_s=now_s)).rowcount


def last_done(connection: Connection, device: str, verb: str, now_s: int) -> Row[Any] | None:
    """Return the newest command of this verb that the device has run, or may still run."""
    is_open = commands.c.cancelled_s.is_(None) & (commands.c.expires_s > now_s)
    not_refused = func.coalesce(commands.c.result, DONE) == DONE
    of_verb = select(commands).where(commands.c.device == device, commands.c.verb == verb)
    of_verb = of_verb.where(commands.c.sent_s.is_not(None) | is_open, not_refused)
    return connection.execute(of_verb.order_by(commands.c.command.desc()).limit(1)).one_or_none()


def ended(connection: Connection, device: str, command: int, result: int, now_s: int) -> bool:
    """Store the result; only the first one counts. False if the command had one, or is not this device's."""
    of_this = update(commands).where(commands.c.device == device, commands.c.command == command)
    changed = connection.execute(
        of_this.where(commands.c.result.is_(None)).values(result=result, result_s=now_s)
    )
    return changed.rowcount == 1
