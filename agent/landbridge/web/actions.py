"""Actions of users, by the same functions as the command line: the role is checked, the author noted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastapi import HTTPException
from sqlalchemy import Connection, Row

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db.keys import Keyring
from landbridge.events import publishing
from landbridge.features.alarms import engine, teamwork
from landbridge.features.alarms import queries as alarms
from landbridge.features.commands import handler as commands
from landbridge.features.commands import queries as stored_commands
from landbridge.features.commands.coding import NEW_BATTERY, SHIPPING, VERBS, Verb
from landbridge.features.downloads import queries as stored_downloads
from landbridge.features.downloads import rules as downloads
from landbridge.features.downloads import trust
from landbridge.features.downloads.rules import Wanted
from landbridge.features.esim import handler as cards
from landbridge.features.settings import fields
from landbridge.features.settings import handler as settings
from landbridge.features.settings import queries as stored_settings
from landbridge.features.sharing import queries as stored_share_links
from landbridge.features.sharing import rules as share_links
from landbridge.features.trips import queries as trips
from landbridge.features.updates import rollout
from landbridge.protocol.settings import applied
from landbridge.web import device_views
from landbridge.web.auth import User, demand
from landbridge.web.device_views import DeviceView
from landbridge.web.forms import require_operator_tenant
from landbridge.web.services import Services

FOR_ADMINS = (SHIPPING, "factory-reset")
"""Verbs that silence a device or erase data on it."""
FOR_THE_OPERATOR = (NEW_BATTERY,)
"""Verbs whose effect cannot be undone at the end of a tenant's trip."""


def view(connection: Connection, user: User, device: str) -> DeviceView:
    """Return the device as the user sees it; 404 if the user may not see it or it does not exist."""
    found = device_views.find(connection, user.tenant, device)
    if found is None:
        raise HTTPException(404, _("no device {device}", device=device))
    return found


def verbs(user: User) -> dict[str, Verb]:
    """Return the commands that the user may send, by name."""
    refused = (() if user.may("admin") else FOR_ADMINS) + (FOR_THE_OPERATOR if user.tenant else ())
    return {name: verb for name, verb in VERBS.items() if name not in refused}


def send(
    it: Services, user: User, device: str, verb: str, argument: int | None, expires: str
) -> commands.Given:
    """Send a command; `UserError` if it is invalid."""
    if verb in FOR_THE_OPERATOR:
        require_operator_tenant(user)
    with _acting(it, user, device, "admin" if verb in FOR_ADMINS else "operator") as (connection, found):
        now_s = it.clock.now_s()
        return commands.give(connection, device, verb, argument, expires, user.who, now_s, ends_with(found))


