"""The `landbridge` command."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, TextIO, cast

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_group

from landbridge import app as service
from landbridge import config, config_file
from landbridge.config import base_url
from landbridge.core import logs, printable, table
from landbridge.core.clock import from_iso, iso
from landbridge.core.errors import UserError, is_one_line
from landbridge.core.parts import Part, Source
from landbridge.core.printable import Printable
from landbridge.db.opened import LARGEST, opened
from landbridge.features.devices.queries import known_device
from landbridge.features.exports.formats import Format, export
from landbridge.features.trips import queries as stored_trips
from landbridge.features.users.tokens_cli import signed_in
from landbridge.operations import backup as keeping
from landbridge.operations import doctor
from landbridge.operations.setup import command as setting_up
from landbridge.points.paged import Paged
from landbridge.points.queries import points

GROUPS = {
    "devices": ("features.devices.cli", "features.devices.bulk_cli", "features.diagnostics.cli"),
    "trips": ("features.trips.cli", "features.trips.bulk_cli"),
    "events": ("events.cli",),
    "alarms": ("features.alarms.cli",),
    "audit": ("features.audit.cli",),
    "reports": ("features.reports.cli",),
    "routes": ("features.routes.cli",),
    "geofences": ("features.geofences.cli", "features.geofences.bulk_cli"),
    "coverage": ("features.coverage.cli",),
    "updates": ("features.updates.cli",),
    "esim": ("features.esim.cli", "features.downloads.cli"),
    "cells": ("features.coverage.cells_cli",),
    "sims": ("features.sims.cli", "features.sims.bulk_cli"),
    "controls": ("features.sims.controls_cli",),
    "settings": ("features.settings.cli",),
    "commands": ("features.commands.cli",),
    "share-links": ("features.sharing.cli",),
    "tokens": ("features.users.tokens_cli",),
    "users": ("features.users.cli", "features.users.bulk_cli"),
    "notifications": ("features.notifications.cli",),
    "integrations": ("features.integrations.cli",),
    "dead-letters": ("ingest.cli",),
    "broker": ("operations.broker_cli",),
}
"""Groups of commands, and the modules of `landbridge` in which their commands are."""


class _Command(TyperCommand):
    """A command whose error names all that is missing, not only the first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, [*args])
        except TyperException as error:
            given, known = self.make_parser(ctx).parse_args(args=[*args])[0], cast(Any, self.get_params(ctx))
            missing = [each for each in known if each.required and given.get(each.name) is None]
            if getattr(error, "param", None) not in missing:
                raise
            names = ", ".join(f"{each.param_type_name} {each.get_error_hint()}" for each in missing)
        raise UserError(f"Missing {names}; see `{ctx.command_path} --help`")


def _loaded(module: str) -> TyperGroup:
    """The commands of a module."""
    found = import_module(f"landbridge.{module}").commands
    found.rich_markup_mode = commands.rich_markup_mode
    return get_group(_with_complete_errors(found))


def _with_complete_errors(found: typer.Typer) -> typer.Typer:
    for each in found.registered_commands:
        each.cls = _Command
    return found


class _Groups(TyperGroup):
    """Commands of which a group is loaded when it is wanted: all of them take longer than most commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.commands, *(name for name in GROUPS if name not in self.commands)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in GROUPS and cmd_name not in self.commands:
            group, *others = map(_loaded, GROUPS[cmd_name])
            for each in others:
                group.commands.update(each.commands)
            self.commands[cmd_name] = group
        return super().get_command(ctx, cmd_name)


# Plain help: the examples in it keep their lines.
commands = typer.Typer(
    cls=_Groups,
    help="Receive, check, store and publish the uplinks of Landbridge trackers.",
    epilog="The configuration file is ./landbridge.toml, or the file that LANDBRIDGE_CONFIG names. "
    "`landbridge COMMAND --help` shows options and examples.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
commands.command()(setting_up.setup)

_DEVICE = typer.Argument(help="Device id.")
_TRIP = typer.Option(None, min=1, max=LARGEST, help="Trip number (`landbridge trips list`); default: all.")
_DATA = typer.Option(
    None, help="Installation folder, with landbridge.toml; takes precedence over LANDBRIDGE_CONFIG."
)
_ONLY = typer.Option(None, help="Run only this part.")
_SOURCE = typer.Option(Source.MQTT, help="Where uplinks come from.")
_SHOWN = typer.Argument(None, help="Device id; open its page first.")
_WEB_PORT = typer.Option(8080, "--port", min=1, max=65535, help="TCP port on this machine (loopback only).")
_FOLDER = typer.Argument(help="Folder to write to.")
_FORMAT = typer.Option(Format.GEOJSON, "--format", help="File format.")


def app(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error that a person can correct is printed in one line, with exit code 2."""
    with redirect_stdout(cast(TextIO, Printable(sys.stdout))):
        run_command(arguments)


def run_command(arguments: Sequence[str] | None) -> None:
    try:
        given = [_readable(text) for text in (sys.argv[1:] if arguments is None else arguments)]
        code = _with_complete_errors(commands)(
            given or ["--help"], prog_name="landbridge", standalone_mode=False
        )
    except UserError as error:
        sys.exit(_failure(str(error)))
    except TyperException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "landbridge")
        why = error.format_message().replace("Value error, ", "").rstrip(".")
        sys.exit(_failure(f"{why}; see `{where} --help`"))
    except (typer.Abort, BrokenPipeError):
        sys.exit(1)
    except DBAPIError as error:
        sys.exit(_failure(f"database: {error.orig}; if its file is damaged, put the backup in its place"))
    except OSError as error:
        remedy = (
            "the path" if isinstance(error, FileNotFoundError) else "that there is space, and the permissions"
        )
        sys.exit(_failure(f"{error}; check {remedy}"))
    sys.exit(code)


