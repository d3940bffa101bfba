"""`landbridge reports`: make reports, and schedule them by mail."""

import sys
from pathlib import Path
from typing import Any

import typer

from landbridge.core import table
from landbridge.core.clock import from_iso, iso
from landbridge.core.errors import UserError
from landbridge.core.given import given
from landbridge.core.texts import catalogues
from landbridge.db.opened import command_user, opened
from landbridge.features.reports import kinds, schedule
from landbridge.features.reports import queries as stored
from landbridge.features.reports.render import render

_OWNER = typer.Option(
    None, "--tenant", help="Its tenant, or operator; needed if the name exists more than once."
)
commands = typer.Typer(help="Create reports: trip, route, fleet, compliance (SIM controls, audit)")
_KIND = typer.Argument(help="trip, route, fleet or compliance.")
_SUBJECT = typer.Argument("", help="Trip number or route name.")
_FORMAT = typer.Option("pdf", "--format", help="html, pdf or xlsx.")
_LANGUAGE = typer.Option("en", help="Language of the report.")
_TENANT = typer.Option(None, help="Only trips of this tenant.")
_OUT = typer.Option(None, help="File to write; default: standard output.")
_NAME = typer.Argument(help="Name of the schedule.")
_MONTH_S = 30 * 86_400


@commands.command()
def make(
    kind: str = _KIND,
    subject: str = _SUBJECT,
    format: str = _FORMAT,
    language: str = _LANGUAGE,
    since: str | None = typer.Option(None, help="Beginning, for example 2026-01-01; default: 30 days ago."),
    until: str | None = typer.Option(None, help="End; default: now."),
    tenant: str | None = _TENANT,
    out: Path | None = _OUT,
) -> None:
    """Make a report

    \b
    Examples:
      landbridge reports make trip 1 > trip.pdf
      landbridge reports make fleet --format xlsx --language zh --out fleet.xlsx
    """
    for value, known in ((kind, kinds.KINDS), (format, kinds.FORMATS), (language, catalogues())):
        if value not in known:
            raise UserError(f"{value!r} is not one of {', '.join(known)}")
    with opened() as it, it.database.reading() as connection:
        now_s = it.clock.now_s()
        until_s = from_iso(until) if until else now_s
        span = (from_iso(since) if since else until_s - _MONTH_S), until_s
        report = kinds.build(connection, kind, subject, tenant, span, now_s, catalogues()[language])
    content = render(report, format, catalogues()[language])
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)
        print(f"{out}: {report.title}")


@commands.command()
def add(
    name: str = _NAME,
    kind: str = _KIND,
    mailbox: str = typer.Argument(help="Mailbox, for example dispatch@example.org."),
    subject: str = _SUBJECT,
    every: str = typer.Option("week", help="day, week or month."),
    format: str = _FORMAT,
    language: str = _LANGUAGE,
    tenant: str | None = _TENANT,
) -> None:
    """Add a schedule: a report by mail each day, week or month

    \b
    Example:
      landbridge reports add monday fleet dispatch@example.org --every week
    """
    with opened() as it, it.database.writing() as connection:
        next_s = schedule.add(
            connection, name, kind, subject, format, mailbox, language, every, tenant, command_user(),
            it.clock.now_s(),
        )  # fmt: skip
    print(f"schedule {name} is added; first on {iso(next_s)}")


@commands.command("list")
def list_schedules() -> None:
    """List schedules, with the last answer of the mail server

    \b
    Example:
      landbridge reports list
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.schedules(connection)
    table.show(
        ("name", "report", "subject", "format", "mailbox", "language", "every", "tenant", "next", "answer",
         "at", "state"),
        (
            (row.name, row.kind, row.subject or None, row.format, row.mailbox, row.language, row.every,
             row.tenant, None if row.paused else iso(row.try_s), row.answer, iso(row.answered_s),
             "paused" if row.paused else "active")
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def edit(
    name: str = _NAME,
    mailbox: str | None = typer.Option(None, help="Its new mailbox."),
    every: str | None = typer.Option(None, help="day, week or month."),
    format: str | None = typer.Option(None, "--format", help="html, pdf or xlsx."),
    language: str | None = typer.Option(None, help="Language of the report."),
    tenant: str | None = _OWNER,
) -> None:
    """Change the mailbox, period, format or language of a schedule

    \b
    Examples:
      landbridge reports edit monday --mailbox manager@example.org
      landbridge reports edit monday --every month --format xlsx
    """
    changes = given(mailbox=mailbox, every=every, format=format, language=language)
    _change(name, tenant, **changes)
    print(f"schedule {name} is changed")


@commands.command()
def pause(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Pause a schedule: no report is sent

    \b
    Example:
      landbridge reports pause monday
    """
    _change(name, tenant, paused=True)
    print(f"schedule {name} is paused; `landbridge reports resume {name}` resumes it")


@commands.command()
def resume(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Resume a paused schedule

    The next report is sent at the end of the current period.

    \b
    Example:
      landbridge reports resume monday
    """
    next_s = _change(name, tenant, paused=False)
    print(f"schedule {name} is resumed; next on {iso(next_s)}")


def _change(name: str, tenant: str | None, **changes: Any) -> int:
    """Change a schedule; return when it is sent next."""
    with opened() as it, it.database.writing() as connection:
        schedule.change(connection, schedule.known(connection, name, tenant), changes, it.clock.now_s())
        return int(schedule.known(connection, name, tenant).next_s)


@commands.command()
def remove(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Remove a schedule

    \b
    Example:
      landbridge reports remove monday
    """
    with opened() as it, it.database.writing() as connection:
        schedule.remove(connection, name, command_user(), it.clock.now_s(), tenant)
    print(f"schedule {name} is removed")
