"""The `landbridge` command."""

import logging
import signal
import sys
import threading
from collections.abc import Sequence

import typer
from sqlalchemy.exc import DBAPIError
from typer.exceptions import TyperException

from landbridge import config, service
from landbridge.clock import iso
from landbridge.commands import devices, letters, orders, settings, table, trips, update
from landbridge.commands.opened import LARGEST, known_device, opened
from landbridge.errors import UserError, is_one_line
from landbridge.outbound.export import Format, export
from landbridge.store import points
from landbridge.store import trips as stored_trips
from landbridge.store.points import StoredPoint

# Plain help: the examples in it keep their lines.
commands = typer.Typer(
    help="Receives, checks, stores and passes on what Landbridge locators report.",
    epilog="The configuration is ./landbridge.toml, or what LANDBRIDGE_CONFIG names.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
commands.add_typer(devices.commands, name="devices")
commands.add_typer(trips.commands, name="trips")
commands.add_typer(update.commands, name="update")
commands.add_typer(settings.commands, name="settings")
commands.add_typer(orders.commands, name="commands")
commands.add_typer(letters.commands, name="dead-letters")

_DEVICE = typer.Argument(help="Device id.")
_TRIP = typer.Option(None, min=1, max=LARGEST, help="Only this trip (`landbridge trips list`).")
_FORMAT = typer.Option(Format.GEOJSON, "--format", help="What to write.")


def app(arguments: Sequence[str] | None = None) -> None:
    """Run the command; what a person can put right is said in one line, with exit code 2."""
    try:
        given = [_readable(text) for text in (sys.argv[1:] if arguments is None else arguments)]
        code = commands(given or ["--help"], prog_name="landbridge", standalone_mode=False)
    except UserError as error:
        sys.exit(_failure(str(error)))
    except TyperException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "landbridge")
        sys.exit(_failure(f"{error.format_message().rstrip('.')}; see `{where} --help`"))
    except (typer.Abort, BrokenPipeError):
        sys.exit(1)
    except DBAPIError as error:
        sys.exit(_failure(f"database: {error.orig}; if its file is damaged, put the backup in its place"))
    except OSError as error:
        sys.exit(_failure(f"{error}; check that there is space, and the permissions"))
    sys.exit(code)


def _readable(argument: str) -> str:
    if not is_one_line(argument):
        raise UserError(f"argument {argument!r} is not text: write it in UTF-8, without control characters")
    return argument


def _failure(text: str) -> int:
    print("landbridge:", " ".join(text.split()), file=sys.stderr)
    return 2


@commands.command()
def run() -> None:
    """Serve: receive from the broker, store, answer, pass on. Ctrl-C or SIGTERM ends it.

    \b
    Examples:
      landbridge run
      LANDBRIDGE_BROKER_PORT=18883 landbridge run
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    service.run(config.load(), stop)


@commands.command("config")
def print_config() -> None:
    """Print the configuration in force, each key explained.

    \b
    Example:
      landbridge config > my.toml
    """
    print(config.annotated(config.written(must_exist=False)), end="")


@commands.command()
def track(device: str = _DEVICE, trip: int | None = _TRIP) -> None:
    """Show the points of a device by time.

    \b
    Example:
      landbridge track lb-0001
    """
    table.show(
        ("seq", "time", "kind", "latitude", "longitude", "km/h", "mV", "C", "operator", "doubts"),
        (
            (
                stored.point.seq, iso(stored.at_s), stored.point.kind, stored.point.latitude_deg,
                stored.point.longitude_deg, stored.point.speed, stored.point.battery_mv,
                stored.point.temperature_c, stored.point.plmn or None, stored.flags or None,
            )
            for stored in _track(device, trip)
        ),
    )  # fmt: skip


@commands.command("export")
def export_track(
    device: str = _DEVICE,
    form: Format = _FORMAT,
    trip: int | None = _TRIP,
) -> None:
    """Write the track of a device to standard output; GPX has only the points with a position.

    \b
    Examples:
      landbridge export lb-0001 --format gpx > lb-0001.gpx
      landbridge export lb-0001 --format csv --trip 2 > trip-2.csv
    """
    print(export(device, _track(device, trip), form), end="")


def _track(device: str, trip: int | None) -> list[StoredPoint]:
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        if trip is not None and not stored_trips.is_of(connection, trip, device):
            raise UserError(f"{device} has no trip {trip}; `landbridge trips list` shows those there are")
        return points.track(connection, device, trip)


if __name__ == "__main__":
    app()
