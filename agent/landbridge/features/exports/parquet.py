"""Points and events as Parquet, a file a day and tenant, for notebooks and warehouses.

Folders are named as Hive does it, points/tenant=acme/day=2026-01-05.parquet: tools read all of them as one
table. pyarrow is loaded when it is first needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.db.database import Database
from landbridge.features.exports import queries as stored
from landbridge.points import quality
from landbridge.protocol.point import KIND_FIX

MEDIA_TYPE = "application/vnd.apache.parquet"
_UNIX_S = 946_684_800
"""2000-01-01 in Unix time."""
Rows = Sequence[Sequence[Any]]


class Kind(NamedTuple):
    """The exported kinds of data."""

    name: str
    columns: dict[str, str]
    """Arrow's type of each column."""


POINTS = Kind(
    "points",
    {
        "tenant": "string", "device": "string", "container": "string", "trip": "int64", "route": "string",
        "seq": "int64", "time": "timestamp", "received": "timestamp", "latitude": "float64",
        "longitude": "float64", "altitude_m": "int32", "speed_kmh": "int32", "heading_deg": "int32",
        "hdop": "float32", "satellites": "int32", "battery_mv": "int32", "temperature_c": "float32",
        "plmn": "int32", "tac": "int64", "cell": "int64", "rsrp_dbm": "int32", "motion": "int32",
        "events": "int32", "quality_flags": "int64",
    },
)  # fmt: skip
EVENTS = Kind(
    "events",
    {
        "tenant": "string", "device": "string", "container": "string", "trip": "int64", "route": "string",
        "event": "int64", "id": "string", "type": "string", "time": "timestamp", "content": "string",
    },
)  # fmt: skip
KINDS = {each.name: each for each in (POINTS, EVENTS)}


def write_folder(
    database: Database, folder: Path, tenant: str | None, span: tuple[int, int]
) -> dict[str, int]:
    """Write files of all days in [from, until) to `folder`; return the number of rows by kind. A file is
    complete, or not there."""
    written = {}
    # In memory, sorting a year of a large fleet would take gigabytes.
    with closing(Database(database.place, sorts_on_disk=True)) as sorting, sorting.reading() as connection:
        for kind in KINDS.values():
            written[kind.name] = sum(
                _write_day(kind, folder, rows) for rows in _by_day(_pages(connection, kind, tenant, span))
            )
    return written


def write(
    connection: Connection, kind: Kind, tenant: str | None, span: tuple[int, int], file: BinaryIO
) -> int:
    """Write one file with all rows in [from, until); return their number."""
    return _write(kind, _pages(connection, kind, tenant, span), file)


def _pages(connection: Connection, kind: Kind, tenant: str | None, span: tuple[int, int]) -> Iterator[Rows]:
    pages = stored.all_points if kind is POINTS else stored.all_events
    return pages(connection, tenant, span)


def _by_day(pages: Iterable[Rows]) -> Iterator[tuple[tuple[int, str], Iterator[Rows]]]:
    """Yield each day and tenant with its rows, in pieces of pages."""
    pieces = (
        (key, list(rows)) for page in pages for key, rows in groupby(page, key=lambda row: (row[0], row[1]))
    )
    for key, found in groupby(pieces, key=lambda piece: piece[0]):
        yield key, (rows for _, rows in found)


def _write_day(kind: Kind, folder: Path, day: tuple[tuple[int, str], Iterator[Rows]]) -> int:
    (number, tenant), pieces = day
    date = (iso(number * stored.DAY_S) or "")[:10]
    file = folder / kind.name / f"tenant={tenant}" / f"day={date}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    with part.open("wb") as target:
        count = _write(kind, pieces, target)
    part.replace(file)
    return count


def _write(kind: Kind, pieces: Iterable[Rows], target: BinaryIO) -> int:
    """Write rows as one file; return their number."""
    import pyarrow
    from pyarrow import parquet

    types = {name: _type(pyarrow, text) for name, text in kind.columns.items()}
    schema = pyarrow.schema(list(types.items()))
    table = _point_columns if kind is POINTS else _event_columns
    count = 0
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for rows in pieces:
            values = table(rows)
            arrays = [pyarrow.array(values[name], types[name]) for name in kind.columns]
            writer.write_table(pyarrow.table(arrays, schema=schema))
            count += len(rows)
    return count


def _type(pyarrow: Any, text: str) -> Any:
    return pyarrow.timestamp("s", tz="UTC") if text == "timestamp" else getattr(pyarrow, text)()


def _point_columns(rows: Rows) -> dict[str, Sequence[Any]]:
    """Return the columns in natural units. A position that means nothing is left out."""
    found = dict(zip(stored.POINT_NAMES, zip(*rows, strict=True), strict=True))
    is_placed = [
        kind == KIND_FIX and not flags & quality.NOWHERE
        for kind, flags in zip(found["kind"], found["flags"], strict=True)
    ]
    natural = {
        "time": [None if each is None else each + _UNIX_S for each in found["at_s"]],
        "received": [each + _UNIX_S for each in found["received_s"]],
        "quality_flags": found["flags"],
        "battery_mv": [each * 20 or None for each in found["battery"]],
        "temperature_c": [each / 2 for each in found["temperature"]],
        "plmn": [each or None for each in found["plmn"]],
        "rsrp_dbm": [-each if each else None for each in found["rsrp"]],
    }
    for name, source, natural_of in _OF_POSITION:
        natural[name] = [
            natural_of(each) if known and each is not None else None
            for known, each in zip(is_placed, found[source], strict=True)
        ]
    return found | natural


_OF_POSITION: tuple[tuple[str, str, Callable[[int], float]], ...] = (
    ("latitude", "lat", lambda value: value / 1e5),
    ("longitude", "lon", lambda value: value / 1e5),
    ("altitude_m", "alt", lambda value: value * 2),
    ("speed_kmh", "speed", int),
    ("heading_deg", "heading", lambda value: value * 2),
    ("hdop", "hdop", lambda value: value / 5),
    ("satellites", "sats", int),
)


def _event_columns(rows: Rows) -> dict[str, Sequence[Any]]:
    found = dict(zip(stored.EVENT_NAMES, zip(*rows, strict=True), strict=True))
    return found | {"time": [each + _UNIX_S for each in found["at_s"]]}
