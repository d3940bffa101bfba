"""`landbridge broker check`: check the broker's settings."""

import typer

from landbridge.config import MOSQUITTO
from landbridge.core import table
from landbridge.core.errors import UserError
from landbridge.core.names import OPERATOR, checked
from landbridge.db.opened import opened
from landbridge.features.devices import broker_users
from landbridge.features.devices import queries as devices
from landbridge.ingest import nats_access
from landbridge.operations import broker_check as checks
from landbridge.protocol.envelope import broker_password

commands = typer.Typer(help="Check the MQTT broker, and manage its users")


@commands.command()
def check(
    device: str | None = typer.Option(None, help="Also test the permissions of this device."),
) -> None:
    """Check the settings of the broker

    Works while the agent runs. The exit code is 1 if a setting is wrong.

    \b
    Examples:
      landbridge broker check
      landbridge broker check --device lb-0001
    """
    with opened() as it:
        found = checks.as_agent(it.config.broker)
        if device is not None:
            with it.database.reading() as connection:
                row = devices.device_in_use(connection, device)
            password = broker_password(it.keyring.unwrap(row.wrapped_key), device)
            found += checks.as_device(it.config.broker, device, password, it.config.devices.broker_port)
    table.show(
        ("check", "", "found", "remedy"),
        ((each.what, "ok" if each.good else "WRONG", each.found, each.remedy) for each in found),
    )
    if not all(each.good for each in found):
        raise typer.Exit(1)


@commands.command()
def sync() -> None:
    """Bring the users at the broker up to date with the devices

    Adds missing users, removes users without a device in use. The agent does this automatically every
    minute.

    \b
    Example:
      landbridge broker sync
    """
    with opened() as it:
        if it.config.broker.users != MOSQUITTO:
            raise UserError("the broker's users are managed manually, or by NATS: see [broker] users")
        changed = broker_users.sync(it.config.broker, it.database, it.keyring)
    print(f"{len(changed.missing)} users added, {len(changed.extra)} removed")


@commands.command("add-platform")
def add_platform(
    name: str = typer.Argument(help="Name of the user at the broker."),
    tenant: str = typer.Option(OPERATOR, help="Tenant whose topics it may read."),
) -> None:
    """Add a platform as broker user; print its password once

    It may read what the agent publishes for the tenant; for the operator's, also what [broker] home_assistant
    publishes.

    \b
    Examples:
      landbridge broker add-platform erp
      landbridge broker add-platform acme-erp --tenant acme
    """
    checked(name, "platform")
    with opened() as it:
        if it.config.broker.users != MOSQUITTO:
            raise UserError("the broker's users are managed manually: see docs/guide/broker.md")
        with it.database.reading() as connection:
            if devices.find(connection, name):
                raise UserError(f"{name} is a device; choose another name")
        with broker_users.control(it.config.broker) as there:
            if tenant == OPERATOR:
                print(there.add_platform(name, tenant, it.config.broker.home_assistant))
            else:
                print(there.add_platform(name, checked(tenant, "tenant")))


@commands.command()
def issuer() -> None:
    """Print the key with which NATS verifies permissions

    \b
    Example:
      landbridge broker issuer
    """
    with opened() as it:
        with it.database.reading() as connection:
            is_first = devices.are_none(connection)
        print(nats_access.issuer(it.keyring.signing_key(is_first)))
