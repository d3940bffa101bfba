"""Summary at the top of a device's page, and the state of its settings."""

from typing import Any

from sqlalchemy import Connection

from landbridge.core.clock import from_iso, iso
from landbridge.core.texts import Catalogue, _
from landbridge.events.queries import events
from landbridge.features.routes.queries.drawn import chinese_names
from landbridge.features.settings import queries as settings
from landbridge.features.updates import queries as releases
from landbridge.protocol import settings as wire
from landbridge.web import serialize
from landbridge.web.device_views import DeviceView

ON_TIME_S = 6 * 3600
"""A smaller delay is not shown."""
_HOUR_S, _DAY_S = 3600, 86_400
_MOST = 200


def head(
    connection: Connection, found: DeviceView, shown: dict[str, Any], language: Catalogue
) -> dict[str, Any]:
    """Return since when the container is stopped and how late it is, in words, None where unknown; and
    what the stations of its trips are called in the reader's language, where that is another name."""
    stops = events.current(connection, found.device, serialize.of_trips(connection, found, None), None, _MOST)
    last = [row for row in stops if row.type in ("stop", "departure")][-1:]
    stands = shown["state"] not in ("moving", "ended") and last and last[0].type == "stop"
    since = serialize.event(last[0]).get("since") if stands else None
    eta, planned = (shown[name] and from_iso(shown[name]) for name in ("eta", "planned_arrival"))
    late = lateness(eta - planned) if eta and planned else None
    trips = {(each["route"], each["destination"]) for each in shown["trips"]}
    names = chinese_names(connection, trips) if language.is_chinese else {}
    return {"stands_since": since, "late": late, "names": names}


def lateness(late_s: int) -> str:
    """Return a delay against the timetable in words."""
    if abs(late_s) <= ON_TIME_S:
        return _("on time")
    hours, days = round(abs(late_s) / _HOUR_S), round(abs(late_s) / _DAY_S)
    if hours < 48:
        return _("{hours} hours late", hours=hours) if late_s > 0 else _("{hours} hours early", hours=hours)
    return _("{days} days late", days=days) if late_s > 0 else _("{days} days early", days=days)


def on_device(connection: Connection, device: str) -> dict[str, int] | None:
    """Return the values that the device reports to apply; None if it has reported none, or such that the
    agent does not know."""
    said = settings.report(connection, device)
    if said is None:
        return None
    known = [settings.NOTHING_SET, *settings.history(connection, device)]
    for each in reversed(known):
        if said[0].hash in wire.hashes(each.changes):
            return wire.applied(each.changes)
    return None


def update_of(connection: Connection, device: str) -> dict[str, Any] | None:
    """Return the device's release and its newest update; None if it has neither."""
    rows = [row for row in releases.by_device(connection, device) if row.board or row.assigned]
    if not rows:
        return None
    row = rows[0]
    return {
        "board": row.board, "running": row.running, "on_trial": row.on_trial, "reported": iso(row.reported_s),
        "assigned": row.assigned, "pulls": row.pulls, "ended": row.ended,
    }  # fmt: skip
