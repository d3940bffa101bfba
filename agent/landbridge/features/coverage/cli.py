"""`landbridge coverage`: what the fleet learned about networks along a line."""

from itertools import pairwise

import typer

from landbridge.core import table
from landbridge.db.opened import opened
from landbridge.features.coverage import bins as shares
from landbridge.features.coverage import digest, known
from landbridge.features.coverage import learn as lessons
from landbridge.features.routes.queries import routes as lines
from landbridge.features.routes.queries.routes import Key, Seen, known_line
from landbridge.geo.route import Waypoint

_NAME = typer.Argument(help="Route name (`landbridge lines list`).")
commands = typer.Typer(help="Show and recompute network coverage along routes")


@commands.command()
def learn(line: str = _NAME) -> None:
    """Recompute the coverage of a route from its newest trips

    The start of each trip does this automatically.

    \b
    Example:
      landbridge coverage learn chongqing-duisburg
    """
    with opened() as it, it.database.writing() as connection:
        found = known_line(connection, line)
        looks = lessons.learn(connection, line, [Waypoint(*each) for each in found.stations])
    print(f"route {line}: {looks} network observations")


@commands.command()
def show(line: str = _NAME) -> None:
    """Show the coverage of each leg and network of a route

    \b
    Example:
      landbridge coverage show chongqing-duisburg
    """
    with opened() as it, it.database.reading() as connection:
        found = known_line(connection, line)
        seen, costs = lines.seen(connection, line), lines.costs(connection, line)
    stations = [Waypoint(*each) for each in found.stations]
    tiles = shares.tiles(lessons.by_tile(seen), found.places_km)
    table.show(
        ("from km", "station", "looks", "heard well", "learned tiles", "expected share", "networks"),
        (_leg(a, b, seen, tiles) for a, b in pairwise(stations)),
    )
    table.show(
        ("network", "usable % of its country", "cost %"),
        (
            (each.plmn, each.usable_percent or None, each.cost_percent or None)
            for each in known.networks(seen, costs, stations)
        ),
    )


def _leg(a: Waypoint, b: Waypoint, seen: dict[Key, Seen], tiles: list[int]) -> tuple[object, ...]:
    first = int(a.km // digest.TILE_KM)
    last = max(int(b.km // digest.TILE_KM), first + 1)
    here = {key: each for key, each in seen.items() if first <= key[0] < last}
    bins = tiles[first:last]
    of_bins = [digest.share_of(each) for each in bins]
    return (
        round(a.km),
        a.name,
        sum(each.looks for each in here.values()),
        sum(each.good for each in here.values()),
        sum(digest.is_learned(each) for each in bins),
        f"{sum(of_bins) / len(of_bins):.2f}",
        " ".join(str(plmn) for plmn in sorted({plmn for _, plmn in here if plmn})),
    )
