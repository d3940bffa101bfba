"""The report of a trip: places and dwells, temperatures, events, arrival."""

import json
import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import from_epoch_s, from_iso, iso
from landbridge.core.labels import label
from landbridge.core.texts import Catalogue, Text, _
from landbridge.events.queries import events
from landbridge.features.reports import drawings
from landbridge.features.reports import queries as stored
from landbridge.features.reports.document import Cell, Report, Section
from landbridge.features.routes.queries import routes
from landbridge.geo import places as geography
from landbridge.geo.route import Waypoint
from landbridge.geo.timetable import STOPS, STOPS_AT
from landbridge.points.queries import outline
from landbridge.tracking.stops import LONG

_MOST_PLACES = 1_500
_EVENTS = ("border", "arrival", "stop", "departure", "geofence", "off-route", "gap", "dwell")
_HOUR_S = 3_600
Said = Sequence[tuple[Row[Any], dict[str, Any]]]
"""Events and their contents."""


def build(connection: Connection, trip: Row[Any], language: Catalogue) -> Report:
    """Return the report."""
    known = events.of_trips(connection, [trip.trip], (*_EVENTS, "eta"))
    said = [(row, json.loads(row.content)) for row in known]
    say = language.translate
    sections = [
        _summary(trip, said, language),
        _map(connection, trip, language),
        _dwell(connection, trip, said, language),
        _temperature(connection, trip, language),
        _alarms(connection, trip, language),
        _time_line(said, language),
    ]
    title = say(_("Trip of container {container}", container=trip.container))
    device, route = trip.device, trip.route
    subtitle = say(_("Device {device}, route {route}, to {place}", device=device, route=route,
                     place=trip.destination))  # fmt: skip
    return Report(title, subtitle, sections, f"trip-{trip.trip}")


def time(language: Catalogue, at_s: int | None) -> str | None:
    """Return a time as people read it; None for None."""
    return None if at_s is None else language.time(from_epoch_s(at_s))


def hours(seconds: float | None) -> float | None:
    """Return hours, rounded to tenths."""
    return None if seconds is None else round(seconds / _HOUR_S, 1)


def _summary(trip: Row[Any], said: Said, language: Catalogue) -> Section:
    etas = [content for row, content in said if row.type == "eta"]
    arrived_s = next((events.happened_s(row) for row, _content in said if row.type == "arrival"), None)
    first_s = from_iso(etas[0]["likely"]) if etas else None
    last_s = arrived_s or (from_iso(etas[-1]["likely"]) if etas else None)
    delay_s = None if first_s is None or last_s is None else last_s - first_s
    facts: list[tuple[Text, Cell]] = [
        (_("Started"), time(language, trip.started_s)),
        (_("Ended"), time(language, trip.ended_s)),
        (_("Arrived"), time(language, arrived_s)),
        (_("ETA at the start"), time(language, first_s)),
        (_("Last ETA"), time(language, from_iso(etas[-1]["likely"]) if etas else None)),
        (_("Delay, hours"), hours(delay_s)),
        (
            _("Hours in transit"),
            hours((trip.ended_s or arrived_s or last_s or trip.started_s) - trip.started_s),
        ),
    ]
    say = language.translate
    rows = [(say(name), value) for name, value in facts]
    return Section(say(_("Summary")), (say(_("What")), say(_("Value"))), rows)


def _map(connection: Connection, trip: Row[Any], language: Catalogue) -> Section:
    fixes = outline.along(connection, trip.device, trip.trip, _MOST_PLACES)
    track = [(row.lon / 1e5, row.lat / 1e5) for row in fixes]
    ends = list(dict.fromkeys((track[0], track[-1]))) if track else []
    labels = [(at, place(language, at[1], at[0])) for at in ends]
    say = language.translate
    rows = [
        (say(name), time(language, fix.at_s), place(language, fix.lat / 1e5, fix.lon / 1e5))
        for name, fix in zip((_("First position"), _("Last position")), (fixes[0], fixes[-1]), strict=True)
    ] if fixes else []  # fmt: skip
    heads = say(_("Position")), say(_("Time")), say(_("Place"))
    return Section(say(_("Map")), heads, rows, drawings.track(track, labels))


