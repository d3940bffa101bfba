"""The same action on many devices, in one transaction: a device that refuses it does not keep the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.commands import handler as commands
from landbridge.features.devices import queries as stored_devices
from landbridge.features.downloads import rules as downloads
from landbridge.features.downloads import trust
from landbridge.features.settings import handler as settings
from landbridge.features.settings import queries as stored_settings
from landbridge.features.sharing import rules as share_links
from landbridge.features.sharing.rules import SHARE_PATH
from landbridge.features.trips import queries as trips
from landbridge.features.trips import tags as of_trips
from landbridge.features.trips.end import end as end_trip
from landbridge.ingest.queries import epochs
from landbridge.web import actions, device_views
from landbridge.web.auth import User, demand
from landbridge.web.device_views import DeviceView
from landbridge.web.forms import require_operator_tenant
from landbridge.web.services import Services


class Outcome(NamedTuple):
    """The result of an action on many devices."""

    done: list[str]
    refused: list[tuple[str, str]]
    """Device and reason."""
    links: list[dict[str, Any]]
    """New share links."""

    def serialize(self) -> dict[str, Any]:
        """Return it for the API."""
        refused = [{"device": device, "why": why} for device, why in self.refused]
        return {"done": self.done, "refused": refused, "links": self.links}


class Chosen(NamedTuple):
    """Devices by id, and those with a tag or on a trip with it; a tenant's are those on its trips with it."""

    devices: Sequence[str]
    tag: str | None = None


Act = Callable[[DeviceView], object]


def change(it: Services, user: User, chosen: Chosen, changes: Mapping[str, str]) -> Outcome:
    """Change settings, values as text; `UserError` if one of them is invalid."""
    parsed = settings.parse(f"{name}={value}" for name, value in changes.items())
    with _many(it, user, "operator") as (connection, views):
        now_s = it.clock.now_s()

        def act(view: DeviceView) -> None:
            trip = actions.ends_with(view)
            stored_settings.change(connection, view.device, parsed, user.who, now_s, trip)

        return _each(connection, views, chosen, act)


def send(it: Services, user: User, chosen: Chosen, verb: str, argument: int | None, expires: str) -> Outcome:
    """Send a command; `UserError` if it is invalid."""
    commands.argument(verb, argument)
    if verb in actions.FOR_THE_OPERATOR:
        require_operator_tenant(user)
    with _many(it, user, "admin" if verb in actions.FOR_ADMINS else "operator") as (connection, views):
        now_s = it.clock.now_s()

        def act(view: DeviceView) -> None:
            trip = actions.ends_with(view)
            commands.give(connection, view.device, verb, argument, expires, user.who, now_s, trip)

        return _each(connection, views, chosen, act)


def tag(it: Services, user: User, chosen: Chosen, add: Sequence[str], remove: Sequence[str]) -> Outcome:
    """Add and remove tags of the running trips."""
    with _many(it, user, "operator") as (connection, views):
        now_s = it.clock.now_s()

        def act(view: DeviceView) -> None:
            of_trips.change(connection, _on_trip(view), add, remove, user.who, now_s)

        return _each(connection, views, chosen, act)


def share(it: Services, user: User, chosen: Chosen, length: str) -> Outcome:
    """Share the running trips, until they end or for a `length` like 12h."""
    with _many(it, user, "operator") as (connection, views):
        now_s, links = it.clock.now_s(), []

        def act(view: DeviceView) -> None:
            trip = trips.find(connection, _on_trip(view))
            assert trip is not None
            made = share_links.add(connection, trip, length, user.who, now_s)
            path = f"{SHARE_PATH}{made.secret}"
            known = {"device": view.device, "container": trip.container}
            links.append(known | {"link": made.share, "path": path, "until": iso(made.until_s)})

        return _each(connection, views, chosen, act)._replace(links=links)


