"""What viewers do, by the same functions of `fleet` as the command line: role checked, names kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastapi import HTTPException
from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db.keys import Keyring
from landbridge.events import publish as announce
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.commands import handler as commands
from landbridge.features.commands import queries as stored_commands
from landbridge.features.commands.coding import NEW_BATTERY, SHIPPING, VERBS, Verb
from landbridge.features.downloads import queries as stored_downloads
from landbridge.features.downloads import rules as downloads
from landbridge.features.downloads import trust
from landbridge.features.downloads.rules import Wanted
from landbridge.features.esim import handler as cards
from landbridge.features.settings import handler as settings
from landbridge.features.settings import queries as stored_settings
from landbridge.features.sharing import queries as stored_shares
from landbridge.features.sharing import rules as shares
from landbridge.features.trips import queries as trips
from landbridge.features.updates import rollout
from landbridge.web import seen
from landbridge.web.forms import only_house
from landbridge.web.here import Here
from landbridge.web.seen import Ride
from landbridge.web.viewer import Viewer, demand

FOR_ADMINS = (SHIPPING, "factory-reset")
"""Verbs that silence a device or make it forget."""
FOR_THE_OPERATOR = (NEW_BATTERY,)
"""Verbs whose effect cannot be undone when a tenant's trip ends."""


def ride(connection: Connection, viewer: Viewer, device: str) -> Ride:
    """The device as the viewer sees it; 404 if he does not, whether there is one or not."""
    found = seen.ride(connection, viewer.tenant, device)
    if found is None:
        raise HTTPException(404, _("no device {device}", device=device))
    return found


def verbs(viewer: Viewer) -> dict[str, Verb]:
    """What the viewer may have a device do, by name."""
    refused = (() if viewer.may("admin") else FOR_ADMINS) + (FOR_THE_OPERATOR if viewer.tenant else ())
    return {name: verb for name, verb in VERBS.items() if name not in refused}


def send(
    it: Here, viewer: Viewer, device: str, verb: str, argument: int | None, expires: str
) -> commands.Given:
    """Give a command; `UserError` if it is none."""
    if verb in FOR_THE_OPERATOR:
        only_house(viewer)
    with _acting(it, viewer, device, "admin" if verb in FOR_ADMINS else "operator") as (connection, found):
        now_s = it.clock.now_s()
        return commands.give(
            connection, device, verb, argument, expires, viewer.who, now_s, _ends_with(found)
        )


