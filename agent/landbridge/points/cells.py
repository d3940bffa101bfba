"""Positions of points that have only a cell: from where the fleet heard that cell, and from lists.

What is known of a cell is the box around all good fixes under it, but for the first and the newest of each
device, which are not settled: the same in whatever order, and however often, they come. It is looked up when
a point is read, so that one that could not be placed yesterday can be today."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians
from typing import Annotated, NamedTuple, TextIO

from sqlalchemy import Connection

from landbridge.core import files
from landbridge.core.checked import WholeWithin, Within, checked_row, strict
from landbridge.core.errors import UserError
from landbridge.features.coverage import queries as cells
from landbridge.features.coverage.queries import Box, Cell
from landbridge.geo.distance import M_A_DEGREE
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import KIND_FIX
from landbridge.tracking.detected import to_track_point
from landbridge.tracking.speed import settled

BEYOND_M = {"cell": 5_000, "list": 2_000, "area": 45_000}
"""Cells extend beyond the box of their fixes; tools/verify/tracking/located.py checks that nine in ten points
are within the radius."""
LARGEST_M = 120_000
"""A wider box contains a wrong fix, or an identity that two cells share."""
_E5_M = M_A_DEGREE / 1e5
"""Metres in 1e-5 degrees."""
_MOST_RANGE_M = 100_000
_COLUMNS = ("radio", "mcc", "net", "area", "cell", "unit", "lon", "lat", "range")


@strict
@dataclass(frozen=True)
class _Row:
    """Limits of a list's row; area and cell may be as long as in 5G."""

    mcc: Annotated[int, WholeWithin(0, 999)]
    net: Annotated[int, WholeWithin(0, 999)]
    area: Annotated[int, WholeWithin(0, (1 << 24) - 1)]
    cell: Annotated[int, WholeWithin(0, (1 << 36) - 1)]
    lon: Annotated[float, Within(-180, 180)]
    lat: Annotated[float, Within(-90, 90)]
    range: Annotated[float, Within(0, 1e9)]


class Located(NamedTuple):
    """The approximate place of a point without a fix: nine in ten are within the radius."""

    latitude: float
    longitude: float
    radius_m: int
    method: str
    """cell: from the fleet; list: from an imported list; area: from other cells of its tracking area."""


def learn(connection: Connection, fixes: Iterable[StoredPoint]) -> None:
    """Learn from settled good fixes (tracking/speed.py) where their cells are."""
    heard: dict[Cell, Box] = {}
    for each in fixes:
        cell = _cell(each)
        if cell is not None and to_track_point(each).place:
            box = _box_of(each)
            heard[cell] = heard[cell].with_box(box) if cell in heard else box
    known = cells.known(connection, heard, listed=False)
    # Most boxes are unchanged: then nothing is written, and no other agent has to wait.
    grown = {
        cell: box
        for cell, box in heard.items()
        if cell not in known or known[cell].with_box(box) != known[cell]
    }
    cells.grow(connection, grown)


def unlearn(connection: Connection, flagged: Iterable[StoredPoint]) -> None:
    """Recompute the boxes with a newly flagged fix on their edge: late data may disprove a fix that was
    learned. Other boxes do not change without it."""
    under = [(cell, _box_of(each)) for each in flagged if (cell := _cell(each)) is not None]
    known = cells.known(connection, {cell for cell, _ in under}, listed=False)
    wrong = {cell for cell, box in under if cell in known and known[cell].is_touched(box)}
    if wrong:
        cells.forget(connection, wrong)
        cells.grow(connection, cells.around_fixes(connection, wrong, quality.NO_PLACE))


def relearn(connection: Connection, device: str) -> None:
    """Learn from all stored points of a device."""
    learn(connection, settled(points.track(connection, device), None))


def locate(connection: Connection, stored: Sequence[StoredPoint]) -> dict[int, Located]:
    """Return the places of points with a cell and without a fix, by sequence, as far as known now."""
    lacking = {
        each.point.seq: cell
        for each in stored
        if each.point.kind != KIND_FIX and (cell := _cell(each)) is not None
    }
    wanted = set(lacking.values())
    heard = cells.known(connection, wanted, listed=False)
    listed = cells.known(connection, wanted - heard.keys(), listed=True)
    rest = wanted - heard.keys() - listed.keys()
    areas = cells.areas(connection, {(each.plmn, each.tac) for each in rest})
    found: dict[int, Located] = {}
    for seq, cell in lacking.items():
        area = areas.get((cell.plmn, cell.tac))
        for box, method in ((heard.get(cell), "cell"), (listed.get(cell), "list"), (area, "area")):
            place = _located(box, method) if box is not None else None
            if place is not None:
                found[seq] = place
                break
    return found


def read(file: TextIO, where: str) -> Iterator[tuple[Cell, Box]]:
    """Yield the cells of a list in OpenCelliD's format; `UserError` names the wrong line."""
    rows = csv.reader(files.lines(file, where))
    for number, row in enumerate(rows, 1):
        if number == 1 and row[: len(_COLUMNS)] == list(_COLUMNS):
            continue
        try:
            found = checked_row(_Row, dict(zip(_COLUMNS, row, strict=False)), f"{where}, line {number}")
        except UserError as error:
            raise UserError(f"{error}; rows are {','.join(_COLUMNS)},... as OpenCelliD has them") from None
        south, west = round(found.lat * 1e5), round(found.lon * 1e5)
        spread_m = min(int(found.range), _MOST_RANGE_M)
        yield (
            Cell(found.mcc * 1000 + found.net, found.area, found.cell),
            Box(south, south, west, west, spread_m),
        )


def _box_of(fix: StoredPoint) -> Box:
    lat, lon = fix.point.lat or 0, fix.point.lon or 0
    return Box(lat, lat, lon, lon)


def _cell(stored: StoredPoint) -> Cell | None:
    point = stored.point
    if not point.plmn or point.tac is None or not point.cell:
        return None
    return Cell(point.plmn, point.tac, point.cell)


def _located(box: Box, method: str) -> Located | None:
    lat, lon = (box.south + box.north) / 2e5, (box.west + box.east) / 2e5
    north_m = (box.north - box.south) / 2 * _E5_M
    east_m = (box.east - box.west) / 2 * _E5_M * cos(radians(lat))
    radius_m = hypot(north_m, east_m) + max(box.range_m, BEYOND_M[method])
    if radius_m > LARGEST_M:
        return None
    return Located(round(lat, 5), round(lon, 5), round(radius_m), method)
