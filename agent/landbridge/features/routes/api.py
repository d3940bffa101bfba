"""The route of a device's trip, for maps."""

from typing import Annotated

from fastapi import APIRouter, Request

from landbridge.features.routes.queries.drawn import NOTHING, drawn
from landbridge.web import actions, answers, device_views
from landbridge.web.answers import Json, Schema
from landbridge.web.api import CurrentUser, Device
from landbridge.web.services import services

router = APIRouter(prefix="/v1")


@router.get("/devices/{device}/route")
def route_of_device(
    request: Request, who: CurrentUser, device: Device
) -> Annotated[Json, Schema(answers.RouteOfDevice)]:
    """Show the route of a device's trip: its stations, and at which kilometre the device is; no stations
    without a route."""
    it = services(request)
    with it.database.reading() as connection:
        view = actions.view(connection, who, device)
        if view.trip is None:
            return NOTHING
        (shown,) = device_views.whereabouts(connection, [view], it.clock.now_s())
        return drawn(connection, view.trip.route, shown["latitude"], shown["longitude"])
