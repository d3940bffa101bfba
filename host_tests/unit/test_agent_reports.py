"""Reports in HTML, PDF and XLSX, opened again by readers of their own; schedules by mail."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from landbridge.core.clock import Clock, from_iso, iso
from landbridge.core.delivery_errors import Away
from landbridge.core.errors import UserError
from landbridge.core.texts import catalogues
from landbridge.db import audit
from landbridge.db.tables import devices
from landbridge.events import publishing
from landbridge.features.reports import kinds, route, schedule
from landbridge.features.reports import queries as stored
from landbridge.features.reports.document import Report, Section
from landbridge.features.reports.render import render
from landbridge.features.reports.schedule import ReportMails
from landbridge.features.routes.queries import routes
from landbridge.features.sims import queries as inventory
from landbridge.features.trips import queries as trips
from landbridge.protocol.event import Event
from sqlalchemy import update

from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.support.reports import of_pdf, sheets
from host_tests.support.trips import BEGIN_S, HOUR_S

CONTAINER = "CSQU3054383"
STATIONS = [
    ["Chongqing", "CN", 29.63, 106.39, "hub", 0.0], ["Alashankou", "CN", 45.17, 82.57, "border", 3_000.0],
    ["Poznan", "PL", 52.4, 16.9, "hub", 9_000.0],
]  # fmt: skip
SPAN = (BEGIN_S - HOUR_S, NOW_S)


class Shown:
    """A fleet with a trip of four days across a border."""

    def __init__(self, folder: Path) -> None:
        self.fleet = Fleet(folder)
        with self.fleet.database.writing() as connection:
            routes.add(connection, "west", STATIONS, [], BEGIN_S)
        self.trip = self.fleet.trip(CONTAINER, 0, None, "acme")
        way = {
            hour: {"lat": 29_63000 + hour * 15_000, "lon": 106_39000 - hour * 20_000}
            for hour in range(1, 97, 6)
        }
        self.fleet.deliver(*(at(hour, temperature=hour // 4, **there) for hour, there in way.items()))
        with self.fleet.database.writing() as connection:
            publishing.publish(connection, [
                self.event("eta", 1, likely=iso(BEGIN_S + 300 * HOUR_S)),
                self.event("border", 30, **{"from": "CN", "to": "KZ"}),
                self.stood("Alashankou", 20, 40),
                self.stood("<b>& Co", 68, 2),
                self.event("eta", 71, likely=iso(BEGIN_S + 312 * HOUR_S)),
                self.event("alarm", 72, alarm="light"),
            ], NOW_S)  # fmt: skip
            trips.end(connection, self.trip, BEGIN_S + 96 * HOUR_S)
            late = {"last_session_s": NOW_S - 9 * HOUR_S, "next_session_s": NOW_S - 5 * HOUR_S}
            connection.execute(update(devices).where(devices.c.device == SECOND).values(late))
            inventory.set_state(connection, FIRST, "region", True, NOW_S)
            audit.add(connection, "anna", "tested a report", NOW_S - HOUR_S)

    def event(self, kind: str, hour: int, **more: Any) -> Event:
        at_s = BEGIN_S + hour * HOUR_S
        content = {"id": f"{FIRST}/{hour}/{kind}", "type": kind, "device": FIRST, "container": CONTAINER}
        content |= {"time": iso(at_s), "latitude": 45.17, "longitude": 82.57} | more
        return Event(content["id"], FIRST, kind, kind != "alarm", self.trip, hour, at_s, content, "acme")

    def stood(self, place: str, since: int, hours: int) -> Event:
        since_s = iso(BEGIN_S + since * HOUR_S)
        return self.event("departure", since + hours, place=place, since=since_s, stood_s=hours * HOUR_S)

    def file(
        self, kind: str, form: str, of: str = "", language: str = "en", tenant: str | None = None
    ) -> bytes:
        catalogue = catalogues()[language]
        with self.fleet.database.reading() as connection:
            report = kinds.build(connection, kind, of, tenant, SPAN, NOW_S, catalogue)
        return render(report, form, catalogue)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    made = Shown(tmp_path_factory.mktemp("reports"))
    yield made
    made.fleet.database.close()


def test_a_trip_report_has_waits_temperatures_and_delay(shown):
    html = shown.file("trip", "html", str(shown.trip)).decode()
    assert f"Trip of container {CONTAINER}" in html and "<polyline" in html and "<polygon" in html
    assert "&lt;b&gt;&amp; Co" in html and "<b>& Co" not in html
    found = sheets(shown.file("trip", "xlsx", str(shown.trip)))
    facts = dict(found["Summary"])
    assert (facts["Delay, hours"], facts["Hours in transit"]) == (12, 96)
    (border, unknown) = found["Stops"]
    assert (border[0], border[2], border[5]) == ("Alashankou", 40, "longer") and border[3] < 14 < border[4]
    assert unknown[:1] + unknown[3:] == ("<b>& Co", None, None, None)
    days = found["Temperature"]
    assert (
        sum(row[4] for row in days) == 16
        and min(row[1] for row in days) == 0
        and max(row[3] for row in days) == 11
    )
    assert [row[0] for row in found["Alarms"]] == ["off route", "light detected"]
    assert ("border crossing", "China – Kazakhstan") in [row[1:] for row in found["Timeline"]]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Trip of container", "Alashankou", "longer", "light detected")),
        ("zh", ("的行程", "温度", "偏长", "停留")),
    ],
)
def test_a_pdf_has_the_text_in_its_language(shown, language, words):
    text = of_pdf(shown.file("trip", "pdf", str(shown.trip), language))
    assert CONTAINER in text and [word for word in words if word not in text] == []


def test_no_word_of_a_table_is_broken_in_a_pdf_and_an_empty_table_is_marked():
    heads = ("Card", "ICCID", "Holder", "Purpose", "State", "Binding", "Controls", "Blocked", "Since")
    row = (1, "8931440400012345678 8970101000000000012", "ACME", "acme", "on", "bound", "x", None, "a " * 99)
    sections = [Section("Cards", heads, [row]), Section("Controls", ("Device",), [])]
    english = catalogues()["en"]
    words = of_pdf(render(Report("Compliance", "", sections, "x"), "pdf", english)).split()
    assert set(heads) <= set(words) and {"8931440400012345678", "None"} <= set(words)
    assert "<p>None</p>" in render(Report("Compliance", "", sections, "x"), "html", english).decode()


def test_a_route_report_counts_arrived_trips_only(shown):
    trip = shown.fleet.trip("MSKU0000006", 0, None, "acme", SECOND)
    arrival = shown.event("arrival", 50)
    with shown.fleet.database.writing() as connection:
        publishing.publish(connection, [arrival._replace(trip=trip, device=SECOND)], NOW_S)
    found = sheets(shown.file("route", "xlsx", "west"))
    assert [(row[1], row[4]) for row in found["Trips"]] == [("MSKU0000006", 50), (CONTAINER, 96)]
    with shown.fleet.database.writing() as connection:
        publishing.correct(connection, [arrival], [], NOW_S)
    assert [row[1] for row in sheets(shown.file("route", "xlsx", "west"))["Trips"]] == [CONTAINER]


def test_a_route_has_quantiles_by_week_and_border(shown):
    found = sheets(shown.file("route", "xlsx", "west"))
    (week,) = found["Days in transit, by week"]
    assert week == (route.week(BEGIN_S + 96 * HOUR_S), 1, 4, 4, 4)
    assert {row[0]: row[1:5] for row in found["Hours at each place"]}["Alashankou"] == (1, 40, 40, 40)
    assert [row[0] for row in found["Hours at borders, by week"]] == ["Alashankou"]
    assert "Alashankou" in of_pdf(shown.file("route", "pdf", "west"))
    assert route.quantiles([4, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]) == (11, 2, 6, 10)


def test_the_fleet_and_compliance_are_complete_and_for_the_operator_only(shown):
    found = sheets(shown.file("fleet", "xlsx"))
    assert [(row[0], row[3]) for row in found["Silent devices"]] == [(SECOND, 5)]
    assert set(found) == {"Batteries", "Silent devices", "Data by SIM and country", "Firmware updates"}
    compliance = sheets(shown.file("compliance", "xlsx"))
    assert [row[:3] for row in compliance["SIM controls"]] == [
        (FIRST, "country not allowed for the SIM", "broken")
    ]
    assert [row[3] for row in compliance["Audit log"]] == ["tested a report"]
    assert "tested a report" in of_pdf(shown.file("compliance", "pdf"))
    for kind, of, tenant in (
        ("fleet", "", "acme"), ("compliance", "", "acme"), ("trip", str(shown.trip), "bolt"),
        ("route", "west", "bolt"), ("trip", "x", None), ("route", "east", None),
    ):  # fmt: skip
        with pytest.raises(UserError):
            shown.file(kind, "html", of, tenant=tenant)


def test_reports_come_over_http_in_the_language_that_is_asked_for(shown):
    with Pages(shown.fleet).served() as pages:
        acme = pages.token("acme", tenant="acme")
        status, text = pages.ask(f"/v1/reports/trip.html?subject={shown.trip}&language=zh", acme)
        assert status == 200 and f"集装箱 {CONTAINER} 的行程" in text
        assert pages.ask("/v1/reports/fleet.html", acme)[0] == 400
        assert pages.ask("/v1/reports/fleet.html?language=tlh", pages.token("all"))[0] == 400
        page = pages.ask("/reports", acme)[1]
    assert CONTAINER in page and "fleet.pdf" not in page


def test_a_report_schedule_sends_once_a_period_and_retries_failures(shown, monkeypatch):
    now_s = from_iso("2026-10-14T12:00:00Z")
    monkeypatch.setattr(Clock, "now_s", lambda _: now_s)
    sent: list[EmailMessage] = []
    fails = True

    def post(mail: EmailMessage) -> str:
        if fails:
            raise Away("the mail server is away")
        sent.append(mail)
        return "accepted"

    with shown.fleet.database.writing() as connection:
        arguments = ("trip", str(shown.trip), "xlsx", "a@b.example", "zh", "week", "acme", "bench", now_s)
        first_s = schedule.add(connection, "monday", *arguments)
    assert iso(first_s) == "2026-10-19T06:00:00Z"
    mails = ReportMails(shown.fleet.database, Clock(), post, "agent@landbridge.example", lambda: True)
    mails.turn()
    now_s = first_s + 60
    mails.turn()
    fails = False
    mails.turn()
    assert sent == []  # not at once again
    now_s += 61
    mails.turn()
    mails.turn()
    (mail,) = sent
    (attachment,) = mail.iter_attachments()
    assert attachment.get_filename() == f"trip-{shown.trip}.xlsx" and CONTAINER in mail["Subject"]
    assert "概要" in sheets(attachment.get_content())
    assert mail["Message-ID"] == f"<report-1-{first_s}@landbridge.example>"
    with shown.fleet.database.reading() as connection:
        (row,) = stored.schedules(connection)
    assert (row.next_s, row.answer) == (first_s + 7 * 24 * HOUR_S, "accepted")


def test_a_paused_schedule_sends_nothing_and_goes_on_with_the_next_period(fleet, monkeypatch):
    now_s = from_iso("2026-10-14T12:00:00Z")
    monkeypatch.setattr(Clock, "now_s", lambda _: now_s)
    sent: list[str] = []

    def post(mail: EmailMessage) -> str:
        sent.append(mail["To"])
        return "accepted"

    def change(**changes: Any) -> int:
        with fleet.database.writing() as connection:
            (row,) = stored.schedules(connection)
            schedule.change(connection, row, changes, now_s)
            (row,) = stored.schedules(connection)
        return int(row.next_s)

    with fleet.database.writing() as connection:
        schedule.add(connection, "all", "fleet", "", "pdf", "a@b.example", "en", "week", None, "bench", now_s)
    change(paused=True, mailbox="c@d.example")
    mails = ReportMails(fleet.database, Clock(), post, "agent@landbridge.example", lambda: True)
    now_s = from_iso("2026-11-10T12:00:00Z")
    mails.turn()
    assert sent == []
    assert iso(change(paused=False)) == "2026-11-16T06:00:00Z"
    mails.turn()
    assert sent == []
    assert iso(change(every="day")) == "2026-11-11T06:00:00Z"
    now_s = from_iso("2026-11-11T06:00:01Z")
    mails.turn()
    assert sent == ["c@d.example"]
    with pytest.raises(UserError, match="is not a mail address"):
        change(mailbox="nobody")


def test_a_report_that_cannot_be_made_stops_no_other(shown, monkeypatch):
    sent: list[str] = []
    first_s = 0
    with shown.fleet.database.writing() as connection:
        for name in ("broken", "good"):
            arguments = ("trip", str(shown.trip), "html", f"{name}@b.example", "en", "week", None, "bench")
            first_s = schedule.add(connection, name, *arguments, NOW_S)
    build = kinds.build

    def breaks(*given):
        report = build(*given)
        if tried:
            return report
        tried.append(1)
        return report._replace(title="two\nlines")

    tried: list[int] = []
    monkeypatch.setattr(schedule, "build", breaks)

    def post(mail):
        sent.append(mail["To"])
        return "accepted"

    monkeypatch.setattr(Clock, "now_s", lambda _: first_s)
    ReportMails(shown.fleet.database, Clock(), post, "agent@landbridge.example", lambda: True).turn()
    assert "good@b.example" in sent and "broken@b.example" not in sent
    with shown.fleet.database.reading() as connection:
        broken, good = (row for row in stored.schedules(connection) if row.name != "monday")
    assert broken.answer.startswith("internal error") and broken.attempts == 1 and broken.try_s > first_s
    assert broken.next_s == first_s and good.answer == "accepted"


@pytest.mark.parametrize(
    ("every", "end", "begin", "following"),
    [
        ("day", "2026-03-01", "2026-02-28", "2026-03-02"),
        ("week", "2026-03-02", "2026-02-23", "2026-03-09"),
        ("month", "2026-03-01", "2026-02-01", "2026-04-01"),
        ("month", "2026-01-01", "2025-12-01", "2026-02-01"),
    ],
)
def test_periods_are_whole(every, end, begin, following):
    end_s = from_iso(f"{end}T06:00:00Z")
    assert iso(schedule.before(end_s, every)) == f"{begin}T06:00:00Z"
    assert iso(schedule.after(end_s, every)) == f"{following}T06:00:00Z"
    assert schedule.first(end_s - 1, every) == end_s and schedule.first(end_s, every) > end_s


def test_a_fleet_report_goes_to_no_tenant(shown):
    arguments = ("fleet", "", "pdf", "a@b.example", "en", "week", "acme", "bench", NOW_S)
    with shown.fleet.database.writing() as connection, pytest.raises(UserError) as refused:
        schedule.add(connection, "fleets", *arguments)
    assert "leave the tenant empty" in str(refused.value) and refused.value.field == "tenant"
