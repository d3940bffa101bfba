"""Starts a trip, now or in the past: stored points of its time are added to it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.hooks import Hook
from landbridge.core.texts import _
from landbridge.events import positions, publishing
from landbridge.features.devices import queries as devices
from landbridge.features.routes.queries import routes
from landbridge.features.settings import queries as settings
from landbridge.features.trips import queries as trips
from landbridge.tracking import queries as tracking
from landbridge.tracking import suggestions
from landbridge.tracking.binding import bind

ON_TRIP_START: Hook[Callable[[Connection, str, int, str, int], object]] = Hook()
"""Callback with device, trip, route and time."""


class Booking(NamedTuple):
    """The data of a trip."""

    container: str
    route: str
    destination: str
    interval_s: int
    tenant: str | None
    customer: Mapping[str, str]
    """The consignment references by name."""
    tags: Sequence[str]


class Started(NamedTuple):
    """The trip; whether its device has route data; how many points it had already."""

    trip: int
    has_route_data: bool
    points: int


def start(
    connection: Connection, device: str, booking: Booking, from_s: int, who: str, now_s: int
) -> Started:
    """Start a trip of a known device, now or in the past, and retract the suggestion of one. `UserError` when
    the device is on a trip, or was on one or unknown at that time, or the container is on another device."""
    _check(connection, device, from_s, now_s)
    _check_container(connection, device, booking.container, from_s)
    suggested = suggestions.current(connection, device)
    settings.change(connection, device, {"interval_s": booking.interval_s}, who, now_s)
    trip = trips.start(
        connection, device, booking.container, booking.route, booking.destination, booking.interval_s, from_s,
        booking.customer, booking.tags,
    )  # fmt: skip
    if booking.tenant is not None:
        trips.give_to(connection, trip, booking.tenant)
    publishing.correct(connection, suggested, [], now_s)
    moved = bind(connection, device, from_s, now_s)
    positions.correct(connection, device, moved.tenants, now_s)
    tracking.mark(connection, device, from_s)
    for act in ON_TRIP_START:
        act(connection, device, trip, booking.route, now_s)
    return Started(trip, routes.find(connection, booking.route) is not None, len(moved.times))


def _check(connection: Connection, device: str, from_s: int, now_s: int) -> None:
    """`UserError` if the device is on a trip, retired, or the time is none at which it can start one."""
    row = devices.find(connection, device)
    if running := trips.running(connection, device):
        raise UserError(
            _(
                "{device} is on trip {number} with {container}; end that trip first",
                device=device,
                number=running.trip,
                container=running.container,
            ),
            "device",
        )
    if row and row.retired_s is not None:
        raise UserError(
            _(
                "{device} was retired at {time}; choose one that is in use",
                device=device,
                time=iso(row.retired_s),
            ),
            "device",
        )
    if from_s > now_s:
        raise UserError(
            _("{time} is in the future; a trip starts now or in the past", time=iso(from_s)), "since"
        )
    _check_order(device, from_s, trips.last(connection, device), row)


def _check_order(device: str, from_s: int, last: Row[Any] | None, row: Row[Any] | None) -> None:
    """`UserError` if the start comes before the end of its `last` trip, or before the device was added."""
    remedy = _("start it then or later, or set this machine's clock if that is wrong")
    if last and from_s < last.ended_s:
        raise UserError(
            _(
                "trip {number} of {device} ended at {time}, after this start at {start}; {remedy}",
                number=last.trip,
                device=device,
                time=iso(last.ended_s),
                start=iso(from_s),
                remedy=remedy,
            ),
            "since",
        )
    if row and from_s < row.created_s:
        raise UserError(
            _(
                "{device} was added at {time}, after this start at {start}; {remedy}",
                device=device,
                time=iso(row.created_s),
                start=iso(from_s),
                remedy=remedy,
            ),
            "since",
        )


def _check_container(connection: Connection, device: str, container: str, from_s: int) -> None:
    """A container is on one device at a time; with two, platforms would see it in two places."""
    for row in trips.of_container(connection, container, from_s):
        if row.device == device:
            continue
        if row.ended_s is None:
            raise UserError(
                _(
                    "{container} is on {device}, trip {number} since {time}; end that trip first, or correct"
                    " the number",
                    container=container,
                    device=row.device,
                    number=row.trip,
                    time=iso(row.started_s),
                ),
                "container",
            )
        raise UserError(
            _(
                "{container} was on {device}, trip {number}, until {time}, after this start at {start}; start"
                " it then or later, or correct the number",
                container=container,
                device=row.device,
                number=row.trip,
                time=iso(row.ended_s),
                start=iso(from_s),
            ),
            "container",
        )