def cancel(it: Services, user: User, device: str, command: int) -> None:
    """Cancel a command; 404 if there is none in the user's time, `UserError` if it has ended."""
    with _acting(it, user, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        row = stored_commands.find(connection, device, command)
        mine = device_views.intervals(connection, found, now_s)
        if row is None or not any(begin <= row.given_s < end for begin, end in mine):
            raise HTTPException(404, _("{device} has no command {number}", device=device, number=command))
        commands.cancel(connection, device, command, user.who, now_s)


def change(it: Services, user: User, device: str, changes: Mapping[str, str]) -> int | None:
    """Change settings, values as text; return the new revision, None if nothing changes."""
    parsed = settings.parse(f"{name}={value}" for name, value in changes.items())
    with _acting(it, user, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        return stored_settings.change(connection, device, parsed, user.who, now_s, ends_with(found))


def change_fields(it: Services, user: User, device: str, given: Mapping[str, Sequence[str]]) -> int | None:
    """Change the settings whose fields differ from the desired values; return the new revision, None if
    nothing changes."""
    with _acting(it, user, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        before = applied(stored_settings.desired(connection, device).changes)
        changes = fields.changes(given, before)
        return stored_settings.change(connection, device, changes, user.who, now_s, ends_with(found))


def share(it: Services, user: User, device: str, length: str, embedded: bool = False) -> share_links.Made:
    """Share the device's running trip, until it ends or for a `length` like 12h."""
    with _acting(it, user, device, "operator") as (connection, found):
        trip = trips.find(connection, found.trip.trip) if found.trip else None
        if trip is None:
            raise UserError(_("{device} is not on a trip; start one, then share it", device=device))
        return share_links.add(connection, trip, length, user.who, it.clock.now_s(), embedded)


def revoke(it: Services, user: User, device: str, link: int) -> None:
    """Revoke a share link to a trip that the user sees; the trip may have ended."""
    demand(user, "operator")
    with it.database.writing(user.who, user.tenant) as connection:
        found = view(connection, user, device)
        row = stored_share_links.find(connection, link)
        if row is None or row.trip not in {each.trip for each in device_views.trips_of(connection, found)}:
            raise HTTPException(404, _("no share link {number}", number=link))
        share_links.revoke(connection, link, user.who, it.clock.now_s())


def share_link(connection: Connection, user: User, link: int) -> Row[Any]:
    """Return a share link to a trip that is the user's; 404 if there is none."""
    row = stored_share_links.find(connection, link)
    if row is None or (user.tenant is not None and row.tenant != user.tenant):
        raise HTTPException(404, _("no share link {number}", number=link))
    return row


def revoke_share_link(it: Services, user: User, link: int) -> None:
    """Revoke a share link, of whatever device."""
    demand(user, "operator")
    with it.database.writing(user.who, user.tenant) as connection:
        share_link(connection, user, link)
        share_links.revoke(connection, link, user.who, it.clock.now_s())


def switch(it: Services, user: User, device: str, profile: str) -> int:
    """Switch the device to a profile of its card; return the revision."""
    with _acting(it, user, device, "operator") as (connection, found):
        return cards.switch(connection, device, profile, user.who, it.clock.now_s(), ends_with(found))


def download(
    it: Services, user: User, device: str, code: str, confirmation: str = "", enable: bool = False
) -> int:
    """Order the download of a profile; return the number of the order."""
    with _acting(it, user, device, "operator") as (connection, found):
        wanted = Wanted(device, downloads.code_of(code, confirmation, trust.load(it.config.esim)))
        keyring = Keyring(it.config.store.database, it.config.store.key_file)
        now_s, trip = it.clock.now_s(), ends_with(found)
        return downloads.order(connection, keyring, wanted, enable, user.who, now_s, trip)


def delete_profile(it: Services, user: User, device: str, iccid: str) -> int:
    """Order the deletion of a profile; return the number of the order."""
    with _acting(it, user, device, "operator") as (connection, found):
        keyring = Keyring(it.config.store.database, it.config.store.key_file)
        now_s, trip = it.clock.now_s(), ends_with(found)
        return downloads.delete(connection, keyring, device, iccid, user.who, now_s, trip)


def rename_profile(it: Services, user: User, device: str, iccid: str, name: str) -> int:
    """Order a new name of a profile; return the number of the order."""
    with _acting(it, user, device, "operator") as (connection, found):
        keyring = Keyring(it.config.store.database, it.config.store.key_file)
        now_s, trip = it.clock.now_s(), ends_with(found)
        return downloads.rename(connection, keyring, device, iccid, name, user.who, now_s, trip)


def manage_card(it: Services, user: User, device: str, task: str, iccid: str) -> int:
    """Order a task of an IoT eUICC; return the number of the order. Who manages a card is the fleet
    operator's to say."""
    if task in (stored_downloads.ASSOCIATE, stored_downloads.DISSOCIATE):
        require_operator_tenant(user)
    with _acting(it, user, device, "operator") as (connection, found):
        keyring = Keyring(it.config.store.database, it.config.store.key_file)
        trusted = trust.load(it.config.esim)
        now_s, trip = it.clock.now_s(), ends_with(found)
        return downloads.manage(connection, keyring, trusted, device, task, iccid, user.who, now_s, trip)


def cancel_download(it: Services, user: User, device: str, number: int) -> None:
    """Cancel a download; 404 if there is none in the user's time, `UserError` if it has ended."""
    with _acting(it, user, device, "operator") as (connection, found):
        now_s = it.clock.now_s()
        row = stored_downloads.find(connection, number)
        mine = device_views.intervals(connection, found, now_s)
        is_mine = row is not None and any(begin <= row.ordered_s < end for begin, end in mine)
        if row is None or row.device != device or not is_mine:
            raise HTTPException(404, _("{device} has no download {number}", device=device, number=number))
        downloads.cancel(connection, row, user.who, now_s)


def acknowledge(it: Services, user: User, alarm: int, note: str) -> dict[str, Any]:
    """Acknowledge an alarm with a note; return its new state."""
    with _at_alarm(it, user, alarm) as connection:
        now_s = it.clock.now_s()
        publishing.publish(connection, engine.acknowledge(connection, alarm, user.who, note, now_s), now_s)
        return engine.serialize(engine.known(connection, alarm))


def acknowledge_many(it: Services, user: User, numbers: Sequence[int], note: str) -> list[dict[str, Any]]:
    """Acknowledge several alarms in one transaction; return their new states. One that is refused refuses
    all."""
    demand(user, "operator")
    with it.database.writing(user.who, user.tenant) as connection:
        now_s, changes = it.clock.now_s(), []
        for alarm in dict.fromkeys(numbers):
            alarm_of(connection, user, alarm)
            changes += engine.acknowledge(connection, alarm, user.who, note, now_s)
        publishing.publish(connection, changes, now_s)
        return [engine.serialize(engine.known(connection, alarm)) for alarm in dict.fromkeys(numbers)]


def take(it: Services, user: User, alarm: int) -> None:
    """Put the user on an alarm."""
    with _at_alarm(it, user, alarm) as connection:
        teamwork.take(connection, alarm, user.who, it.clock.now_s())


def leave(it: Services, user: User, alarm: int) -> None:
    """Let no one handle an alarm any more."""
    with _at_alarm(it, user, alarm) as connection:
        teamwork.leave(connection, alarm, user.who, it.clock.now_s())


def comment(it: Services, user: User, alarm: int, text: str) -> None:
    """Comment on an alarm."""
    with _at_alarm(it, user, alarm) as connection:
        teamwork.comment(connection, alarm, user.who, text, it.clock.now_s())


def clear(it: Services, user: User, alarm: int) -> dict[str, Any]:
    """Clear an alarm."""
    with _at_alarm(it, user, alarm) as connection:
        now_s = it.clock.now_s()
        publishing.publish(connection, engine.clear(connection, alarm, user.who, now_s), now_s)
        return engine.serialize(engine.known(connection, alarm))


def roll_out(it: Services, user: User, board: str, sequence: int, canaries: int, days: int) -> None:
    """Start or resume the roll-out of a release."""
    _require_operator_admin(user)
    with it.database.writing(user.who, user.tenant) as connection:
        rollout.begin(connection, board, sequence, canaries, days * 86_400, user.who, it.clock.now_s())


def halt(it: Services, user: User, board: str, sequence: int) -> None:
    """Halt the roll-out of a release."""
    _require_operator_admin(user)
    with it.database.writing(user.who, user.tenant) as connection:
        rollout.halt(connection, board, sequence, user.who, it.clock.now_s())


def require_operator(user: User, role: str = "operator") -> None:
    """404 for a tenant: the fleet is the operator's; 403 without the permissions of `role`."""
    require_operator_tenant(user)
    demand(user, role)


def ends_with(found: DeviceView) -> int | None:
    """Return the trip with which a tenant's request ends; None for the operator's, which last."""
    return found.trip.trip if found.tenant is not None and found.trip else None


def _require_operator_admin(user: User) -> None:
    demand(user, "admin")
    require_operator_tenant(user)


@contextmanager
def _at_alarm(it: Services, user: User, alarm: int) -> Iterator[Connection]:
    """Raise 404 if the user may not see such an alarm, or it does not exist."""
    demand(user, "operator")
    with it.database.writing(user.who, user.tenant) as connection:
        alarm_of(connection, user, alarm)
        yield connection


def alarm_of(connection: Connection, user: User, alarm: int) -> Row[Any]:
    """Return an alarm that the user sees; 404 if there is none."""
    row = alarms.find(connection, alarm)
    if row is None or (user.tenant is not None and row.tenant != user.tenant):
        raise HTTPException(404, _("no alarm {number}", number=alarm))
    return row


class _Acting(NamedTuple):
    connection: Connection
    view: DeviceView


@contextmanager
def _acting(it: Services, user: User, device: str, role: str) -> Iterator[_Acting]:
    demand(user, role)
    with it.database.writing(user.who, user.tenant) as connection:
        found = view(connection, user, device)
        if not found.live:
            raise HTTPException(403, _("{device} is not on any of your trips now", device=device))
        yield _Acting(connection, found)
