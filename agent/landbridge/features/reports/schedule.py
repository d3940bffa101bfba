"""Sends scheduled reports by mail.

The Message-ID is that of the schedule and its period: when the agent ends between the mail server's answer
and its note of it, the mail goes again under the same id."""

import calendar
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.backoff import wait_s
from landbridge.core.clock import Clock, from_epoch_s, to_epoch_s
from landbridge.core.delivery_errors import Away, Refused
from landbridge.core.errors import UserError
from landbridge.core.mail_server import is_mailbox
from landbridge.core.names import checked, is_of, only
from landbridge.core.periodic import Periodic
from landbridge.core.texts import SOURCE, Catalogue, _, catalogues
from landbridge.db import audit
from landbridge.db.database import Database
from landbridge.features.reports import queries as stored
from landbridge.features.reports.document import Report
from landbridge.features.reports.kinds import FOR_THE_OPERATOR, FORMATS, KINDS, build
from landbridge.features.reports.queries import Schedule
from landbridge.features.reports.render import MEDIA_TYPES, render

EVERY = ("day", "week", "month")
POLL_S = 30.0
_HOUR = 6
"""The hour, UTC, at which reports are sent."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60, 6 * 3_600
_log = logging.getLogger(__name__)
Post = Callable[[EmailMessage], str]
"""Sends a mail; returns the answer."""


class ReportMails(Periodic):
    """The thread that sends scheduled reports."""

    def __init__(
        self, database: Database, clock: Clock, post: Post, sender: str, may_send: Callable[[], bool]
    ) -> None:
        """One of several agents at a time `may_send`."""
        super().__init__("reports", "send scheduled reports", POLL_S)
        self._database, self._clock, self._post, self._sender = database, clock, post, sender
        self._may_send = may_send

    def turn(self) -> None:
        """Send what is due."""
        if not self._may_send():
            return
        with self._database.reading() as connection:
            due = stored.due(connection, self._clock.now_s())
        for row in due:
            if not self.is_stopping:
                self._send(row)

    def _send(self, row: Row[Any]) -> None:
        now_s = self._clock.now_s()
        try:
            answer = self._post(self._mail(row, now_s))
        except Away as error:
            self._put_off(row, str(error), now_s)
            return
        except (Refused, UserError) as error:
            answer = str(error)  # it would be the same again: the next period may go
        except Exception as error:  # the other schedules must not wait for this one
            _log.exception("report schedule %s: internal error", row.name)
            self._put_off(row, f"internal error: {error!r}", now_s)
            return
        next_s = after(row.next_s, row.every)
        while next_s <= now_s:  # periods in which the agent was off are one
            next_s = after(next_s, row.every)
        self._note(row, answer, next_s, next_s)

    def _mail(self, row: Row[Any], now_s: int) -> EmailMessage:
        language = catalogues().get(row.language) or catalogues()[SOURCE]
        span = before(row.next_s, row.every), row.next_s
        with self._database.reading() as connection:
            report = build(connection, row.kind, row.subject, row.tenant, span, now_s, language)
        return _mail(row, report, language, self._sender, now_s)

    def _put_off(self, row: Row[Any], why: str, now_s: int) -> None:
        again_s = now_s + round(wait_s(_FIRST_WAIT_S, _LONGEST_WAIT_S, row.attempts))
        self._note(row, why, again_s, None)

    def _note(self, row: Row[Any], answer: str, try_s: int, next_s: int | None) -> None:
        with self._database.writing() as connection:
            stored.tried(connection, row, answer, self._clock.now_s(), try_s, next_s)


def _mail(row: Row[Any], report: Report, language: Catalogue, sender: str, now_s: int) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"] = sender, row.mailbox, from_epoch_s(now_s)
    mail["Subject"] = f"{report.title} · {from_epoch_s(row.next_s):%Y-%m-%d}"
    mail["Message-ID"] = f"<report-{row.schedule}-{row.next_s}@{sender.rpartition('@')[2] or 'landbridge'}>"
    mail.set_content(f"{report.title}\n{report.subtitle}\n")
    main, _slash, sub = MEDIA_TYPES[row.format].partition(";")[0].partition("/")
    name = f"{report.name}.{row.format}"
    mail.add_attachment(render(report, row.format, language), maintype=main, subtype=sub, filename=name)
    return mail


def after(at_s: int, every: str) -> int:
    """Return the next end of a period."""
    at = from_epoch_s(at_s)
    if every == "month":
        return to_epoch_s(at + timedelta(days=calendar.monthrange(at.year, at.month)[1]))
    return to_epoch_s(at + timedelta(days=7 if every == "week" else 1))


def before(at_s: int, every: str) -> int:
    """Return the beginning of the period that ends then."""
    at = from_epoch_s(at_s)
    if every == "month":
        return to_epoch_s((at.replace(day=1) - timedelta(days=1)).replace(day=1))
    return to_epoch_s(at - timedelta(days=7 if every == "week" else 1))


def first(now_s: int, every: str) -> int:
    """Return the first end of a period after now: a morning, of a Monday, or of the first of a month."""
    at = from_epoch_s(now_s).replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    while at <= from_epoch_s(now_s) or not _is_end(at.weekday(), at.day, every):
        at += timedelta(days=1)
    return to_epoch_s(at)


def _is_end(weekday: int, day: int, every: str) -> bool:
    return every == "day" or (every == "week" and weekday == 0) or (every == "month" and day == 1)


def add(
    connection: Connection,
    name: str,
    kind: str,
    subject: str,
    format: str,
    mailbox: str,
    language: str,
    every: str,
    tenant: str | None,
    who: str,
    now_s: int,
) -> int:
    """Add a schedule; return when it is sent first. `UserError` says what is wrong with it."""
    checked(name, "schedule")
    if any((row.name, row.tenant) == (name, tenant) for row in stored.schedules(connection)):
        raise UserError(
            _("there is a schedule {name}; `landbridge reports remove {name}` ends it", name=name), "name"
        )
    _check(kind=kind, format=format, every=every, language=language)
    _check_mailbox(mailbox)
    if tenant is not None:
        checked(tenant, "tenant")
        if kind in FOR_THE_OPERATOR:
            raise UserError(
                _("this report shows all tenants, and goes to the fleet operator: leave the tenant empty"),
                "tenant",
            )
    next_s = first(now_s, every)
    build(connection, kind, subject, tenant, (before(next_s, every), next_s), now_s, catalogues()[language])
    schedule = Schedule(name, kind, subject, format, mailbox, language, every, tenant, next_s)
    stored.add_schedule(connection, schedule, who, now_s)
    audit.add(connection, who, _("report schedule {name} added", name=name), now_s)
    return next_s


def _check(**values: str) -> None:
    known = {"kind": KINDS, "format": FORMATS, "every": EVERY, "language": tuple(catalogues())}
    for field, given in values.items():
        if given not in known[field]:
            raise UserError(
                _("{given} is not one of {known}", given=repr(given), known=", ".join(known[field])), field
            )


def _check_mailbox(mailbox: str) -> None:
    if not is_mailbox(mailbox):
        raise UserError(
            _("{mailbox} is not a mail address; write it like dispatch@example.org", mailbox=repr(mailbox)),
            "mailbox",
        )


def change(connection: Connection, row: Row[Any], changes: Mapping[str, Any], now_s: int) -> None:
    """Change `format`, `mailbox`, `language` or `every` of a schedule, or pause and resume it (`paused`).

    With another period, or resumed, it is next sent at the end of the current period. `UserError` says what
    is wrong."""
    kept = {name: getattr(row, name) for name in ("format", "mailbox", "language", "every", "paused")}
    new = {**kept, **changes}
    _check(format=new["format"], every=new["every"], language=new["language"])
    _check_mailbox(new["mailbox"])
    if new["every"] != row.every or (row.paused and not new["paused"]):
        new["next_s"] = new["try_s"] = first(now_s, new["every"])
    stored.change_schedule(connection, row.schedule, new)


def remove(connection: Connection, name: str, who: str, now_s: int, owner: str | None = None) -> None:
    """Remove a schedule (`known`); `UserError` if there is none."""
    stored.remove_schedule(connection, known(connection, name, owner).schedule, now_s)
    audit.add(connection, who, _("report schedule {name} removed", name=name), now_s)


def known(connection: Connection, name: str, owner: str | None = None) -> Row[Any]:
    """Return the schedule of this name, of the tenant `owner` if given; `UserError` if there is none, or
    several tenants have one."""
    found = [row for row in stored.schedules(connection) if row.name == name and is_of(row.tenant, owner)]
    if not found:
        raise UserError(_("no schedule {name}; `landbridge reports list` lists them", name=name))
    return only(found, name)
