"""`landbridge audit`: list and export the audit log."""

import sys

import typer

from landbridge.core import table
from landbridge.core.clock import from_iso, iso
from landbridge.core.deeds import in_words
from landbridge.db.opened import opened
from landbridge.features.audit import queries as audit
from landbridge.features.audit import rules
from landbridge.features.audit.queries import Wanted
from landbridge.features.audit.rules import AuditFormat

commands = typer.Typer(help="Read and export the audit log")
_WHO = typer.Option(None, help="Only changes by this user.")
_NOUN = typer.Option(None, help="Only of this kind: trip, device, geofence, ...")
_DEVICE = typer.Option(None, help="Only of this device.")
_SINCE = typer.Option(None, help="Only from this time on, like 2026-10-01T08:00:00Z.")
_UNTIL = typer.Option(None, help="Only before this time.")

_FORMAT = typer.Option(AuditFormat.CSV, "--format", help="Format.")


@commands.command("list")
def list_entries(
    who: str | None = _WHO,
    noun: str | None = _NOUN,
    device: str | None = _DEVICE,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    limit: int = typer.Option(100, min=1, max=10_000, help="Maximum number of entries."),
) -> None:
    """List entries of the audit log, newest first

    \b
    Examples:
      landbridge audit list
      landbridge audit list --noun trip --since 2026-10-01T00:00:00Z
    """
    wanted = _wanted(who, noun, device, since, until)
    with opened() as it, it.database.reading() as connection:
        rows = audit.listed(connection, wanted, None, limit).rows
    table.show(
        ("entry", "time", "who", "device", "what"),
        ((row.entry, iso(row.at_s), row.who, row.device, in_words(row)) for row in rows),
    )


@commands.command()
def export(
    form: AuditFormat = _FORMAT,
    who: str | None = _WHO,
    noun: str | None = _NOUN,
    device: str | None = _DEVICE,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
) -> None:
    """Export the audit log with the values before and after

    Writes to standard output, oldest first.

    \b
    Examples:
      landbridge audit export > audit.csv
      landbridge audit export --format json --who anna > anna.json
    """
    wanted = _wanted(who, noun, device, since, until)
    with opened() as it:
        sys.stdout.writelines(rules.export(audit.every(it.database, wanted), form))


def _wanted(
    who: str | None, noun: str | None, device: str | None, since: str | None, until: str | None
) -> Wanted:
    since_s, until_s = (text and from_iso(text) for text in (since, until))
    return Wanted(who=who, noun=noun, device=device, since_s=since_s or None, until_s=until_s or None)