def cancel(it: Here, viewer: Viewer, device: str, command: int) -> None:
    """Take a command back; 404 if there is none of the viewer's time, `UserError` if it is over."""
    with _acting(it, viewer, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        row = stored_commands.find(connection, device, command)
        mine = seen.intervals(connection, found, now_s)
        if row is None or not any(begin <= row.given_s < end for begin, end in mine):
            raise HTTPException(404, _("{device} has no command {number}", device=device, number=command))
        commands.cancel(connection, device, command, viewer.who, now_s)


def change(it: Here, viewer: Viewer, device: str, changes: Mapping[str, str]) -> int | None:
    """Change settings, values as text; returns the new revision, None if it is set so already."""
    parsed = settings.parse(f"{name}={value}" for name, value in changes.items())
    with _acting(it, viewer, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        return stored_settings.change(connection, device, parsed, viewer.who, now_s, _ends_with(found))


def share(it: Here, viewer: Viewer, device: str, length: str) -> shares.Made:
    """Share the trip that the device is on, until it ends or for a `length` like 12h."""
    with _acting(it, viewer, device, "operator") as (connection, found):
        trip = trips.find(connection, found.trip.trip) if found.trip else None
        if trip is None:
            raise UserError(_("{device} is not on a trip; start one, then share it", device=device))
        return shares.add(connection, trip, length, viewer.who, it.clock.now_s())


def revoke(it: Here, viewer: Viewer, device: str, link: int) -> None:
    """End a link to a trip that the viewer sees; his trip need not run any more."""
    demand(viewer, "operator")
    with it.database.writing() as connection:
        found = ride(connection, viewer, device)
        row = stored_shares.find(connection, link)
        if row is None or row.trip not in {each.trip for each in seen.trips_of(connection, found)}:
            raise HTTPException(404, _("no link {number}", number=link))
        shares.revoke(connection, link, viewer.who, it.clock.now_s())


def switch(it: Here, viewer: Viewer, device: str, wish: str) -> int:
    """Have the device use a profile of its card; returns the revision."""
    with _acting(it, viewer, device, "operator") as (connection, found):
        return cards.switch(connection, device, wish, viewer.who, it.clock.now_s(), _ends_with(found))


def download(
    it: Here, viewer: Viewer, device: str, code: str, confirmation: str = "", enable: bool = False
) -> int:
    """Have the device load a profile onto its card; returns the number of the order."""
    wanted = Wanted(device, downloads.code_of(code, confirmation, trust.load(it.config.esim)))
    with _acting(it, viewer, device, "operator") as (connection, found):
        keyring = Keyring(it.config.store.database, it.config.store.key_file)
        now_s, trip = it.clock.now_s(), _ends_with(found)
        return downloads.order(connection, keyring, wanted, enable, viewer.who, now_s, trip)


def cancel_download(it: Here, viewer: Viewer, device: str, number: int) -> None:
    """Take a download back; 404 if there is none of the viewer's time, `UserError` if it is over."""
    with _acting(it, viewer, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        row = stored_downloads.find(connection, number)
        mine = seen.intervals(connection, found, now_s)
        if (
            row is None
            or row.device != device
            or not any(begin <= row.ordered_s < end for begin, end in mine)
        ):
            raise HTTPException(404, _("{device} has no download {number}", device=device, number=number))
        downloads.cancel(connection, row, viewer.who, now_s)


def acknowledge(it: Here, viewer: Viewer, alarm: int, note: str) -> dict[str, Any]:
    """The viewer looks after an alarm, and says how; returns what is told of it then, as of what follows."""
    with _at_alarm(it, viewer, alarm) as connection:
        now_s = it.clock.now_s()
        announce.tell(connection, engine.acknowledge(connection, alarm, viewer.who, note, now_s), now_s)
        return engine.told(engine.known(connection, alarm))


def clear(it: Here, viewer: Viewer, alarm: int) -> dict[str, Any]:
    """An alarm is over."""
    with _at_alarm(it, viewer, alarm) as connection:
        now_s = it.clock.now_s()
        announce.tell(connection, engine.clear(connection, alarm, viewer.who, now_s), now_s)
        return engine.told(engine.known(connection, alarm))


def roll_out(it: Here, viewer: Viewer, board: str, sequence: int, canaries: int, days: int) -> None:
    """Offer a release to the fleet, or go on with it."""
    _for_the_house(viewer)
    with it.database.writing() as connection:
        rollout.begin(connection, board, sequence, canaries, days * 86_400, viewer.who, it.clock.now_s())


def halt(it: Here, viewer: Viewer, board: str, sequence: int) -> None:
    """Offer a release to no device any more."""
    _for_the_house(viewer)
    with it.database.writing() as connection:
        rollout.halt(connection, board, sequence, viewer.who, it.clock.now_s())


def _ends_with(found: Ride) -> int | None:
    """The trip with which ends what is ordered: a tenant's. What the operator orders lasts."""
    return found.trip.trip if found.tenant is not None and found.trip else None


def _for_the_house(viewer: Viewer) -> None:
    demand(viewer, "admin")
    only_house(viewer)


@contextmanager
def _at_alarm(it: Here, viewer: Viewer, alarm: int) -> Iterator[Connection]:
    """404 if the viewer has no such alarm, whether there is one or not."""
    demand(viewer, "operator")
    with it.database.writing() as connection:
        row = alarms.find(connection, alarm)
        if row is None or (viewer.tenant is not None and row.tenant != viewer.tenant):
            raise HTTPException(404, _("no alarm {number}", number=alarm))
        yield connection


class _Acting(NamedTuple):
    connection: Connection
    ride: Ride


@contextmanager
def _acting(it: Here, viewer: Viewer, device: str, role: str) -> Iterator[_Acting]:
    demand(viewer, role)
    with it.database.writing() as connection:
        found = ride(connection, viewer, device)
        if not found.live:
            raise HTTPException(403, _("{device} is not on any of your trips now", device=device))
        yield _Acting(connection, found)
