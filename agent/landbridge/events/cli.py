"""`landbridge events`: list and recompute events."""

import json
from collections.abc import Iterable
from typing import Any

import typer
from sqlalchemy import Row

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db import order
from landbridge.db.opened import LARGEST, opened
from landbridge.events.queries import events
from landbridge.features.devices.queries import known_device
from landbridge.tracking import queries as tracking
from landbridge.tracking import recompute as recomputing

_DEVICE = typer.Argument(help="Device id.")
_DETAILS = {
    "alarm": ("alarm",),
    "alarm-acknowledged": ("severity", "alarm", "acknowledged_by"),
    "alarm-cleared": ("severity", "alarm", "cleared_by"),
    "alarm-raised": ("severity", "alarm"),
    "arrival": ("place",),
    "border": ("from", "to", "by"),
    "control": ("control", "action", "why"),
    "departure": ("place", "stood_s"),
    "dwell": ("place", "stood_s"),
    "eta": ("earliest", "likely", "latest"),
    "geofence": ("geofence", "action"),
    "gap": ("since", "missing"),
    "off-route": ("action", "away_km"),
    "retraction": ("retracts",),
    "start-suggested": ("cause", "place"),
    "stop": ("place", "since"),
}
"""The text printed for each type of event."""
commands = typer.Typer(help="List and recompute events")


@commands.command("list")
def list_events(
    device: str = _DEVICE,
    after: int = typer.Option(0, min=0, max=order.HIGHEST, help="Only events after this number."),
    limit: int = typer.Option(1000, min=1, max=LARGEST, help="Maximum number of events."),
) -> None:
    """List events and retractions in order of publication

    \b
    Example:
      landbridge events list lb-0001 --after 1200
    """
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        rows = events.after(connection, device, after, limit)
    show(rows)


@commands.command()
def recompute(device: str = _DEVICE) -> None:
    """Recompute the events of a device and publish the differences

    \b
    The agent does this automatically after late points. Use it after an update whose notes ask for it.

    \b
    Example:
      landbridge events recompute lb-0001
    """
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        tracking.mark(connection, device, 0)
        recomputing.recompute(connection, device, it.clock.now_s())
    print(f"events of {device} recomputed")


def show(rows: Iterable[Row[Any]]) -> None:
    """Print events."""
    table.show(
        ("event", "time", "type", "details", "trip", "published", "id"),
        (
            (row.event, iso(row.at_s), row.type, _what(row), row.trip, iso(row.published_s), row.id)
            for row in rows
        ),
    )


def _what(row: Row[Any]) -> str:
    content = json.loads(row.content)
    said = (content.get(name) for name in _DETAILS[row.type])
    return " ".join(table.NONE if each is None else str(each) for each in said)
