"""`landbridge coverage`: show and recompute network coverage along routes."""

from itertools import pairwise

import typer

from landbridge.core import table
from landbridge.db.opened import opened
from landbridge.features.coverage import bins, encoding, known
from landbridge.features.coverage import learn as lessons
from landbridge.features.routes.queries import routes
from landbridge.features.routes.queries.routes import Coverage, Key, known_route
from landbridge.geo.route import Waypoint

_NAME = typer.Argument(help="Route name (`landbridge routes list`).")
commands = typer.Typer(help="Show and recompute network coverage along routes")


@commands.command()
def recompute(route: str = _NAME) -> None:
    """Recompute the coverage of a route from its newest trips

    The start of each trip does this automatically.

    \b
    Example:
      landbridge coverage recompute chongqing-duisburg
    """
    with opened() as it, it.database.writing() as connection:
        found = known_route(connection, route)
        observations = lessons.learn(connection, route, [Waypoint(*each) for each in found.stations])
    print(f"route {route}: {observations} network observations")


@commands.command()
def show(route: str = _NAME) -> None:
    """Show the coverage of each leg and network of a route

    \b
    Example:
      landbridge coverage show chongqing-duisburg
    """
    with opened() as it, it.database.reading() as connection:
        found = known_route(connection, route)
        coverage, costs = routes.coverage_of(connection, route), routes.costs(connection, route)
    stations = [Waypoint(*each) for each in found.stations]
    tiles = bins.tiles(lessons.by_tile(coverage), found.places_km)
    table.show(
        ("from km", "station", "observations", "heard well", "learned tiles", "expected share", "networks"),
        (_leg(a, b, coverage, tiles) for a, b in pairwise(stations)),
    )
    table.show(
        ("network", "usable % of its country", "cost %"),
        (
            (each.plmn, each.usable_percent or None, each.cost_percent or None)
            for each in known.networks(coverage, costs, stations)
        ),
    )


def _leg(a: Waypoint, b: Waypoint, coverage: dict[Key, Coverage], tiles: list[int]) -> tuple[object, ...]:
    first = int(a.km // encoding.TILE_KM)
    last = max(int(b.km // encoding.TILE_KM), first + 1)
    here = {key: each for key, each in coverage.items() if first <= key[0] < last}
    bins = tiles[first:last]
    of_bins = [encoding.fraction_of(each) for each in bins]
    return (
        round(a.km),
        a.name,
        sum(each.observations for each in here.values()),
        sum(each.good for each in here.values()),
        sum(encoding.is_learned(each) for each in bins),
        f"{sum(of_bins) / len(of_bins):.2f}",
        " ".join(str(plmn) for plmn in sorted({plmn for _, plmn in here if plmn})),
    )
