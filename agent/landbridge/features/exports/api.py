"""Feeds for platforms: published events and tracks after any number. docs/reference/api.md."""

import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from landbridge.config import carrier
from landbridge.core.clock import to_epoch_s
from landbridge.db import order
from landbridge.events import dcsa, finished
from landbridge.events.queries import events, tracks
from landbridge.events.queries.events import Wanted
from landbridge.events.topics import message
from landbridge.features.exports import parquet
from landbridge.features.exports.formats import MEDIA_TYPES, Format, export
from landbridge.points.paged import PAGE, Paged
from landbridge.web import actions, answers, serialize
from landbridge.web.answers import Json, Schema
from landbridge.web.api import LARGEST, CurrentUser, Device
from landbridge.web.services import Services, services

router = APIRouter()
_PARQUET = answers.files([parquet.MEDIA_TYPE])
After = Annotated[
    int, Query(ge=0, le=order.HIGHEST, description="`next` of the previous page; 0: from the first one on.")
]
Limit = Annotated[int, Query(ge=1, le=10_000)]


class Event(BaseModel):
    """Published events."""

    model_config = answers.described_as(answers.protocol("event"))


_DCSA_EVENT: Json = {
    "metadata": {
        "eventID": "3f2504e0-4f89-51d3-9a0c-0305e82c3301", "eventCreatedDateTime": "2026-10-01T08:05:00Z",
        "eventType": "EQUIPMENT", "publisher": {"partyName": "Landbridge"}, "publisherRole": "SVP",
    },
    "payload": {
        "eventClassifierCode": "ACT", "eventDateTime": "2026-10-01T08:00:00Z",
        "equipmentReference": "CSQU3054383", "equipmentEventTypeCode": "GTIN",
        "emptyIndicatorCode": "LADEN",
        "transportCall": {
            "transportCallReference": "1-Duisburg", "modeOfTransport": "RAIL",
            "location": {
                "locationType": "GEOL", "locationName": "Duisburg",
                "latitude": "51.45100", "longitude": "6.73700",
            },
        },
    },
}  # fmt: skip
"""An example."""


class DcsaEvent(BaseModel):
    """Published events in the DCSA format."""

    model_config = answers.described_as(answers.protocol("dcsa-event") | {"examples": [_DCSA_EVENT]})


class Tracks(BaseModel):
    """A page of published batches of points."""

    tracks: list[answers.Track]
    next: int


class Events(BaseModel):
    """A page of published events."""

    events: list[Event]
    next: int


class DcsaEvents(BaseModel):
    """A page of published events in the DCSA format."""

    events: list[DcsaEvent]
    next: int


EVENT_TYPES: tuple[str, ...] = tuple(answers.protocol("event")["properties"]["type"]["enum"])


_FILES = {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}
_FILES[MEDIA_TYPES[Format.GEOJSON]] = {"schema": {"$ref": "#/components/schemas/Track"}}


FILES: dict[int | str, Json] = {200: {"description": "The file.", "content": _FILES}}
"""Responses of an export."""


NOT_YET: dict[int | str, Json] = {409: {"description": "No event has this number yet."}}
"""Responses of a feed."""


