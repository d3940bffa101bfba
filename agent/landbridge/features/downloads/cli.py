"""`landbridge esim`: download profiles, and delete or rename them on the card."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from landbridge.core import table
from landbridge.core.errors import UserError
from landbridge.db.opened import LARGEST, Opened, command_user, opened
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads import rules, trust
from landbridge.features.downloads.rules import Wanted

commands = typer.Typer(help="Download eSIM profiles onto cards")
_STDIN = "-"


class Then(StrEnum):
    """What happens to a profile after its download."""

    ENABLE = "enable"


_WORDS = typer.Argument(
    None, metavar="[DEVICE] [CODE]", help=f"Device id, activation code; {_STDIN}: read it from input."
)
_FILE = typer.Option(None, "--csv", help="CSV file: device, code, confirmation.")
_DEVICE = typer.Argument(help="Device id.")
_ICCID = typer.Argument(help="ICCID of the profile.")
_THEN = typer.Option(None, help="Switch to the profile after it is loaded.")


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
        wanted = _wanted(it, words or [], tag, file, confirmation)
        if tag is not None or file is not None:
            print(f"{len(wanted)} devices: {', '.join(each.device for each in wanted)}")
            if not yes:
                print("nothing is ordered; run the command again with --yes")
                return
        with it.database.writing() as connection:
            for each in wanted:
                number = rules.order(
                    connection, it.keyring, each, then is not None, command_user(), it.clock.now_s()
                )
                print(f"download {number}: {each.device} begins in its next session")


def _wanted(
    it: Opened, words: list[str], tag: str | None, file: Path | None, confirmation: str
) -> list[Wanted]:
    """Return the downloads that the command line asks for; `UserError` if it is wrong."""
    trusted = trust.load(it.config.esim)
    if file is not None:
        if words or tag is not None or confirmation:
            raise UserError("--csv has devices and codes; leave the others out")
        wanted = rules.read(file, trusted)
    elif len(words) != (2 if tag is None else 1):
        raise UserError("name a device and an activation code, or --tag and a code, or --csv")
    else:
        text = sys.stdin.readline().strip() if words[-1] == _STDIN else words[-1]
        code = rules.code_of(text, confirmation, trusted)
        if tag is None:
            wanted = [Wanted(words[0], code)]
        else:
            if code.matching_id:
                raise UserError("a matching ID is for one device; use --csv with a code for each")
            with it.database.reading() as connection:
                wanted = [Wanted(device, code) for device in devices.tagged(connection, tag)]
            if not wanted:
                raise UserError(f"no device has the tag {tag!r}; `landbridge devices list` shows tags")
    with it.database.reading() as connection:
        for each in wanted:
            known_device(connection, each.device)
    return wanted


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
    print(f"order {number}: {device} deletes it in its next session")


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
    print(f"order {number}: {device} renames it in its next session")


@commands.command("downloads")
def list_downloads(
    device: str | None = typer.Argument(None, help="Device id; all devices without it."),
) -> None:
    """List profile downloads and their progress

    Deleting and renaming a profile are listed, too.

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
def cancel(number: int = typer.Argument(min=1, max=LARGEST, help="Number in the list.")) -> None:
    """Cancel a download

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
