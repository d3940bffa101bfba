"""Trips over HTTP: list, show, start, change, end. docs/reference/api.md."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.core.texts import _
from landbridge.features.devices import queries as devices
from landbridge.features.trips import edit, start
from landbridge.features.trips import queries as trips
from landbridge.features.trips.container import container_number
from landbridge.features.trips.end import end
from landbridge.features.trips.queries import Wanted
from landbridge.protocol.settings import SETTINGS
from landbridge.tracking import suggestions
from landbridge.web import actions, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ONE_LINE, ActingUser, CurrentUser, Number
from landbridge.web.auth import User
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/trips")
suggested = APIRouter(prefix="/v1/trip-suggestions")
_INTERVAL = SETTINGS["interval_s"]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=ONE_LINE)]
Tags = Annotated[list[Tag], Field(max_length=50)]
References = Annotated[dict[Tag, Text], Field(max_length=50)]
Interval = Annotated[int, Field(ge=_INTERVAL.lowest, le=_INTERVAL.highest)]
OfTrip = Annotated[str | None, Query(max_length=200)]


class NewTrip(BaseModel):
    """A trip of a device with a container."""

    model_config = ConfigDict(extra="forbid")
    device: str = Field(max_length=32)
    container: str = Field(max_length=20, description="Container number, ISO 6346.")
    route: Text
    destination: Text
    interval_s: Interval | None = Field(None, description="Seconds between positions with pacing off.")
    since: datetime | None = Field(None, description="Start time; omit for now.")
    tenant: str | None = Field(None, max_length=32)
    references: References = {}
    tags: Tags = []


class TripChanges(BaseModel):
    """Changes to a trip; omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid")
    container: str | None = Field(None, max_length=20)
    route: Text | None = None
    destination: Text | None = None
    interval_s: Interval | None = None
    references: References | None = None
    tags: Tags | None = None


class Trip(BaseModel):
    """A trip."""

    trip: int
    device: str
    container: str
    route: str
    destination: str
    interval_s: int
    started: str
    ended: Time
    arrived: bool
    """Whether its arrival has ended it."""
    tenant: str | None
    references: dict[str, str]
    tags: list[str]


class Suggestion(BaseModel):
    """A trip that may have started."""

    device: str
    time: str
    cause: Literal["light", "motion"]
    place: str | None
    latitude: float | None
    longitude: float | None


class Suggestions(BaseModel):
    """A page of suggestions by device."""

    suggestions: list[Suggestion]
    next: Next


class Trips(BaseModel):
    """A page of trips."""

    trips: list[Trip]
    next: Next


@router.get("")
def listed(
    request: Request,
    who: CurrentUser,
    state: Literal["running", "ended", "all"] = "all",
    device: OfTrip = None,
    container: OfTrip = None,
    route: OfTrip = None,
    tag: OfTrip = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Trips)]:
    """List trips, newest first."""
    number = None if container is None else container_number(container)
    wanted = Wanted(who.tenant, state, device, number, route, tag)
    with services(request).database.reading() as connection:
        found = trips.listed(connection, wanted, paging.start(cursor, int), limit)
    return paging.page("trips", [_shown(row) for row in found.rows], found.next)


@suggested.get("")
def suggestions_of_trips(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Suggestions)]:
    """List devices without a trip that may have started one, because they detected light or motion. For the
    operator tenant."""
    actions.require_operator(who, "reader")
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        shown = [
            {"device": each.device, "time": iso(each.at_s)}
            | {name: each.content.get(name) for name in ("cause", "place", "latitude", "longitude")}
            for device in devices.in_use(connection)
            if device > after
            for each in suggestions.current(connection, device)
        ]
    return paging.cut("suggestions", shown[: limit + 1], limit, "device")


@router.get("/{trip}")
def one(request: Request, who: CurrentUser, trip: Number) -> Annotated[Json, Schema(Trip)]:
    """Show a trip."""
    with services(request).database.reading() as connection:
        return _shown(_of(connection, who, trip))


@router.post("", status_code=201)
def begin(request: Request, who: ActingUser, new: NewTrip) -> Annotated[Json, Schema(Trip)]:
    """Start a trip, now or in the past; it ends automatically on arrival at its destination."""
    it = services(request)
    actions.require_operator(who)
    now_s = it.clock.now_s()
    booking = start.Booking(
        container_number(new.container), new.route, new.destination,
        new.interval_s or it.config.devices.interval_s,
        None if new.tenant is None else checked(new.tenant, "tenant"),
        new.references, sorted(set(new.tags)),
    )  # fmt: skip
    with it.database.writing(who.who, who.tenant) as connection:
        devices.device_in_use(connection, new.device)
        edit.known_route(connection, new.route)
        since_s = serialize.epoch_s(new.since, now_s)
        started = start.start(connection, new.device, booking, since_s, who.who, now_s)
        return _shown(_of(connection, who, started.trip))


@router.patch("/{trip}")
def change(
    request: Request, who: ActingUser, trip: Number, changes: TripChanges
) -> Annotated[Json, Schema(Trip)]:
    """Change a trip; its events are recomputed."""
    it = services(request)
    actions.require_operator(who)
    given: dict[str, Any] = changes.model_dump(exclude_none=True)
    if "container" in given:
        given["container"] = container_number(given["container"])
    if "tags" in given:
        given["tags"] = sorted(set(given["tags"]))
    with it.database.writing(who.who, who.tenant) as connection:
        _of(connection, who, trip)
        if given:
            edit.edit(connection, trip, edit.Changes(**given), who.who, it.clock.now_s())
        return _shown(_of(connection, who, trip))


@router.post("/{trip}/end")
def finish(request: Request, who: ActingUser, trip: Number) -> Annotated[Json, Schema(Trip)]:
    """End a running trip."""
    it = services(request)
    actions.require_operator(who)
    with it.database.writing(who.who, who.tenant) as connection:
        row = _of(connection, who, trip)
        if row.ended_s is not None:
            raise UserError(_("trip {number} has ended already", number=trip))
        end(connection, row, it.clock.now_s())
        return _shown(_of(connection, who, trip))


def _of(connection: Connection, who: User, trip: int) -> Row[Any]:
    row = trips.find(connection, trip)
    if row is None or (who.tenant is not None and row.tenant != who.tenant):
        raise HTTPException(404, _("no trip {number}; GET /v1/trips lists them", number=trip))
    return row


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "trip": row.trip, "device": row.device, "container": row.container, "route": row.route,
        "destination": row.destination, "interval_s": row.interval_s, "started": iso(row.started_s),
        "ended": iso(row.ended_s), "arrived": row.by_arrival, "tenant": row.tenant,
        "references": json.loads(row.customer), "tags": json.loads(row.tags),
    }  # fmt: skip
