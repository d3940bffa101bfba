"""`landbridge esim`: download profiles, and delete or rename them on the card."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from landbridge.core import table
from landbridge.core.checked import SECRET, strict
from landbridge.core.errors import UserError
from landbridge.core.sheet import Cell, Sheet, of_column
from landbridge.db import sheets
from landbridge.db.opened import LARGEST, Opened, command_user, opened
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads import rules, trust
from landbridge.features.downloads.rules import Wanted

commands = typer.Typer(help="Download eSIM profiles onto cards")
_STDIN = "-"
_NOTHING = "nothing was ordered; run the command again with --yes"
_SecretCell = Annotated[Cell, SECRET]


@strict
@dataclass(frozen=True)
class _Order:
    """A row of the file; its codes are never shown."""

    device: Cell
    code: _SecretCell
    confirmation: _SecretCell = ""


class Then(StrEnum):
    """The action after the download of a profile."""

    ENABLE = "enable"


_WORDS = typer.Argument(
    None, metavar="[DEVICE] [CODE]", help=f"Device id, activation code; {_STDIN}: read from standard input."
)
_FILE = typer.Option(None, "--csv", help="CSV file: device, code, confirmation.")
_DEVICE = typer.Argument(help="Device id.")
_ICCID = typer.Argument(help="ICCID of the profile.")
_THEN = typer.Option(None, help="Switch to the profile once it is installed.")


@commands.command()
def download(
    words: list[str] = _WORDS,
    tag: str | None = typer.Option(None, help="All devices with this tag, with one code."),
    file: Path | None = _FILE,
    confirmation: str = typer.Option("", help="Confirmation code."),
    then: Then | None = _THEN,
    yes: bool = typer.Option(False, "--yes", help="With --tag or --csv: confirm."),
) -> None:
    """Download profiles onto the cards of devices

    The profile in use does not change. With --tag or --csv nothing is downloaded without --yes.

    \b
    Examples:
      landbridge esim download lb-0001 'LPA:1$smdp.example$7QX-2M' --then enable
      landbridge esim download --csv codes.csv --yes
    """
    with opened() as it:
        if file is not None:
            if words or tag is not None or confirmation:
                raise UserError("--csv contains devices and codes; leave the other arguments out")
            _order_all(it, Sheet(file, _Order), then is not None, yes)
            return
        wanted = _wanted(it, words or [], tag, confirmation)
        if tag is not None and not yes:
            print(f"{len(wanted)} devices: {', '.join(each.device for each in wanted)}")
            print(_NOTHING)
            return
        with it.database.writing() as connection:
            ordered = [_order(it, connection, each, then is not None) for each in wanted]
        print(*ordered, sep="\n")


def _order_all(it: Opened, rows: Sheet[_Order], then_enable: bool, yes: bool) -> None:
    """Order the downloads of a file: all of them, or none."""
    trusted = trust.load(it.config.esim)
    ordered: list[str] = []

    def order(connection: Connection, row: _Order) -> None:
        known_device(connection, row.device)
        code = of_column("code", rules.code_of, row.code, row.confirmation, trusted)
        ordered.append(_order(it, connection, Wanted(row.device, code), then_enable))

    sheets.apply(it.database, rows, order, is_trial=not yes)
    print(*(ordered if yes else [_NOTHING]), sep="\n")


def _order(it: Opened, connection: Connection, wanted: Wanted, then_enable: bool) -> str:
    """Order a download; return what to print once it is stored."""
    number = rules.order(connection, it.keyring, wanted, then_enable, command_user(), it.clock.now_s())
    return f"download {number}: {wanted.device} starts in its next session"


def _wanted(it: Opened, words: list[str], tag: str | None, confirmation: str) -> list[Wanted]:
    """Return the downloads that the command line asks for; `UserError` if it is wrong."""
    if len(words) != (2 if tag is None else 1):
        raise UserError("name a device and an activation code, or --tag and a code, or --csv")
    text = sys.stdin.readline().strip() if words[-1] == _STDIN else words[-1]
    code = rules.code_of(text, confirmation, trust.load(it.config.esim))
    if tag is not None and code.matching_id:
        raise UserError("a matching ID is for one device; use --csv with a code for each")
    with it.database.reading() as connection:
        chosen = devices.chosen(connection, words[0] if tag is None else None, tag)
    return [Wanted(device, code) for device in chosen]


@commands.command()
def delete(device: str = _DEVICE, iccid: str = _ICCID) -> None:
    """Delete a profile from the card of a device

    A profile that is in use or in the device's policy cannot be deleted.

    \b
    Example:
      landbridge esim delete lb-0001 8997101234567890123
    """
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        number = rules.delete(connection, it.keyring, device, iccid, command_user(), it.clock.now_s())
    print(f"order {number}: {device} deletes the profile in its next session")


@commands.command()
def rename(
    device: str = _DEVICE, iccid: str = _ICCID, name: str = typer.Argument(help="Name on the card.")
) -> None:
    """Rename a profile on the card of a device

    \b
    Example:
      landbridge esim rename lb-0001 8997101234567890123 Steppe
    """
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        number = rules.rename(connection, it.keyring, device, iccid, name, command_user(), it.clock.now_s())
    print(f"order {number}: {device} renames the profile in its next session")


@commands.command()
def associate(device: str = _DEVICE) -> None:
    """Make the agent the remote manager (eIM) of a card

    For IoT eUICCs (SGP.32): the card then executes only packages that the agent signs.

    \b
    Example:
      landbridge esim associate lb-0001
    """
    _manage(device, downloads.ASSOCIATE)


@commands.command()
def dissociate(device: str = _DEVICE) -> None:
    """End the association of a card with the agent

    \b
    Example:
      landbridge esim dissociate lb-0001
    """
    _manage(device, downloads.DISSOCIATE)


@commands.command()
def enable(device: str = _DEVICE, iccid: str = _ICCID) -> None:
    """IoT eUICC: enable the profile with this ICCID by a signed package

    For cards that are associated with the agent. The device returns to its previous profile if it cannot
    connect.

    \b
    Example:
      landbridge esim enable lb-0001 8997101234567890123
    """
    _manage(device, downloads.ENABLE, iccid)


@commands.command()
def disable(device: str = _DEVICE, iccid: str = _ICCID) -> None:
    """IoT eUICC: disable the profile in use, enable the policy's fallback

    A signed package does both.

    \b
    Example:
      landbridge esim disable lb-0001 8997101234567890123
    """
    _manage(device, downloads.DISABLE, iccid)


@commands.command()
def card(
    device: str = _DEVICE,
    refresh: bool = typer.Option(False, help="Have the card list its profiles in a signed package."),
) -> None:
    """Show a device's eUICC: SGP.22 or SGP.32, its eIM, profiles on it

    \b
    Examples:
      landbridge esim card lb-0001
      landbridge esim card lb-0001 --refresh
    """
    if refresh:
        _manage(device, downloads.LIST)
        return
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        found = downloads.shown_euicc(connection, device)
    if found is None:
        raise UserError(
            f"the card of {device} has not reported its type yet; try `landbridge esim associate {device}`"
        )
    profiles = found.pop("profiles")
    table.show_one(found | {"kind": "IoT eUICC (SGP.32)" if found["kind"] == "iot" else "eUICC (SGP.22)"})
    if profiles:
        print()
        table.show(
            ("ICCID", "profile", "enabled", "fallback"),
            (
                (each["iccid"], each["name"], each["enabled"] or None, each["fallback"] or None)
                for each in profiles
            ),
        )


def _manage(device: str, task: str, iccid: str = "") -> None:
    """Order a task of an IoT eUICC."""
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        trusted, who, now_s = trust.load(it.config.esim), command_user(), it.clock.now_s()
        number = rules.manage(connection, it.keyring, trusted, device, task, iccid, who, now_s)
    print(f"order {number}: {device} passes it to its card in its next session")


@commands.command("downloads")
def list_downloads(
    device: str | None = typer.Argument(None, help="Device id; all devices without it."),
) -> None:
    """List downloads and other card tasks, and their progress

    Deletions and renamings are listed, too.

    \b
    Example:
      landbridge esim downloads lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        if device is not None:
            known_device(connection, device)
            rows = downloads.of_device(connection, device)[::-1]
        else:
            rows = downloads.every(connection)
        found = downloads.shown(connection, rows)
    table.show(
        ("order", "device", "task", "server", "profile", "ICCID", "by", "changed", "state", "reason"),
        (
            (
                each["download"], each["device"], each["task"], each["server"], each["profile"],
                each["iccid"], each["by"], each["changed"], progress(each),
                each["problem"] or each["postponed"],
            )
            for each in found
        ),
    )  # fmt: skip


@commands.command()
def cancel(number: int = typer.Argument(min=1, max=LARGEST, help="Number in `esim downloads`.")) -> None:
    """Cancel a download or other card task, by its number

    \b
    Example:
      landbridge esim cancel 3
    """
    with opened() as it, it.database.writing() as connection:
        row = downloads.find(connection, number)
        if row is None:
            raise UserError(f"no download {number}; `landbridge esim downloads` lists them")
        rules.cancel(connection, row, command_user(), it.clock.now_s())
    print(f"download {number} is cancelled")


def progress(shown: dict[str, Any]) -> str:
    """The state of a download (`queries.shown`) in a word, with the pieces that the device has."""
    if shown["pieces"]:
        return f"{shown['state']} {shown['loaded']} of {shown['pieces']}"
    return str(shown["state"])
