"""What platforms read: the events as they were told, from any number on. docs/web.md."""

import json
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from landbridge.coverage import cells
from landbridge.outbound.export import MEDIA_TYPES, Format, export
from landbridge.outbound.kinds import dcsa
from landbridge.outbound.topics import message
from landbridge.store import events, points
from landbridge.store.events import Wanted
from landbridge.web import act, answers, tell
from landbridge.web.answers import Json, Told
from landbridge.web.api import LARGEST, Device, Looks
from landbridge.web.here import here

router = APIRouter()
After = Annotated[
    int, Query(ge=0, le=LARGEST, description="`next` of the page before; 0: from the first on.")
]
Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/v1/events")
def told(
    request: Request,
    who: Looks,
    after: After = 0,
    limit: Limit = 1_000,
    device: Annotated[str | None, Query(max_length=32)] = None,
    type: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> Annotated[Json, Told(answers.Events)]:
    """What was told after the event of that number, in this order, retractions too. `next` is `after` of
    the next
    page, also when this one is empty."""
    if unknown := sorted(set(type or ()) - set(answers.EVENT_TYPES)):
        raise HTTPException(400, f"type={unknown[0]}: known are {', '.join(answers.EVENT_TYPES)}")
    with here(request).database.reading() as connection:
        rows = events.feed(connection, after, limit, Wanted(who.tenant, device, type))
    found = [message(row.event, row.replaces, json.loads(row.content)) for row in rows]
    return {"events": found, "next": rows[-1].event if rows else after}


@router.get("/dcsa/v1/events")
def of_dcsa(
    request: Request, who: Looks, after: After = 0, limit: Limit = 1_000
) -> Annotated[Json, Told(answers.DcsaEvents)]:
    """The same as DCSA's IoT and Track & Trace events, those that have a place there."""
    with here(request).database.reading() as connection:
        rows = events.feed(connection, after, limit, Wanted(who.tenant))
    each = (dcsa.event(message(row.event, row.replaces, json.loads(row.content))) for row in rows)
    return {"events": [found for found in each if found], "next": rows[-1].event if rows else after}


@router.get("/v1/devices/{device}/export", response_class=Response, responses=answers.FILES)
def exported(
    request: Request,
    who: Looks,
    device: Device,
    format: Format = Format.GEOJSON,
    trip: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
) -> Response:
    """Its track as a file, of one trip or of all that the viewer sees."""
    with here(request).database.reading() as connection:
        found = act.ride(connection, who, device)
        mine = tell.of_trips(connection, found, trip)
        track = points.track(connection, device, mine)
        located = cells.locate(connection, track)
    name = f"{device}{f'-{trip}' if trip else ''}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(export(device, track, format, located), media_type=MEDIA_TYPES[format], headers=headers)
