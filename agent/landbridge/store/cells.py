"""Cells and where they were heard."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, tuple_

from landbridge.store.tables import cells

_AT_ONCE = 500
"""Cells named in one statement."""


class Cell(NamedTuple):
    """What names a cell."""

    plmn: int
    tac: int
    cell: int


class Box(NamedTuple):
    """Where it was heard, 1e-5 degrees, and metres beyond that."""

    south: int
    north: int
    west: int
    east: int
    range_m: int = 0

    def with_box(self, other: "Box") -> "Box":
        """Both."""
        return Box(
            min(self.south, other.south),
            max(self.north, other.north),
            min(self.west, other.west),
            max(self.east, other.east),
            max(self.range_m, other.range_m),
        )


def known(connection: Connection, wanted: Collection[Cell], listed: bool) -> dict[Cell, Box]:
    """Those of the wanted cells that are known, by the fleet or from a list."""
    found: dict[Cell, Box] = {}
    every = sorted(wanted)
    name = tuple_(cells.c.plmn, cells.c.tac, cells.c.cell)
    for i in range(0, len(every), _AT_ONCE):
        rows = select(cells).where(name.in_(every[i : i + _AT_ONCE]), cells.c.listed == listed)
        found |= {_cell(row): _box(row) for row in connection.execute(rows)}
    return found


def areas(connection: Connection, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], Box]:
    """The boxes of tracking areas, (PLMN, TAC), around the cells that the fleet has heard there."""
    sides = (func.min(cells.c.south), func.max(cells.c.north), func.min(cells.c.west), func.max(cells.c.east))
    found: dict[tuple[int, int], Box] = {}
    every = sorted(wanted)
    for i in range(0, len(every), _AT_ONCE):
        named = tuple_(cells.c.plmn, cells.c.tac).in_(every[i : i + _AT_ONCE])
        rows = select(cells.c.plmn, cells.c.tac, *sides).where(named, cells.c.listed.is_(False))
        for row in connection.execute(rows.group_by(cells.c.plmn, cells.c.tac)):
            found[row[0], row[1]] = Box(*row[2:])
    return found


def put(connection: Connection, boxes: Mapping[Cell, Box], listed: bool) -> None:
    """Keep boxes in place of those that were known of these cells."""
    every = sorted(boxes)
    name = tuple_(cells.c.plmn, cells.c.tac, cells.c.cell)
    for i in range(0, len(every), _AT_ONCE):
        part = every[i : i + _AT_ONCE]
        connection.execute(delete(cells).where(name.in_(part), cells.c.listed == listed))
        rows = [each._asdict() | boxes[each]._asdict() | {"listed": listed} for each in part]
        connection.execute(insert(cells), rows)


def forget(connection: Connection, listed: bool) -> None:
    """Forget what the fleet has heard, or what is listed."""
    connection.execute(delete(cells).where(cells.c.listed == listed))


def counts(connection: Connection) -> Iterable[tuple[bool, int]]:
    """(listed, how many cells)."""
    rows = connection.execute(select(cells.c.listed, func.count()).group_by(cells.c.listed))
    return [(bool(row[0]), int(row[1])) for row in rows]


def _cell(row: object) -> Cell:
    return Cell(*(getattr(row, name) for name in Cell._fields))


def _box(row: object) -> Box:
    return Box(*(getattr(row, name) for name in Box._fields))
