"""The report of a route: travel times of its containers by week, and their dwell at each place."""

import json
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from landbridge.core.clock import from_epoch_s
from landbridge.core.texts import Catalogue, _
from landbridge.events.queries import events
from landbridge.features.reports import queries as stored
from landbridge.features.reports.document import Cell, Report, Section
from landbridge.features.reports.trip import hours, stations_of, time, usual


def build(
    connection: Connection, route: str, tenant: str | None, span: tuple[int, int], language: Catalogue
) -> Report:
    """Return the report of the trips (of a tenant; None: of all) that arrived or ended in [from, until)."""
    trips = stored.finished_trips(connection, route, tenant, span)
    say = language.translate
    weeks: defaultdict[str, list[float]] = defaultdict(list)
    for row in trips:
        weeks[week(row.over_s)].append((row.over_s - row.started_s) / 86_400)
    stood: defaultdict[str, list[float]] = defaultdict(list)
    by_week: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in events.of_trips(connection, [row.trip for row in trips], ("departure",)):
        content = json.loads(row.content)
        if content.get("place"):
            stood[content["place"]].append(content["stood_s"] / 3_600)
            by_week[content["place"], week(row.at_s)].append(content["stood_s"] / 3_600)
    stations = {each.name: each for each in stations_of(connection, route)}
    borders = [name for name in stood if name in stations and stations[name].kind in ("border", "gauge")]
    counted = [say(each) for each in (_("Trips"), _("10 %"), _("Median"), _("90 %"))]
    of_trips = [_("Trip"), _("Container"), _("Started"), _("Arrived or ended"), _("Hours")]
    dwell = [_("Place"), _("Stops"), _("10 %"), _("Median"), _("90 %"), _("Usual from"), _("Usual to")]
    sections = [
        Section(say(_("Days in transit, by week")), [say(_("Week")), *counted],
                [(name, *quantiles(values)) for name, values in sorted(weeks.items())]),
        Section(say(_("Hours at each place")), [say(each) for each in dwell],
                [(name, *quantiles(values), *usual(stations.get(name)))
                 for name, values in sorted(stood.items())]),
        Section(say(_("Hours at borders, by week")), [say(_("Place")), say(_("Week")), *counted],
                [(*key, *quantiles(values)) for key, values in sorted(by_week.items()) if key[0] in borders]),
        Section(say(_("Trips")), [say(each) for each in of_trips],
                [(row.trip, row.container, time(language, row.started_s), time(language, row.over_s),
                  hours(row.over_s - row.started_s)) for row in trips]),
    ]  # fmt: skip
    title = say(_("Route {route}", route=route))
    subtitle = say(
        _(
            "Trips that arrived or ended from {begin} to {end}: {number}",
            number=len(trips), begin=time(language, span[0]), end=time(language, span[1]),
        )
    )  # fmt: skip
    return Report(title, subtitle, sections, "route")


def week(at_s: int) -> str:
    """Return the week as ISO 8601 numbers it, 2026-W05."""
    year, number, _day = from_epoch_s(at_s).isocalendar()
    return f"{year}-W{number:02}"


def quantiles(values: Sequence[float]) -> tuple[Cell, ...]:
    """Return how many there are, and which value 10, 50 and 90 % of them do not exceed."""
    ordered = sorted(values)
    return (len(ordered), *(round(_at(ordered, part), 1) for part in (0.1, 0.5, 0.9)))


def _at(ordered: Sequence[float], part: float) -> float:
    """Return the value at that part, between the two next to it."""
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
