"""`landbridge integrations`: manage integrations."""

import json
from typing import Any

import typer
from sqlalchemy import Row

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.given import given
from landbridge.db.opened import command_user, opened
from landbridge.features.integrations import queries as stored
from landbridge.features.integrations import rules as fleet
from landbridge.features.integrations import webhook
from landbridge.features.integrations.kinds import KINDS

commands = typer.Typer(help="Manage integrations: webhook, DCSA, Traccar")
_WHAT = typer.Option([], help="Message type: event, position or track; repeatable. Default: all it supports.")
_ONLY = typer.Option(
    [], "--what", help="Its message types from now on: event, position or track; repeatable."
)
_FINISH = typer.Option(
    False, "--finish", help="Stop signing with the old secret, once the receiver has the new one."
)
_NAME = typer.Argument(help="Name of the integration.")
_OWNER = typer.Option(
    None, "--tenant", help="Its tenant, or operator; needed if the name exists more than once."
)
_KINDS = "; ".join(f"{name}: {kind.help}" for name, kind in KINDS.items())


@commands.command()
def add(
    name: str = _NAME,
    address: str = typer.Argument(help="URL."),
    kind: str = typer.Option("webhook", help=f"{_KINDS}."),
    tenant: str | None = typer.Option(None, help="Only messages from trips of this tenant."),
    what: list[str] = _WHAT,
) -> None:
    """Add an integration

    It receives each message from now on at least once, in order per device.

    \b
    Examples:
      landbridge integrations add erp https://erp.example/hooks/landbridge --tenant acme --what event
      landbridge integrations add map http://traccar.example:5055 --kind traccar
    """
    with opened(make=True) as it, it.database.writing() as connection:
        secret = fleet.add(
            connection, it.keyring, name, kind, address, tenant, what, command_user(), it.clock.now_s()
        )
    if (spelled := KINDS[kind].spelled) is not None:
        print(spelled(secret))


@commands.command("list")
def list_integrations() -> None:
    """List integrations, their backlog and last error

    \b
    Example:
      landbridge integrations list
    """
    with opened() as it, it.database.reading() as connection:
        rows = [
            (
                row.name,
                row.kind,
                row.address,
                row.tenant,
                " ".join(json.loads(row.what)),
                row.delivered,
                None if row.removed_s else fleet.waiting(connection, row),
                iso(row.delivered_s),
                len(stored.retries(connection, row.integration)) or None,
                row.failure,
                _state(row),
            )
            for row in stored.every(connection)
        ]  # fmt: discard
    heads = (
        "name",
        "kind",
        "address",
        "tenant",
        "what",
        "delivered",
        "waiting",
        "last",
        "devices refused",
        "failure",
        "state",
    )  # fmt: discard
    table.show(heads, rows)


def _state(row: Row[Any]) -> str:
    if row.removed_s is not None:
        return f"removed {iso(row.removed_s)}"
    return "paused" if row.paused else "active"


@commands.command()
def edit(
    name: str = _NAME,
    address: str | None = typer.Option(None, help="Its new URL."),
    what: list[str] = _ONLY,
    tenant: str | None = _OWNER,
) -> None:
    """Change the URL or the message types of an integration

    Waiting messages go to the new URL at once. Its secret stays.

    \b
    Examples:
      landbridge integrations edit erp --address https://erp.example/hooks/v2
      landbridge integrations edit erp --what event --what track
    """
    _change(name, tenant, **given(address=address, what=what))
    print(f"integration {name} is changed")


@commands.command()
def pause(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Pause an integration: its messages wait

    \b
    Example:
      landbridge integrations pause erp
    """
    _change(name, tenant, paused=True)
    print(f"integration {name} is paused; `landbridge integrations resume {name}` resumes it")


@commands.command()
def resume(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Resume a paused integration: waiting messages are sent

    \b
    Example:
      landbridge integrations resume erp
    """
    _change(name, tenant, paused=False)
    print(f"integration {name} is resumed")


def _change(name: str, tenant: str | None, **changes: Any) -> None:
    with opened() as it, it.database.writing() as connection:
        fleet.change(connection, fleet.known(connection, name, tenant), changes, it.clock.now_s())


@commands.command()
def deliveries(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """List devices whose next message the receiver rejects, and why

    \b
    Example:
      landbridge integrations deliveries map
    """
    with opened() as it, it.database.reading() as connection:
        found = fleet.known(connection, name, tenant)
        rows = stored.retries(connection, found.integration)
    table.show(
        ("device", "message", "attempts", "next", "failure"),
        ((each.device, each.message, each.attempts, iso(each.next_s), each.failure) for each in rows),
    )


@commands.command()
def discard(
    name: str = _NAME, device: str = typer.Argument(help="Device id."), tenant: str | None = _OWNER
) -> None:
    """Discard a device's rejected message, so that later ones are sent

    Later messages of the device are retried at once.

    \b
    Example:
      landbridge integrations discard map lb-0001
    """
    with opened() as it, it.database.writing() as connection:
        message = fleet.discard(
            connection, fleet.known(connection, name, tenant), device, command_user(), it.clock.now_s()
        )
    print(f"message {message} of {device} is discarded for {name}")


@commands.command()
def rotate(name: str = _NAME, finish: bool = _FINISH, tenant: str | None = _OWNER) -> None:
    """Give a webhook a new secret

    Messages are signed with both secrets until you finish.

    \b
    Examples:
      landbridge integrations rotate erp
      landbridge integrations rotate erp --finish
    """
    with opened() as it, it.database.writing() as connection:
        if finish:
            fleet.finish_rotation(connection, fleet.known(connection, name, tenant))
        else:
            secret = fleet.rotate(connection, it.keyring, fleet.known(connection, name, tenant))
    print(f"the old secret of {name} is no longer used" if finish else webhook.spelled(secret))


@commands.command()
def replay(
    name: str = _NAME,
    first: int = typer.Option(..., "--from", min=1, help="Message number, from webhook-id: msg_<number>."),
    tenant: str | None = _OWNER,
) -> None:
    """Send events and tracks again, from a message number on

    Events and tracks come in order under their ids, as far back as [store] raw_days.

    \b
    Example:
      landbridge integrations replay erp --from 14577230000129
    """
    with opened() as it, it.database.writing() as connection:
        days, now_s = it.config.store.raw_days, it.clock.now_s()
        count = fleet.replay(
            connection, fleet.known(connection, name, tenant), first, days, command_user(), now_s
        )
    print(f"{count} messages are sent to {name} again")


@commands.command()
def remove(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Remove an integration and its waiting messages

    \b
    Example:
      landbridge integrations remove erp
    """
    with opened() as it, it.database.writing() as connection:
        fleet.remove(connection, fleet.known(connection, name, tenant), command_user(), it.clock.now_s())
    print(f"integration {name} is removed")
