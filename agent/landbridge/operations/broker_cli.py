"""`landbridge broker check`: whether a broker has the settings that matter."""

import typer

from landbridge.core import table
from landbridge.core.errors import UserError
from landbridge.db.opened import opened
from landbridge.features.devices import queries as devices
from landbridge.ingest import nats_access
from landbridge.operations import broker_check as checks
from landbridge.protocol.envelope import broker_password

commands = typer.Typer(help="Check the MQTT broker")


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
                row = devices.find(connection, device)
            if row is None:
                raise UserError(f"no device {device}; `landbridge devices list` lists them")
            password = broker_password(it.keyring.unwrap(row.wrapped_key), device)
            found += checks.as_device(it.config.broker, device, password, it.config.devices.broker_port)
    table.show(
        ("check", "", "found", "remedy"),
        ((each.what, "ok" if each.good else "WRONG", each.found, each.remedy) for each in found),
    )
    if not all(each.good for each in found):
        raise typer.Exit(1)


@commands.command()
def issuer() -> None:
    """Print the public key with which a NATS server verifies device permissions

    \b
    Example:
      landbridge broker issuer
    """
    with opened() as it:
        with it.database.reading() as connection:
            is_first = devices.are_none(connection)
        print(nats_access.issuer(it.keyring.signing_key(is_first)))
