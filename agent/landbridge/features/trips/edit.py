"""Corrects a trip: container, route, destination and more; its events are recomputed."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.events import positions, publishing, topics
from landbridge.events.queries import outbox
from landbridge.features.routes.queries import routes
from landbridge.features.settings import queries as settings
from landbridge.features.trips import queries as trips
from landbridge.features.trips.start import ON_TRIP_START
from landbridge.points.queries import points
from landbridge.tracking import queries as tracking

_CLOSE = 0.8
"""Similarity, at most 1, from which a name is suggested for a mistyped route name."""


class Changes(NamedTuple):
    """The values to change; None: unchanged."""

    container: str | None = None
    route: str | None = None
    destination: str | None = None
    interval_s: int | None = None
    references: Mapping[str, str] | None = None
    tags: Sequence[str] | None = None
    tenant: str | None = None


def known_route(connection: Connection, route: str) -> bool:
    """Whether there is route data under that name. `UserError` for a name that looks mistyped."""
    names = [each.route for each in routes.every(connection)]
    if route in names:
        return True
    if close := get_close_matches(route, names, 1, _CLOSE):
        raise UserError(
            _(
                "no route {route}; is it {close}? Correct the name",
                route=repr(route),
                close=repr(close[0]),
            ),
            "route",
        )
    return False


def edit(connection: Connection, trip: int, changes: Changes, who: str, now_s: int) -> None:
    """Change a trip. `UserError` when there is none, when its container is on another device at that time,
    when an interval is changed after its end, or when it has another tenant already."""
    was = trips.find(connection, trip)
    if was is None:
        raise UserError(_("no trip {number}; `landbridge trips list` lists them", number=trip), "trip")
    if changes.container is not None:
        _check_container(connection, was, changes.container)
    if changes.interval_s is not None:
        if was.ended_s is not None:
            raise UserError(
                _("trip {number} has ended: its interval can no longer change", number=trip), "interval_s"
            )
        settings.change(connection, was.device, {"interval_s": changes.interval_s}, who, now_s)
    if changes.route is not None:
        known_route(connection, changes.route)
    if changes.tenant is not None:
        _check_tenant(was, changes.tenant)
    values = {name: value for name, value in changes._asdict().items() if value is not None}
    is_rerouted = changes.route not in (None, was.route)
    if is_rerouted:
        values["expected"] = None  # travel times of the other route
    trips.change(connection, trip, values)
    _publish_to(connection, was, changes.tenant, now_s)
    if is_rerouted and was.ended_s is None:
        for act in ON_TRIP_START:
            act(connection, was.device, trip, str(changes.route), now_s)
    tracking.mark(connection, was.device, was.started_s)


def _check_tenant(was: Row[Any], tenant: str) -> None:
    if was.tenant not in (None, tenant):
        raise UserError(
            _(
                "trip {number} is of {tenant}, and what a tenant has seen or ordered ends with its trip: end"
                " it, and start another one",
                number=was.trip,
                tenant=was.tenant,
            ),
            "tenant",
        )


def _publish_to(connection: Connection, was: Row[Any], tenant: str | None, now_s: int) -> None:
    """Publish the points of a trip, and their alarms, to the tenant that it now has; its other events follow
    when they are recomputed."""
    if tenant in (None, was.tenant):
        return
    since = points.from_point(connection, was.device, (was.started_s, 0), flags=0)
    given = [each for each in since if each.trip == was.trip]
    outbox.post(connection, topics.tracks(was.device, given), now_s)
    publishing.publish(connection, topics.alarms(was.device, given), now_s)
    positions.correct(connection, was.device, [tenant], now_s)


def _check_container(connection: Connection, was: Row[Any], container: str) -> None:
    for other in trips.of_container(connection, container, was.started_s):
        overlaps = was.ended_s is None or other.started_s < was.ended_s
        if other.device != was.device and overlaps:
            raise UserError(
                _(
                    "{container} is on {device}, trip {number} since {time}; end that trip first, or correct"
                    " the number",
                    container=container,
                    device=other.device,
                    number=other.trip,
                    time=iso(other.started_s),
                ),
                "container",
            )
