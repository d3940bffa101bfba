"""Points without GNSS on a second container of a route: how many are placed by cells, and how far off.

`python -m tools.verify.tracking.located [--seed N] [--modem bg95]`. Trains and coverage are the simulated
world's: earlier containers take the same route, through the same masts, at their own times, with a fix and
the strongest cell every twenty minutes; the last one has a cell only. Their points go through the agent's own
points and tracking; the true position is that of the train's. It says how it is after one container, after
three and after ten. Writes out/located.json, prints the figures last, and exits with 1 when fewer than nine
in ten lie within their radius, all or those that moved, or fewer than half of them are placed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import landbridge.app  # noqa: F401 - registers the hooks between features
from landbridge.db.database import Database, open_database
from landbridge.features.devices import queries as devices
from landbridge.geo.distance import Place
from landbridge.ingest import new_points
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points import cells, quality
from landbridge.points.queries import points
from landbridge.protocol.point import KIND_CELL, KIND_FIX, QUALITY_GNSS, Point
from landbridge.tracking.recompute import recompute

from tools.options import whole
from tools.verify.harness.stored import store
from tools.world.radio.coverage import Coverage
from tools.world.rail.route import Route
from tools.world.rail.train import Train

OUT = Path("out/located.json")
AHEAD = (1, 3, 10)
START_S = 845_000_000
EVERY_MS = 20 * 60_000
MOST_RECORDS = 64
FIX_ERROR_E5 = 5
WITHIN, PLACED = 0.9, 0.5


class Recorded(NamedTuple):
    """A record, and where it was actually taken."""

    point: Point
    place: Place
    moving: bool


def recorded_trip(coverage: Coverage, route: Route, rng: random.Random, kind: int) -> list[Recorded]:
    """The records of one container; none where no cell is heard."""
    train = Train.draw(route, rng)
    found: list[Recorded] = []
    for ms in range(rng.randrange(EVERY_MS), train.arrival_ms, EVERY_MS):
        heard = [each for each in coverage.cells(train.km(ms), ms) if each.rat != "gsm"]
        if not heard:
            continue
        cell, place = heard[0], Place(*train.position(ms))
        lat, lon = (round(each * 1e5 + rng.gauss(0, FIX_ERROR_E5)) for each in place)
        plmn = int(cell.plmn[:3]) * 1000 + int(cell.plmn[3:])
        record = Point(
            len(found) + 1, START_S + ms // 1000, kind, QUALITY_GNSS, 0, 1, lat, lon, 50, 0, 0, 5, 8, 180, 20,
            plmn, cell.tac, cell.cell_id, min(255, max(0, -cell.rsrp_dbm)), 9,
        )  # fmt: skip
        found.append(Recorded(record.meaningful(), place, train.moving(ms)))
    return found


def deliver(database: Database, device: str, taken: list[Point]) -> None:
    """As uplinks would."""
    now_s = START_S + 100 * 86_400
    with database.writing() as connection:
        devices.add(connection, device, b"-", START_S)
    for i in range(0, len(taken), MOST_RECORDS):
        with database.writing() as connection:
            flagged = [quality.check(each, None, now_s) for each in taken[i : i + MOST_RECORDS]]
            new = store(connection, device, flagged, now_s)
            row = lock_rows(connection, [device])[device]
            new_points.post(connection, [new_points.NewPoints(row, [], [], new)], now_s)
            write(connection, [row])
            recompute(connection, device, now_s)


def evaluated(database: Database, device: str, actual: dict[int, Recorded]) -> dict[str, Any]:
    """Return the errors of the approximate places of `device`, by method and while it moved."""
    with database.reading() as connection:
        found = cells.locate(connection, points.track(connection, device))
    placed = [
        (actual[seq].place.metres_to(Place(each.latitude, each.longitude)), each, actual[seq].moving)
        for seq, each in found.items()
    ]
    figures: dict[str, Any] = {"points": len(actual), "placed": round(len(placed) / len(actual), 3)}
    for which in ("all", "moving", "cell", "area"):
        mine = [
            (error, each)
            for error, each, moving in placed
            if which in ("all", each.method) or (which == "moving" and moving)
        ]
        if mine:
            within = sum(error <= each.radius_m for error, each in mine)
            figures[which] = {
                "points": len(mine),
                "median_error_m": round(statistics.median(error for error, _ in mine)),
                "median_radius_m": round(statistics.median(each.radius_m for _, each in mine)),
                "within_radius": round(within / len(mine), 3),
            }
    return figures


def run(seed: int, modem: str) -> dict[str, Any]:
    """Figures by the number of earlier containers."""
    route = Route.read()
    coverage = Coverage(route, modem, seed)
    last = recorded_trip(coverage, route, random.Random(f"{seed}/last"), KIND_CELL)
    actual = {each.point.seq: each for each in last}
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "landbridge.sqlite3")
        deliver(database, "last", [each.point for each in last])
        for number in range(1, max(AHEAD) + 1):
            ahead = recorded_trip(coverage, route, random.Random(f"{seed}/{number}"), KIND_FIX)
            deliver(database, f"ahead-{number}", [each.point for each in ahead])
            if number in AHEAD:
                figures[str(number)] = evaluated(database, "last", actual)
        database.close()
    return figures


def main() -> int:
    """The figures, and whether they are good enough."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--modem", choices=("bg95", "sim7600"), default="bg95")
    arguments = parser.parse_args()
    figures = run(arguments.seed, arguments.modem)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
    for number, each in figures.items():
        print(f"{number} ahead: {json.dumps(each)}")
    good = all(
        each["all"]["within_radius"] >= WITHIN and each["placed"] >= PLACED for each in figures.values()
    )
    print("located: good" if good else "located: short")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
