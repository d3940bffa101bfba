"""Orders: the guide to the way ahead, made when a trip starts (features/coverage/guide.py). Devices get it in
pieces, tell how far they are, and have it removed when no trip runs."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from landbridge.features.routes import coding as wire
from landbridge.features.routes.queries import route_data as guides
from landbridge.protocol.uplink import PULL_KEY, Uplink

MOST_TRIES = 20
"""Orders that change nothing on a device, one after the other, before it is left alone."""


def note(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Keep what the device says of its guide."""
    if wire.REPORT_KEY in uplink.reports:
        guides.says(connection, device, wire.decode_report(uplink.reports[wire.REPORT_KEY]), now_s)


def concerned(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Those that have spoken of guides and do not use the one of their trip."""
    return guides.devices_behind(connection, uplinks.keys(), MOST_TRIES)


def orders(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """The next piece of the guide, or the order to have none. Nothing for a device that never spoke of
    guides, nor beside a piece of a release: a reply has no room for both."""
    said = guides.report(connection, device)
    if said is None or said.tries >= MOST_TRIES or PULL_KEY in uplink.reports:
        return {}
    wanted = guides.of_device(connection, device)
    if wanted is None:
        if not said.in_use and not said.coming:
            return {}
        order = wire.NONE
    elif said.in_use == wanted.revision:
        return {}
    else:
        offset = said.offset if said.coming == wanted.revision else 0
        order = wire.piece(wanted.content, wanted.revision, offset)
    guides.try_again(connection, device)
    return {wire.PIECE_KEY: order}