def _readable(argument: str) -> str:
    if not is_one_line(argument):
        raise UserError(f"argument {argument!r} is not text: write it in UTF-8, without control characters")
    return argument


def _failure(text: str) -> int:
    print("landbridge:", printable.line(" ".join(text.split())), file=sys.stderr)
    return 2


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"landbridge {metadata.version('landbridge')}")
        raise typer.Exit


_VERSION = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version.")


@commands.callback()
def main(data: Path | None = _DATA, version: bool = _VERSION) -> None:
    """Take the options before a command."""
    if data is not None:
        os.environ[config_file.FILE_VARIABLE] = str(data / config_file.DEFAULT_FILE)


@commands.command()
def run(only: Part | None = _ONLY, source: Source = _SOURCE) -> None:
    """Run the agent

    Receives uplinks from the broker, stores them, answers devices and publishes events. Serves the pages if
    [web] port is set. Stops on Ctrl-C or SIGTERM. With --source nats, several agents share the fleet.

    \b
    Examples:
      landbridge run
      landbridge run --only web
      landbridge run --source nats
      LANDBRIDGE_BROKER_PORT=18883 landbridge run
    """
    loaded = config_file.load()
    stop = _stopped_by_signals(loaded.watch.json_log)
    service.run(loaded, stop, only=only, source=source)


@commands.command()
def web(device: str | None = _SHOWN, port: int = _WEB_PORT) -> None:
    """Serve the web pages on this machine only, without the agent

    Prints a sign-in link for the browser. Stops on Ctrl-C.

    \b
    Examples:
      landbridge web
      landbridge --data out/demo/agent web lb-demo-1
    """
    loaded = config_file.load()
    # An agent that runs at the same time has the port of [watch].
    here = replace(loaded, web=config.Web(port=port), watch=replace(loaded.watch, port=0))
    with opened() as it, signed_in(it.database, it.clock) as secret:
        if device is not None:
            with it.database.reading() as connection:
                known_device(connection, device)
        # After the #, where neither a log nor a proxy sees it.
        after = f"?after=/devices/{device}" if device is not None else ""
        print(f"{base_url(here.web)}/sign-in{after}#{secret}", flush=True)
        service.run(here, _stopped_by_signals(here.watch.json_log), only=Part.WEB)


def _stopped_by_signals(json_log: bool) -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set; the log goes to standard error."""
    logs.begin(json_log)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@commands.command("config")
def print_config() -> None:
    """Print the configuration in force, with explanations

    \b
    Example:
      landbridge config > my.toml
    """
    print(config_file.annotated(config_file.load_unresolved(must_exist=False)), end="")


commands.command()(doctor.doctor)
commands.command()(keeping.backup)
commands.command("reprocess")(keeping.read_again)


@commands.command()
def track(device: str = _DEVICE, trip: int | None = _TRIP) -> None:
    """Print the points of a device as a table

    \b
    Example:
      landbridge track lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        _check(connection, device, trip)
        found = points.track(connection, device, trip)
    table.show(
        ("seq", "time", "kind", "latitude", "longitude", "km/h", "mV", "C", "network", "quality flags"),
        (
            (
                stored.point.seq, iso(stored.at_s), stored.point.kind, stored.point.latitude_deg,
                stored.point.longitude_deg, stored.point.speed, stored.point.battery_mv,
                stored.point.temperature_c, stored.point.plmn or None, stored.flags or None,
            )
            for stored in found
        ),
    )  # fmt: skip


@commands.command("export")
def export_track(
    device: str = _DEVICE,
    form: Format = _FORMAT,
    trip: int | None = _TRIP,
) -> None:
    """Write the track of a device as GeoJSON, GPX, KML or CSV

    Writes to standard output. GPX and KML contain only points with a position.

    \b
    Examples:
      landbridge export lb-0001 --format gpx > lb-0001.gpx
      landbridge export lb-0001 --format csv --trip 2 > trip-2.csv
    """
    with opened() as it:
        with it.database.reading() as connection:
            _check(connection, device, trip)
        track = Paged(it.database, device, None if trip is None else [trip])
        sys.stdout.writelines(export(device, track, form))


@commands.command("export-days")
def export_days(
    folder: Path = _FOLDER,
    since: str | None = typer.Option(None, help="First day, for example 2026-01-01; default: all."),
    until: str | None = typer.Option(None, help="Day after the last one; default: all."),
    tenant: str | None = typer.Option(None, help="Only trips of this tenant."),
) -> None:
    """Export points and events as Parquet, by day and tenant

    \b
    Example:
      landbridge export-days warehouse --since 2026-01-01 --tenant acme
    """
    from landbridge.features.exports import parquet

    span = (from_iso(since) if since else 0, from_iso(until) if until else LARGEST)
    with opened() as it:
        written = parquet.write_folder(it.database, folder, tenant, span)
    print(f"{folder}: {written['points']} points, {written['events']} events")


def _check(connection: Connection, device: str, trip: int | None) -> None:
    known_device(connection, device)
    if trip is not None and not stored_trips.is_of(connection, trip, device):
        raise UserError(f"{device} has no trip {trip}; `landbridge trips list` lists them")
