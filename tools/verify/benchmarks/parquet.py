"""A year of a fleet as Parquet: how long the export takes, and how long a reader takes for all of it.

`make bench-parquet` fills a database, exports it, and has pyarrow read the folder as one table, whose rows
and sums must be those that were stored. Writes out/bench-parquet.json, and exits with 1 when the export takes
longer than a minute."""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landbridge.db.database import Database, open_database
from landbridge.db.tables import devices, points, trips
from landbridge.features.exports import parquet
from landbridge.protocol.point import Point
from sqlalchemy import Connection, insert

from tools.flash.layout import REPOSITORY
from tools.options import whole

OUT = REPOSITORY / "out" / "bench-parquet.json"
LONGEST_S = 60
BEGIN_S = 820_000_000
DAY_S = 86_400
_TENANTS = ("acme", "bolt", None)
_PART = 20_000


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-parquet")
    parser.add_argument("--devices", type=whole(1), default=1_000)
    parser.add_argument("--days", type=whole(1), default=365)
    parser.add_argument("--a-day", type=whole(1), default=4, help="points of a device")
    parser.add_argument("--out", type=Path, default=OUT)
    wanted = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder), wanted.devices, wanted.days, wanted.a_day)
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    wanted.out.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        print(f"{name:16} {value}")
    wrong = [name for name in ("rows", "battery_sum") if figures[name] != figures[f"{name}_read"]]
    if figures["export_s"] > LONGEST_S:
        wrong.append(f"export_s above {LONGEST_S}")
    for each in wrong:
        print(f"FAILED: {each}", file=sys.stderr)
    return 1 if wrong else 0


def measured(folder: Path, count: int, days: int, a_day: int) -> dict[str, Any]:
    """Fill, export, read; return the figures."""
    database = open_database(folder / "fleet.sqlite3")
    with database.writing() as connection:
        battery_sum = fill(connection, count, days, a_day)
    target = folder / "warehouse"
    begun_s, cpu_s = time.monotonic(), time.process_time()
    written = export(database, target, days)
    took_s, took_cpu_s = time.monotonic() - begun_s, time.process_time() - cpu_s
    database.close()
    import pyarrow.compute
    import pyarrow.dataset

    begun_s = time.monotonic()
    table = pyarrow.dataset.dataset(target / "points", partitioning="hive").to_table()
    return {
        "devices": count,
        "days": days,
        "rows": written["points"],
        "rows_read": table.num_rows,
        "battery_sum": battery_sum,
        "battery_sum_read": pyarrow.compute.sum(table["battery_mv"]).as_py(),
        "files": sum(1 for _ in target.rglob("*.parquet")),
        "bytes": sum(file.stat().st_size for file in target.rglob("*.parquet")),
        "export_s": round(took_s, 1),
        "export_cpu_s": round(took_cpu_s, 1),
        "read_s": round(time.monotonic() - begun_s, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def export(database: Database, target: Path, days: int) -> dict[str, int]:
    """Export all days."""
    return parquet.write_folder(database, target, None, (BEGIN_S, BEGIN_S + (days + 1) * DAY_S))


def fill(connection: Connection, count: int, days: int, a_day: int) -> int:
    """Put devices with a trip and points into an empty database; return the sum of all batteries in mV."""
    names = [f"lb-{number:05}" for number in range(count)]
    key = {"wrapped_key": b"key", "created_s": BEGIN_S}
    connection.execute(insert(devices), [{"device": name, **key} for name in names])
    trip = {"container": "CSQU3054383", "route": "west", "destination": "Poznan", "interval_s": 3600}
    connection.execute(
        insert(trips),
        [
            {"trip": i + 1, "device": name, "tenant": _TENANTS[i % 3], "started_s": BEGIN_S, **trip}
            for i, name in enumerate(names)
        ],
    )
    battery_mv, part = 0, []
    for row in _rows(names, days, a_day):
        battery_mv += row["battery"] * 20
        part.append(row)
        if len(part) == _PART:
            connection.execute(insert(points), part)
            part = []
    if part:
        connection.execute(insert(points), part)
    return battery_mv


def _rows(names: list[str], days: int, a_day: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)
    for trip, name in enumerate(names, 1):
        for number in range(days * a_day):
            at_s = BEGIN_S + number * DAY_S // a_day + chance.randrange(600)
            point = Point(
                number + 1, at_s, 1, 3, 0, 1, 2_956_301 + 7 * number, 10_655_156 - 64 * number, 120, 60,
                45, 5, 9, chance.randrange(165, 182), chance.randrange(-40, 60), 460_000, 4711, 99, 95, 3,
            )  # fmt: skip
            yield {
                **point._asdict(), "device": name, "at_s": at_s, "dated": False, "flags": 0,
                "received_s": at_s + 60, "trip": trip,
            }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