@router.get("/v1/events", responses=NOT_YET)
def published(
    request: Request,
    who: CurrentUser,
    after: After = 0,
    limit: Limit = 1_000,
    device: Annotated[str | None, Query(max_length=32)] = None,
    type: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> Annotated[Json, Schema(Events)]:
    """List published events after the number `after`, in order, including retractions. `next` is `after` of
    the next page, also if this page is empty. 409: no event has this number yet, nor had one before a restore
    of the database."""
    if unknown := sorted(set(type or ()) - set(EVENT_TYPES)):
        raise HTTPException(400, f"type={unknown[0]}: choose from {', '.join(EVENT_TYPES)}")
    rows = _published(request, after, limit, Wanted(who.tenant, device, type))
    found = [message(row.event, row.published_s, row.replaces, json.loads(row.content)) for row in rows]
    return {"events": found, "next": rows[-1].event if rows else after}


@router.get("/dcsa/v1/events", responses=NOT_YET)
def of_dcsa(
    request: Request, who: CurrentUser, after: After = 0, limit: Limit = 1_000
) -> Annotated[Json, Schema(DcsaEvents)]:
    """List published events in the DCSA formats for IoT and Track & Trace; events without a DCSA type are
    left out."""
    rows = _published(request, after, limit, Wanted(who.tenant))
    publisher = carrier(services(request).config.dcsa)
    each = (
        dcsa.event(message(row.event, row.published_s, row.replaces, json.loads(row.content)), publisher)
        for row in rows
    )
    return {"events": [found for found in each if found], "next": rows[-1].event if rows else after}


@router.get("/v1/tracks", responses=NOT_YET)
def tracked(
    request: Request, who: CurrentUser, after: After = 0, limit: Annotated[int, Query(ge=1, le=100)] = 100
) -> Annotated[Json, Schema(Tracks)]:
    """List published batches of points after the number `after`, in order, with the points as they are now.
    `next` works as for events. Batches are kept as long as uplinks ([store] raw_days)."""
    it = services(request)
    found = []
    with it.database.reading() as connection:
        _must_be_known(after, tracks.newest(connection), it, "track")
        batches = tracks.after(connection, who.tenant, after, limit)
        for each in batches:
            if track := finished.track(connection, each):
                found.append(track)
    return {"tracks": found, "next": batches[-1].message if batches else after}


def _published(request: Request, after: int, limit: int, wanted: Wanted) -> Sequence[Row[Any]]:
    it = services(request)
    with it.database.reading() as connection:
        _must_be_known(after, events.newest(connection), it, "event")
        return events.feed(connection, after, limit, wanted)


def _must_be_known(after: int, newest: int, it: Services, what: str) -> None:
    """Raise 409 for a number that does not exist yet, nor can have existed before a restore of the
    database."""
    if after > max(newest, order.of_time(it.clock.now_s())):
        raise HTTPException(
            409, f"after={after}: the newest {what} is {newest}; start after it, or with after=0"
        )


@router.get("/v1/devices/{device}/export", response_class=Response, responses=FILES)
def exported(
    request: Request,
    who: CurrentUser,
    device: Device,
    format: Format = Format.GEOJSON,
    trip: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> StreamingResponse:
    """Export the track of a device as a file, of one trip or of all trips that the user sees. `since` and
    `until` limit it to points with a time in this range."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        mine = serialize.of_trips(connection, found, trip)
    track = Paged(it.database, device, mine, serialize.span(since, until))
    name = f"{device}{f'-{trip}' if trip else ''}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    text = _in_turn(it, export(device, track, format))
    return StreamingResponse(text, media_type=MEDIA_TYPES[format], headers=headers)


@router.get("/v1/days/{day}/{what}.parquet", response_class=Response, responses=_PARQUET)
async def exported_day(
    request: Request, who: CurrentUser, day: date, what: Literal["points", "events"]
) -> Response:
    """Export the points or events of all trips of a day (UTC) as a Parquet file."""
    it = services(request)
    begin_s = to_epoch_s(datetime.combine(day, time(), UTC))

    def written() -> bytes:
        file = io.BytesIO()
        with it.database.reading() as connection:
            span = (begin_s, begin_s + 86_400)
            parquet.write(connection, parquet.KINDS[what], who.tenant, span, file)
        return file.getvalue()

    async with it.exports:
        content = await run_in_threadpool(written)
    headers = {"Content-Disposition": f'attachment; filename="{what}-{day}.parquet"'}
    return Response(content, media_type=parquet.MEDIA_TYPE, headers=headers)


async def _in_turn(it: Services, text: Iterator[str]) -> AsyncIterator[str]:
    """Yield the export in pieces, so that only one page is read at a time and other requests get their
    turn."""
    while True:
        async with it.exports:
            piece = await run_in_threadpool(lambda: "".join(islice(text, PAGE)))
        if not piece:
            return
        yield piece
