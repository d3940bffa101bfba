"""The report of the fleet: batteries, silent devices, data, updates."""

from collections import defaultdict

from sqlalchemy import Connection

from landbridge.core.clock import from_epoch_s
from landbridge.core.labels import label
from landbridge.core.texts import Catalogue, _
from landbridge.features.reports import queries as stored
from landbridge.features.reports.document import Cell, Report, Section
from landbridge.features.reports.trip import hours, time
from landbridge.features.sims import queries as inventory
from landbridge.features.trips import queries as trips
from landbridge.features.updates import queries as releases
from landbridge.geo import countries
from landbridge.points import usage_by_card
from landbridge.tracking.battery import battery_end

_LATE_S = 3_600
"""A session so late is missed."""


def build(connection: Connection, span: tuple[int, int], now_s: int, language: Catalogue) -> Report:
    """Return the report, with the data of [from, until)."""
    say = language.translate
    sections = [
        _batteries(connection, now_s, language),
        _silent(connection, now_s, language),
        _data(connection, span, language),
        _updates(connection, language),
    ]
    subtitle = _("Data from {begin} to {end}", begin=time(language, span[0]), end=time(language, span[1]))
    return Report(say(_("Fleet")), say(subtitle), sections, "fleet")


def _batteries(connection: Connection, now_s: int, language: Catalogue) -> Section:
    say = language.translate
    running = trips.under_way(connection)
    rows: list[tuple[Cell, ...]] = []
    for row in stored.fleet(connection):
        end = battery_end(connection, row.device, now_s)
        if end is not None:
            later = say(_("in more than a year"))
            earliest, latest = (_day(at_s) or later for at_s in end)
            trip = running.get(row.device)
            rows.append((row.device, trip and trip.container, earliest, latest))
    rows.sort(key=lambda each: str(each[2]))
    heads = (_("Device"), _("Container"), _("Empty at the earliest"), _("Empty at the latest"))
    return Section(say(_("Batteries")), [say(each) for each in heads], rows)


def _day(at_s: int | None) -> str | None:
    return None if at_s is None else f"{from_epoch_s(at_s):%Y-%m-%d}"


def _silent(connection: Connection, now_s: int, language: Catalogue) -> Section:
    say = language.translate
    rows = [
        (row.device, time(language, row.last_session_s), time(language, row.next_session_s),
         hours(now_s - row.next_session_s))
        for row in stored.fleet(connection)
        if row.next_session_s is not None and row.next_session_s + _LATE_S < now_s
    ]  # fmt: skip
    heads = (_("Device"), _("Last session"), _("Due"), _("Hours overdue"))
    return Section(say(_("Silent devices")), [say(each) for each in heads], rows)


def _data(connection: Connection, span: tuple[int, int], language: Catalogue) -> Section:
    """The usage of each SIM and country, and the plan that its controls name."""
    say = language.translate
    used: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in usage_by_card.rows(connection, *span):
        used[row.iccid, row.country] += row.used.on_air_bytes
    whole: defaultdict[str, int] = defaultdict(int)
    for (iccid, _mcc), count in used.items():
        whole[iccid] += count
    rows = []
    for (iccid, mcc), count in sorted(used.items()):
        plan_mb = _plan_mb(connection, iccid)
        share = round(whole[iccid] / plan_mb / 1e4, 1) if plan_mb else None
        rows.append((iccid, _country(mcc, language), round(count / 1e6, 3), plan_mb, share))
    heads = (
        _("ICCID"),
        _("Country"),
        _("MB"),
        _("Plan, MB a month"),
        _("% of the plan, all countries"),
    )
    return Section(say(_("Data by SIM and country")), [say(each) for each in heads], rows)


def _country(mcc: str, language: Catalogue) -> str:
    """Return the name of a country by its mobile country code."""
    code = countries.of_network(int(mcc) * 1000) if mcc.isdigit() else None
    return language.country(code, code) if code else mcc


def _plan_mb(connection: Connection, iccid: str) -> float | None:
    card = inventory.of_iccid(connection, iccid)
    controls = card and inventory.controls_of(connection, card.controls)
    return (controls or {}).get("quota_mb") or None


def _updates(connection: Connection, language: Catalogue) -> Section:
    say = language.translate
    rows = [
        (row.device, row.board, row.running, row.assigned, row.ended and say(label(row.ended)))
        for row in releases.by_device(connection)
        if row.board is not None
    ]
    heads = (_("Device"), _("Board"), _("Release"), _("Assigned release"), _("State"))
    return Section(say(_("Firmware updates")), [say(each) for each in heads], rows)