def end_trips(it: Services, user: User, chosen: Chosen) -> Outcome:
    """End the running trips."""
    require_operator_tenant(user)
    with _many(it, user, "operator") as (connection, views):
        now_s = it.clock.now_s()

        def act(view: DeviceView) -> None:
            trip = trips.find(connection, _on_trip(view))
            assert trip is not None
            end_trip(connection, trip, now_s)

        return _each(connection, views, chosen, act)


def tag_devices(
    it: Services, user: User, chosen: Chosen, add: Sequence[str], remove: Sequence[str]
) -> Outcome:
    """Add and remove tags of the devices themselves."""
    require_operator_tenant(user)
    with _many(it, user, "operator") as (connection, views):

        def act(view: DeviceView) -> None:
            row = stored_devices.device_in_use(connection, view.device)
            wanted = ({*stored_devices.tags(row)} | {*add}) - {*remove}
            stored_devices.tag(connection, view.device, wanted)

        return _each(connection, views, chosen, act)


def rotate_keys(it: Services, user: User, chosen: Chosen) -> Outcome:
    """Rotate the keys of devices."""
    require_operator_tenant(user)

    def act(connection: Connection, view: DeviceView) -> None:
        stored_devices.device_in_use(connection, view.device)
        epochs.next_one(connection, view.device)

    return each(it, user, chosen, "admin", act)


def download(it: Services, user: User, chosen: Chosen, code: str, confirmation: str, enable: bool) -> Outcome:
    """Order the download of a profile with one code, for as many cards as that is good for."""
    with _many(it, user, "operator") as (connection, views):
        now_s, activation = (
            it.clock.now_s(),
            downloads.code_of(code, confirmation, trust.load(it.config.esim)),
        )

        def act(view: DeviceView) -> None:
            wanted = downloads.Wanted(view.device, activation)
            trip = actions.ends_with(view)
            downloads.order(connection, it.keyring, wanted, enable, user.who, now_s, trip)

        return _each(connection, views, chosen, act)


def each(
    it: Services, user: User, chosen: Chosen, role: str, act: Callable[[Connection, DeviceView], object]
) -> Outcome:
    """Do something else with each."""
    with _many(it, user, role) as (connection, views):
        return _each(connection, views, chosen, lambda view: act(connection, view))


def _tagged(connection: Connection, views: Mapping[str, DeviceView], chosen: Chosen) -> list[str]:
    """Return the devices with the tag; `UserError` if there is none, or nothing was chosen."""
    if chosen.tag is None:
        if not chosen.devices:
            raise UserError(_("give devices or a tag"), "devices")
        return []
    matching = device_views.matching(connection, [*views.values()], chosen.tag, None)
    found = [view.device for view in matching if view.live]
    if not found and not chosen.devices:
        raise UserError(_("no device in use has the tag {tag}", tag=repr(chosen.tag)), "tag")
    return found


def _on_trip(view: DeviceView) -> int:
    if view.trip is None:
        raise UserError(_("{device} is not on a trip; start one first", device=view.device))
    return view.trip.trip


@contextmanager
def _many(it: Services, user: User, role: str) -> Iterator[tuple[Connection, dict[str, DeviceView]]]:
    """All devices that the user sees, read once."""
    demand(user, role)
    with it.database.writing(user.who, user.tenant) as connection:
        yield connection, {each.device: each for each in device_views.listed(connection, user.tenant)}


def _each(connection: Connection, views: Mapping[str, DeviceView], chosen: Chosen, act: Act) -> Outcome:
    """Act on each device; an action refuses before it writes anything."""
    found = Outcome([], [], [])
    for device in dict.fromkeys([*chosen.devices, *_tagged(connection, views, chosen)]):
        view = views.get(device)
        if view is None:
            found.refused.append((device, _("no device {device}", device=device)))
        elif not view.live:
            found.refused.append((device, _("{device} is not on any of your trips now", device=device)))
        else:
            try:
                act(view)
                found.done.append(device)
            except UserError as error:
                found.refused.append((device, error.args[0]))
    return found
