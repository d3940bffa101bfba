"""Cells and the boxes in which they were heard."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from landbridge.db.tables import cells, points
from landbridge.protocol.point import KIND_FIX

_AT_ONCE = 500
"""Cells in one statement."""


class Cell(NamedTuple):
    """The identity of a cell."""

    plmn: int
    tac: int
    cell: int


class Box(NamedTuple):
    """The box in which it was heard, in 1e-5 degrees, and the metres beyond it."""

    south: int
    north: int
    west: int
    east: int
    range_m: int = 0

    def with_box(self, other: "Box") -> "Box":
        """Return the box around both."""
        return Box(
            min(self.south, other.south),
            max(self.north, other.north),
            min(self.west, other.west),
            max(self.east, other.east),
            max(self.range_m, other.range_m),
        )

    def is_touched(self, other: "Box") -> bool:
        """Whether the other box lies inside and touches the edge."""
        sides = self.south == other.south, self.north == other.north, self.west == other.west
        return self.with_box(other) == self and (any(sides) or self.east == other.east)


def known(connection: Connection, wanted: Collection[Cell], listed: bool) -> dict[Cell, Box]:
    """Return the known ones of the wanted cells, from the fleet or from a list."""
    found: dict[Cell, Box] = {}
    every = sorted(wanted)
    name = tuple_(cells.c.plmn, cells.c.tac, cells.c.cell)
    for i in range(0, len(every), _AT_ONCE):
        rows = select(cells).where(name.in_(every[i : i + _AT_ONCE]), cells.c.listed == listed)
        found |= {_cell(row): _box(row) for row in connection.execute(rows)}
    return found


def areas(connection: Connection, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], Box]:
    """Return the boxes of tracking areas, (PLMN, TAC), around the cells that the fleet has heard there."""
    sides = (func.min(cells.c.south), func.max(cells.c.north), func.min(cells.c.west), func.max(cells.c.east))
    found: dict[tuple[int, int], Box] = {}
    every = sorted(wanted)
    for i in range(0, len(every), _AT_ONCE):
        named = tuple_(cells.c.plmn, cells.c.tac).in_(every[i : i + _AT_ONCE])
        rows = select(cells.c.plmn, cells.c.tac, *sides).where(named, cells.c.listed.is_(False))
        for row in connection.execute(rows.group_by(cells.c.plmn, cells.c.tac)):
            found[row[0], row[1]] = Box(*row[2:])
    return found


def put(connection: Connection, boxes: Mapping[Cell, Box]) -> None:
    """Replace the listed boxes of these cells."""
    _upsert(connection, boxes, listed=True)


def grow(connection: Connection, boxes: Mapping[Cell, Box]) -> None:
    """Extend the fleet's boxes by these; boxes that other agents add at the same time stay."""
    _upsert(connection, boxes, listed=False)


def _upsert(connection: Connection, boxes: Mapping[Cell, Box], listed: bool) -> None:
    new = insert(cells)
    sides: dict[str, ColumnElement[int]] = {name: new.excluded[name] for name in Box._fields}
    if not listed:
        sides |= {name: _less(new.excluded[name], cells.c[name]) for name in ("south", "west")}
        sides |= {name: _more(new.excluded[name], cells.c[name]) for name in ("north", "east")}
    kept = new.on_conflict_do_update(index_elements=[*Cell._fields, "listed"], set_=sides)
    # All transactions lock in the same order, so that no two agents wait for each other.
    rows = [each._asdict() | boxes[each]._asdict() | {"listed": listed} for each in sorted(boxes)]
    if rows:
        connection.execute(kept, rows)


def _less(a: ColumnElement[int], b: ColumnElement[int]) -> ColumnElement[int]:
    return case((a < b, a), else_=b)


def _more(a: ColumnElement[int], b: ColumnElement[int]) -> ColumnElement[int]:
    return case((a > b, a), else_=b)


def forget(connection: Connection, heard: Collection[Cell] | None = None) -> None:
    """Remove the fleet's boxes of all or some cells."""
    of_fleet = delete(cells).where(cells.c.listed.is_(False))
    if heard is None:
        connection.execute(of_fleet)
        return
    every = sorted(heard)
    for i in range(0, len(every), _AT_ONCE):
        name = tuple_(cells.c.plmn, cells.c.tac, cells.c.cell)
        connection.execute(of_fleet.where(name.in_(every[i : i + _AT_ONCE])))


def around_fixes(connection: Connection, wanted: Collection[Cell], flags: int) -> dict[Cell, Box]:
    """Return the boxes around all stored fixes under these cells that have none of `flags`. Reads every
    point."""
    name = [points.c[each] for each in Cell._fields]
    lat, lon = points.c.lat, points.c.lon
    sides = [func.min(lat), func.max(lat), func.min(lon), func.max(lon)]
    good = points.c.kind == KIND_FIX, points.c.flags.bitwise_and(flags) == 0
    rows = select(*name, *sides).where(tuple_(*name).in_(sorted(wanted)), *good).group_by(*name)
    return {Cell(*row[:3]): Box(*row[3:7]) for row in connection.execute(rows)}


def counts(connection: Connection) -> Iterable[tuple[bool, int]]:
    """Return (whether from a list, how many cells)."""
    rows = connection.execute(select(cells.c.listed, func.count()).group_by(cells.c.listed))
    return [(bool(row[0]), int(row[1])) for row in rows]


def _cell(row: object) -> Cell:
    return Cell(*(getattr(row, name) for name in Cell._fields))


def _box(row: object) -> Box:
    return Box(*(getattr(row, name) for name in Box._fields))
