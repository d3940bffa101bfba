"""`landbridge share-links`: manage share links."""

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.features.devices.queries import known_device
from landbridge.features.sharing import queries as stored
from landbridge.features.sharing import rules as fleet
from landbridge.features.sharing.rules import share_url
from landbridge.features.trips import queries as trips

UNTIL_END = "end of the trip"
commands = typer.Typer(help="Manage share links: read-only access to a trip")


@commands.command()
def add(
    device: str = typer.Argument(help="Device id; its current trip is shared."),
    length: str = typer.Option(
        "", "--for", help="Validity, for example 12h or 30d; default: until the trip ends, at most one year."
    ),
    embed: bool = typer.Option(False, "--embed", help="Allow other sites to embed the page."),
) -> None:
    """Create a share link and print it once

    Only a hash is stored.

    \b
    Examples:
      landbridge share-links add lb-0001
      landbridge share-links add lb-0001 --for 14d
    """
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        trip = trips.running(connection, device)
        if not trip:
            raise UserError(f"{device} is not on a trip; `landbridge trips start {device}` starts one")
        made = fleet.add(connection, trip, length, command_user(), it.clock.now_s(), embed)
    print(share_url(it.config.web, made.secret))


@commands.command("list")
def list_share_links() -> None:
    """List all share links, including expired ones

    \b
    Example:
      landbridge share-links list
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.every(connection)
        now_s = it.clock.now_s()
    table.show(
        ("link", "trip", "container", "from", "until", "created", "by", "state"),
        (
            (
                row.share_link, row.trip, row.container, iso(row.from_s),
                iso(fleet.until_s(row)) or UNTIL_END, iso(row.added_s),
                row.added_by, fleet.state(row, now_s),
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def revoke(share: int = typer.Argument(min=1, max=LARGEST, help="Number in the list.")) -> None:
    """Revoke a share link

    \b
    Example:
      landbridge share-links revoke 3
    """
    with opened() as it, it.database.writing() as connection:
        fleet.revoke(connection, share, command_user(), it.clock.now_s())
    print(f"link {share} is revoked")
