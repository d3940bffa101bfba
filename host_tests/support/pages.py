"""Pages of a fleet to which everything has happened, and what of their text is English."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from html import unescape
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import available_timezones

import pytest
from landbridge.core import stages
from landbridge.core.clock import CLOCK_FILE_VARIABLE
from landbridge.core.texts import stored
from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import RULES
from landbridge.features.commands import handler as commands
from landbridge.features.commands import queries as stored_commands
from landbridge.features.commands.coding import RESULTS, VERBS
from landbridge.features.devices.queries import Window
from landbridge.features.esim import handler as cards
from landbridge.features.esim import policy
from landbridge.features.esim.coding import OUTCOMES
from landbridge.features.esim.coding import Event as Switched
from landbridge.features.esim.coding import Report as CardReport
from landbridge.features.esim.queries import policies as stored_cards
from landbridge.features.routes.queries import routes as lines
from landbridge.features.settings import queries as stored_settings
from landbridge.features.sharing import rules as shares
from landbridge.features.sims import queries as inventory
from landbridge.features.sims import rules as controls
from landbridge.features.sims.controls import Controls
from landbridge.features.sims.queries import SimCard
from landbridge.features.trips import queries as trips
from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.features.users import rules as tokens
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points.quality import NO_TIME
from landbridge.points.queries import points
from landbridge.protocol.event import Event
from landbridge.protocol.settings import SETTINGS, UNREACHED, Report
from landbridge.web.forms import inside
from sqlalchemy import Connection

from host_tests.support.agent import set_clock
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.support.people import add_user
from host_tests.support.policies import POLICY
from host_tests.support.trips import BEGIN_S, HOUR_S, STATIONS

CONTAINER = "CSQU3054383"


NAMES = (
    *(FIRST, SECOND, CONTAINER, "acme", "bench", "dispatch", "ESP32", "resold", "ACME Rail", "roaming"),
    *("cis", "anna", "OpenID Connect", "iot.example", "cis.example", "landbridge users add"),
    *("landbridge devices add", "landbridge integrations add", "landbridge sims add"),
    *("landbridge", "landbridge.cddl"),
    *("west", "gone", "lb-9", "none", "Webhook", "Traccar", "DCSA", "Apprise"),
    *("Li-SOCl2", "LiFePO4", "NMC", "mAh", "lx"),
    *("{verb}", "{changes}"),  # a script puts in what is chosen
    *(each.name for each in STATIONS), *SETTINGS, *VERBS, "auto",
    *("hub, border, gauge, yard, line", "name,country,lat,lon,kind,km,chinese"),  # of a file of stations
)  # fmt: skip
"""What is called so in any language."""


UNITS = {"API", "Landbridge", "UTC", "SIM", "ICCID", "IMEI", "IMSI", "EID", "MB", "kB", "MQTT", "TLS", "TCP"}


UNITS |= {"English", "GEOJSON", "GPX", "CSV", "KML", "PLMN", "PDF", "HTML", "XLSX", "Geo", "JSON"}


ZONES = available_timezones()


SHOWN = ("title", "aria-label", "placeholder", "alt", "data-confirm")


class Visible(HTMLParser):
    """The texts of a page that a person reads, of attributes too; countries are named by the browser."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = tag in ("script", "style") or "data-country" in dict(attrs)
        self.texts += [value for name, value in attrs if name in SHOWN and value and tag != "time"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


def english(page: str) -> set[str]:
    """Words that are left of it."""
    parser = Visible()
    parser.feed(page)
    text = "\n".join(each for each in parser.texts if each.strip() not in ZONES)
    for name in sorted(NAMES, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z-]){re.escape(name)}(?![A-Za-z-])", " ", text)
    return {each for each in re.findall(r"[A-Za-z][a-z]+|[A-Z]{2,}", text) if each not in UNITS}


def alarmed(connection: Connection, trip: int) -> None:
    """An alarm of each kind; one is looked after, one cleared."""
    (stored,) = points.of_sequences(connection, FIRST, [1])
    assert not stored.flags & NO_TIME
    severities = {name: rule.severity for name, rule in RULES.items()}
    severities |= {name: rule.severity for name, rule in controls.RULES.items()}
    for number, (name, severity) in enumerate(severities.items()):
        content = {"latitude": 52.4, "longitude": 17.0, "container": CONTAINER, "device": FIRST}
        raised = Event(f"{FIRST}/{number}/x", FIRST, "x", False, trip, 1, NOW_S, content, "acme")
        alarms.raise_(connection, raised, name, severity, NOW_S, NOW_S)
    publishing.publish(connection, engine.acknowledge(connection, NOW_S, "token dispatch", "", NOW_S), NOW_S)
    publishing.publish(connection, engine.clear(connection, NOW_S + 1, "bench", NOW_S), NOW_S)


def ordered(connection: Connection) -> None:
    """Commands in every state that there is."""
    states = [(result, sent) for result in (None, *RESULTS) for sent in (True, False)]
    for result, sent in states:
        given = commands.give(connection, FIRST, "locate", None, "1h", "token dispatch", NOW_S)
        if sent:
            stored_commands.sent(connection, FIRST, [given.command], NOW_S)
        if result is not None:
            stored_commands.ended(connection, FIRST, given.command, result, NOW_S)
    for sent in (True, False):
        given = commands.give(connection, FIRST, "dense", 60, "1h", "bench", NOW_S)
        if sent:
            stored_commands.sent(connection, FIRST, [given.command], NOW_S)
        commands.cancel(connection, FIRST, given.command, "token dispatch", NOW_S)
    for sent in (True, False):
        given = commands.give(connection, FIRST, "locate", None, "1m", "bench", NOW_S - HOUR_S)
        if sent:
            stored_commands.sent(connection, FIRST, [given.command], NOW_S - HOUR_S)


