"""Downlinks with the route data, made when a trip starts (features/coverage/trip_start.py). Devices get it in
pieces, report how far they are, and remove it when no trip runs."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from landbridge.features.routes import coding as wire
from landbridge.features.routes.queries import route_data
from landbridge.protocol.uplink import PULL_KEY, Uplink

MOST_ATTEMPTS = 20
"""Downlinks without an effect on a device after which no more are sent."""


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store the device's report of its route data."""
    if wire.REPORT_KEY in uplink.reports:
        route_data.keep_report(connection, device, wire.decode_report(uplink.reports[wire.REPORT_KEY]), now_s)


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices that have reported route data and do not use the one of their trip."""
    return route_data.devices_to_update(connection, uplinks.keys(), MOST_ATTEMPTS)


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """The next piece of the route data, or the downlink that removes it. Nothing for a device that never
    reported route data, nor together with a piece of a release: a downlink has no room for both."""
    said = route_data.report(connection, device)
    if said is None or said.attempts >= MOST_ATTEMPTS or PULL_KEY in uplink.reports:
        return {}
    wanted = route_data.of_device(connection, device)
    if wanted is None:
        if not said.in_use and not said.coming:
            return {}
        item = wire.NONE
    elif said.in_use == wanted.revision:
        return {}
    else:
        offset = said.offset if said.coming == wanted.revision else 0
        item = wire.piece(wanted.content, wanted.revision, offset)
    route_data.count_attempt(connection, device)
    return {wire.PIECE_KEY: item}
