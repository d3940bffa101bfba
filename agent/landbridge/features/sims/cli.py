"""`landbridge sims`: manage the SIM inventory."""

import typer
from sqlalchemy import Connection

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import command_user, opened
from landbridge.features.sims import binding
from landbridge.features.sims import handler as watch
from landbridge.features.sims import inventory as inventory_rules
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.binding import Binding
from landbridge.features.sims.inventory import NewCard
from landbridge.features.sims.queries import SimCard
from landbridge.features.sims.rules import STAGES

commands = typer.Typer(help="Manage the SIM inventory")
_ICCID = typer.Argument(help="ICCID of the card or of one of its profiles.")
_PROFILES = typer.Option([], "--profile", help="ICCID of another profile on the same card; repeatable.")
_IMSIS = typer.Option([], "--imsi", help="IMSI that its applet may use; repeatable. Default: any.")
_STAGE = typer.Argument(help=f"Stage: {', '.join(STAGES)}.")


def _known(connection: Connection, iccid: str) -> SimCard:
    found = inventory.of_iccid(connection, iccid)
    if found is None:
        raise UserError(f"no card {iccid}; `landbridge sims list` lists them")
    return found


@commands.command()
def add(
    iccid: str = _ICCID,
    controls: str = typer.Option(..., "--controls", help="Controls of the card (`landbridge controls set`)."),
    holder: str = typer.Option(..., help="Owner, responsible to the mobile operator."),
    purpose: str = typer.Option(..., help="What the card is used for."),
    profile: list[str] = _PROFILES,
    imsi: list[str] = _IMSIS,
    stage: str = typer.Option("stock", help=f"Stage: {', '.join(STAGES)}."),
) -> None:
    """Add a card

    If its controls require binding, the card is bound to the first device that reports it.

    \b
    Example:
      landbridge sims add 8931440400012345678 --controls resold --holder "ACME Rail" --purpose tracker \\
          --stage test
    """
    card = NewCard((iccid, *profile), controls, holder, purpose, stage, tuple(imsi))
    with opened() as it, it.database.writing() as connection:
        number = inventory_rules.add(connection, card, command_user(), it.clock.now_s())
    print(f"card {number}: {', '.join(dict.fromkeys(card.iccids))}")


@commands.command("list")
def list_cards() -> None:
    """List all cards

    \b
    Example:
      landbridge sims list
    """
    with opened() as it, it.database.reading() as connection:
        cards = inventory.every(connection)
    table.show(
        ("card", "ICCID", "controls", "stage", "owner", "purpose", "binding", "IMEI", "blocked"),
        (
            (
                each.card, " ".join(each.iccids), each.controls, each.stage, each.holder, each.purpose,
                each.binding, each.imei, each.blocked,
            )
            for each in cards
        ),
    )  # fmt: skip


@commands.command()
def history(iccid: str = _ICCID) -> None:
    """Show the history of a card

    \b
    Example:
      landbridge sims history 8931440400012345678
    """
    with opened() as it, it.database.reading() as connection:
        rows = inventory.actions(connection, _known(connection, iccid).card)
    table.show(
        ("time", "what", "why", "by"), ((iso(row.done_s), row.what, row.why, row.done_by) for row in rows)
    )


@commands.command()
def stage(iccid: str = _ICCID, to: str = _STAGE, why: str = typer.Option("", help="Reason.")) -> None:
    """Change the life-cycle stage of a card

    A card that is used while in stock, suspended or retired raises an alarm.

    \b
    Example:
      landbridge sims stage 8931440400012345678 active
    """
    _checked(to)
    with opened() as it, it.database.writing() as connection:
        found = _known(connection, iccid)
        if found.stage == "retired":
            raise UserError(f"card {found.card} is retired; this cannot be undone")
        inventory.change(connection, found.card, {"stage": to}, why, command_user(), it.clock.now_s())
    print(f"card {found.card} is {to}")


@commands.command()
def rebind(iccid: str = _ICCID, why: str = typer.Option("", help="Reason.")) -> None:
    """Allow a card to move to another device

    The next device that reports the card is bound to it.

    \b
    Example:
      landbridge sims rebind 8931440400012345678 --why "device defective"
    """
    with opened() as it, it.database.writing() as connection:
        found = _known(connection, iccid)
        most = watch.demanded(connection, found).rebinds_a_month
        now_s = it.clock.now_s()
        after = binding.announce(
            Binding(found.binding, found.imei), watch.moved_s(connection, found), most, now_s
        )
        inventory.change(connection, found.card, {"binding": after.state}, why, command_user(), now_s)
    print(f"card {found.card} may move from IMEI {found.imei} to another device")


@commands.command()
def block(iccid: str = _ICCID, why: str = typer.Option(..., help="Reason; shown in the alarm.")) -> None:
    """Block a card

    A blocked card raises an alarm when it is used, and `landbridge controls check --lock` locks it.

    \b
    Example:
      landbridge sims block 8931440400012345678 --why stolen
    """
    _block(iccid, why, why)
    print(f"{iccid} is blocked")


@commands.command()
def unblock(iccid: str = _ICCID, why: str = typer.Option("", help="Reason.")) -> None:
    """Unblock a card

    \b
    Example:
      landbridge sims unblock 8931440400012345678
    """
    _block(iccid, None, why)
    print(f"{iccid} is no longer blocked")


def _block(iccid: str, blocked: str | None, why: str) -> None:
    with opened() as it, it.database.writing() as connection:
        card = _known(connection, iccid).card
        inventory.change(connection, card, {"blocked": blocked}, why, command_user(), it.clock.now_s())


def _checked(name: str) -> None:
    if name not in STAGES:
        raise UserError(f"no stage {name!r}; choose from {', '.join(STAGES)}")
