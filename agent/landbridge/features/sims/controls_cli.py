"""`landbridge controls`: manage SIM controls."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from landbridge.core import files, table
from landbridge.core.clock import to_epoch_s
from landbridge.core.errors import UserError
from landbridge.db.opened import command_user, opened
from landbridge.features.sims import cases, controls
from landbridge.features.sims import check as checking
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.provider import Http
from landbridge.points import usage_by_card as report

commands = typer.Typer(help="Manage SIM controls: device binding, countries, networks, quotas")
_FILE = typer.Argument(help="TOML file with [controls.<name>] tables and [[case]] tests.")
_PROVIDER = typer.Argument(help="TOML file that describes the platform of the SIM vendor.")
_MONTH = typer.Option(None, help="Month as YYYY-MM; default: the current month.")


@commands.command()
def test(file: Path = _FILE) -> None:
    """Test a file of SIM controls offline

    Each rule in use needs a case that violates it and one that does not. The exit code is 1 if a case fails
    or is missing.

    \b
    Example:
      landbridge controls test controls.toml
    """
    verdicts, lacking = cases.run(files.text(file))
    rows = [
        (
            "right" if each.is_right else "WRONG",
            each.name,
            " ".join(each.expected) or None,
            "; ".join(f"{rule}: {why}" for rule, why in each.found.items()) or None,
        )
        for each in verdicts
    ]
    table.show(("", "case", "expected", "broken"), rows)
    for text in lacking:
        print(f"no case: {text}")
    wrong = sum(not each.is_right for each in verdicts)
    print(f"{len(verdicts)} cases, {wrong} wrong, {len(lacking)} missing")
    if wrong or lacking:
        raise typer.Exit(1)


@commands.command("set")
def set_controls(file: Path = _FILE) -> None:
    """Apply the SIM controls of a file, if all its cases pass

    \b
    Example:
      landbridge controls set controls.toml
    """
    text = files.text(file)
    found = controls.parse(text)
    verdicts, lacking = cases.run(text)
    bad = [each.name for each in verdicts if not each.is_right] + lacking
    if bad:
        raise UserError(f"{file}: `landbridge controls test` finds {len(bad)} faults, the first: {bad[0]}")
    with opened(make=True) as it, it.database.writing() as connection:
        for name, demands in found.items():
            inventory.set_controls(connection, name, demands.stored(), command_user(), it.clock.now_s())
    print(f"{len(found)} SIM controls are in force: {', '.join(found)}")


@commands.command()
def check(
    provider: Path = _PROVIDER,
    lock: bool = typer.Option(False, help="Lock cards in another device, blocked or over quota."),
) -> None:
    """Check every card against the platform of the SIM vendor

    Meant to be run by a timer.

    \b
    Example:
      landbridge controls check vendor.toml --lock
    """
    asked = Http(files.text(provider))
    with opened() as it:
        found = checking.check(it.database, it.clock, asked, lock, command_user())
    table.show(
        ("ICCID", "device", "state", "bytes", "broken", "locked", "failure"),
        (
            (each.iccid, each.device, each.state, each.carrier_bytes, " ".join(each.broken) or None,
             "yes" if each.locked else None, each.failure)
            for each in found
        ),
    )  # fmt: skip
    if any(each.failure for each in found):
        raise typer.Exit(1)


@commands.command()
def reset(provider: Path = _PROVIDER, iccid: str = typer.Argument(help="ICCID of the card.")) -> None:
    """Reset the connection of a card on its vendor's platform

    \b
    Example:
      landbridge controls reset vendor.toml 8931440400012345678
    """
    asked = Http(files.text(provider))
    with opened() as it:
        with it.database.reading() as connection:
            found = inventory.of_iccid(connection, iccid)
        if found is None:
            raise UserError(f"no card {iccid}; `landbridge sims list` lists them")
        asked.reset(iccid)  # outside the transaction: others may use the database
        with it.database.writing() as connection:
            inventory.note(connection, found.card, "reset", "", command_user(), it.clock.now_s())
    print(f"the connection of {iccid} is reset")


@commands.command()
def usage(month: str | None = _MONTH) -> None:
    """Report the monthly data usage of each card

    By profile and country: measured payload, and an estimate with protocol overhead.

    \b
    Example:
      landbridge controls usage --month 2026-01
    """
    with opened() as it, it.database.reading() as connection:
        from_s, until_s = _span(month, it.clock.now())
        found = report.rows(connection, from_s, until_s)
    table.show(
        ("card", "ICCID", "country", "device", "sessions", "messages", "payload", "on the air"),
        (
            (each.card, each.iccid or None, each.country or None, each.device, each.used.sessions,
             each.used.messages, each.used.payload_bytes, each.used.on_air_bytes)
            for each in found
        ),
    )  # fmt: skip


def _span(month: str | None, now: datetime) -> tuple[int, int]:
    try:
        begin = datetime.strptime(month, "%Y-%m") if month else now
        begin = datetime(begin.year, begin.month, 1, tzinfo=UTC)
        end = datetime(begin.year + begin.month // 12, begin.month % 12 + 1, 1, tzinfo=UTC)
    except ValueError:
        raise UserError(f"{month!r} is not a month; write it as 2026-01") from None
    return to_epoch_s(begin), to_epoch_s(end)