def carded(connection: Connection) -> None:
    """A card with everything that may have become of it."""
    found = policy.parse(POLICY)
    iccids = tuple(each.iccid for each in found.profiles.values())
    inventory.set_controls(connection, "resold", Controls(quota_mb=10).stored(), "bench", NOW_S)
    card = SimCard(0, "ACME Rail", "acme", "resold", "active", (), "ARMED", None, None, iccids)
    inventory.add(connection, card, "bench", NOW_S)
    stored_cards.keep_identity(connection, FIRST, {"imei": "861234567890123", "iccid": iccids[0]}, NOW_S)
    revision = stored_cards.set_desired(connection, FIRST, found, policy.AUTOMATIC, "bench", NOW_S)
    happened = tuple(Switched(NOW_S, 1, 2, outcome, 15) for outcome in (*OUTCOMES, 99))
    report = CardReport(revision, 0, "", 1, 0, (), happened, 321, ((iccids[0], 3 * 1024),))
    stored_cards.keep_report(connection, FIRST, report, NOW_S)
    cards.switch(connection, FIRST, "cis", "token dispatch", NOW_S)
    stored_cards.set_desired(connection, FIRST, found, "cis", "bench, roll-out 3", NOW_S + 1)


def updated(connection: Connection) -> None:
    """Releases that roll out, were halted by hand and by themselves."""
    for sequence in (7, 8, 9):
        more = {"version": "1.7", "mpy": 6, "file_list": b"\xa0", "added_s": NOW_S}
        releases.add(connection, "ESP32", sequence, [("main.mpy", b"x")], **more)
        rollout.begin(connection, "ESP32", sequence, 5, 60, "bench", NOW_S)
    rollout.halt(connection, "ESP32", 8, "token dispatch", NOW_S)
    releases.change_rollout(connection, "ESP32", 9, halted=stored(stages.failed(stages.Tally(3, 1, 2))))
    for device, ended in ((FIRST, releases.RUNNING), (SECOND, releases.FELL_BACK)):
        releases.says(connection, device, "ESP32", 6, True, NOW_S)
        releases.start_update(connection, device, "ESP32", 7, NOW_S)
        releases.end_update(connection, device, 7, ended)


class Shown(Pages):
    """Pages with a share link, and an administrator."""

    def __init__(self, fleet: Fleet, link: str) -> None:
        super().__init__(fleet)
        self.link = link
        self.dispatch = self.token("dispatch", "admin")
        self._session = ""

    @property
    def session(self) -> str:
        """The cookie of a signed-in user."""
        self._session = self._session or signed_in(self)
        return self._session

    def answer(
        self, path: str, cookie: str = "", form: Mapping[str, str | Sequence[str]] | None = None
    ) -> tuple[int, Message, str]:
        """Status, headers and text of one request of a browser; redirects are not followed."""
        where = urlsplit(self.url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=120)
        headers = {"Cookie": cookie} | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
        connection.request(
            "POST" if form else "GET", path, urlencode(form, doseq=True) if form else None, headers
        )
        got = connection.getresponse()
        text = got.read().decode()
        connection.close()
        return got.status, got.headers, text


@contextmanager
def shown(folder: Path) -> Iterator[Shown]:
    """A fleet to which everything has happened; the second device has spoken, and knows no place."""
    fleet = Fleet(folder)
    trip = fleet.trip(CONTAINER, 0, None, "acme")
    fleet.deliver(at(1, lat=52_40000, lon=17_00000), at(2, lat=52_40000, lon=17_00000), at(40))
    with fleet.database.writing() as connection:
        lines.add(connection, "west", STATIONS, [1.0], BEGIN_S)
        alarmed(connection, trip)
        ordered(connection)
        carded(connection)
        updated(connection)
        row = trips.find(connection, trip)
        assert row is not None
        link = shares.add(connection, row, "2000h", "token dispatch", NOW_S)
        over = shares.add(connection, row, "1m", "bench", NOW_S)
        shares.revoke(connection, over.share, "bench", NOW_S)
        stored_settings.change(connection, FIRST, {"light_lux": 55}, "control", NOW_S)
        desired = stored_settings.desired(connection, FIRST)
        stored_settings.keep_report(connection, FIRST, Report(0, 0, 0, desired.revision, UNREACHED), NOW_S)
        tokens.add(connection, "gone", "reader", None, "bench", NOW_S)
        second = lock_rows(connection, [SECOND])[SECOND]
        second.accept(Window(1, 0), 0, NOW_S)
        write(connection, [second])
        tokens.revoke(connection, "gone", "bench", NOW_S)
    add_user(fleet.database, "anna", role="operator")
    made = Shown(fleet, link.secret)
    with pytest.MonkeyPatch.context() as environment:
        set_clock(folder / "clock", NOW_S + 60)
        environment.setenv(CLOCK_FILE_VARIABLE, str(folder / "clock"))
        with made.served():
            yield made
    fleet.database.close()


def signed_in(pages: Shown, after: str = "/") -> str:
    """The cookie of a new session, which leads to `after`."""
    _, headers, text = pages.answer(f"/sign-in?after={quote(after, safe='')}")
    kept = str(headers["set-cookie"]).partition(";")[0]
    fields = dict(re.findall(r'name="(csrf|after)" value="([^"]*)"', text))
    assert unescape(fields["after"]) == inside(after)
    form = {"token": pages.dispatch, "csrf": fields["csrf"], "after": after}
    status, headers, _ = pages.answer("/sign-in", kept, form)
    assert (status, headers["location"]) == (303, inside(after))
    return str(headers["set-cookie"]).partition(";")[0]