def place(language: Catalogue, lat: float, lon: float) -> str:
    """Return the nearest place and the country."""
    return geography.where(lat, lon).in_words(language)


def _dwell(
    connection: Connection,
    trip: Row[Any],
    said: Said,
    language: Catalogue,
) -> Section:
    """The stops, each with what is usual there: four of five last from the lower to the upper value."""
    stations = {each.name: each for each in stations_of(connection, trip.route)}
    ended = {content["since"] for row, content in said if row.type == "departure"}
    rows = [
        _stop(content, stations, language)
        for row, content in said
        if row.type == "departure" or (row.type == "stop" and content["since"] not in ended)
    ]
    say = language.translate
    heads = [
        say(each)
        for each in (_("Place"), _("Since"), _("Hours"), _("Usual from"), _("Usual to"), _("Verdict"))
    ]
    return Section(say(_("Stops")), heads, rows)


def stations_of(connection: Connection, route: str) -> list[Waypoint]:
    """Return the stations of a route; empty if it is not known."""
    found = routes.find(connection, route)
    return [Waypoint(*each) for each in found.stations] if found else []


def usual(station: Waypoint | None) -> tuple[float | None, float | None]:
    """Return from how many hours to how many four of five stops at a station last."""
    if station is None:
        return None, None
    median_h, sigma = STOPS_AT.get(station.name, STOPS[station.kind])
    return round(median_h * math.exp(-LONG * sigma), 1), round(median_h * math.exp(LONG * sigma), 1)


def _stop(content: dict[str, Any], stations: dict[str, Waypoint], language: Catalogue) -> tuple[Cell, ...]:
    name = content.get("place")
    if not name and content.get("latitude") is not None:
        name = place(language, content["latitude"], content["longitude"])
    low_h, high_h = usual(stations.get(content.get("place") or ""))
    stood_h = hours(content.get("stood_s"))
    verdict: Text | None = None
    if stood_h is not None and high_h is not None and low_h is not None:
        verdict = _("longer") if stood_h > high_h else _("shorter") if stood_h < low_h else _("usual")
    said = None if verdict is None else language.translate(verdict)
    return name, time(language, from_iso(content["since"])), stood_h, low_h, high_h, said


def _temperature(connection: Connection, trip: Row[Any], language: Catalogue) -> Section:
    days = [
        ((iso(day * 86_400) or "")[:10], low / 2, round(float(mean) / 2, 1), high / 2, count)
        for day, low, mean, high, count in map(tuple, stored.temperatures(connection, trip.device, trip.trip))
    ]
    say = language.translate
    heads = [say(each) for each in (_("Day"), _("Lowest, °C"), _("Mean, °C"), _("Highest, °C"), _("Points"))]
    return Section(say(_("Temperature")), heads, days, drawings.band([each[:4] for each in days]))


def _alarms(connection: Connection, trip: Row[Any], language: Catalogue) -> Section:
    say = language.translate
    rows = [
        (say(label(row.name)), say(label(row.severity)), time(language, row.raised_s),
         time(language, row.cleared_s), row.times, row.acknowledged_by)
        for row in stored.trip_alarms(connection, trip.trip)
    ]  # fmt: skip
    heads = (_("Alarm"), _("Severity"), _("Since"), _("Cleared"), _("Times"), _("Acknowledged by"))
    return Section(say(_("Alarms")), [say(each) for each in heads], rows)


def _time_line(said: Said, language: Catalogue) -> Section:
    say = language.translate
    rows = [
        (time(language, events.happened_s(row)), say(label(row.type)), _details(content, language))
        for row, content in sorted(said, key=lambda each: events.happened_s(each[0]) or 0)
        if row.type != "eta"
    ]
    return Section(say(_("Timeline")), [say(each) for each in (_("Time"), _("Event"), _("Details"))], rows)


def _details(content: dict[str, Any], language: Catalogue) -> str:
    if content["type"] == "border":
        codes = (content.get(end) for end in ("from", "to"))
        return " – ".join(language.country(code, code) if code else "?" for code in codes)
    said = [content.get(name) for name in ("place", "geofence")]
    said += [language.translate(label(content["action"]))] if content.get("action") else []
    found = [str(each) for each in said if each]
    if not found and content.get("latitude") is not None:
        found = [place(language, content["latitude"], content["longitude"])]
    return " · ".join(found)
