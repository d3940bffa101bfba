"""CSV files that people write: read with an error for each wrong row, by line and column; and written."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from landbridge.core import files
from landbridge.core.checked import Wanted, checked_row
from landbridge.core.errors import UserError, is_one_line

T = TypeVar("T")
Cell = Annotated[str, Wanted("1 to 500 characters on one line", is_one_line, min_length=1, max_length=500)]
"""With a default the column may be empty, or missing."""
_FORMULAS = tuple("=+-@\t\r")
"""With what a cell begins that a spreadsheet takes for a formula."""


class Problem(NamedTuple):
    """An error in a line."""

    line: int
    text: str


class Row(NamedTuple, Generic[T]):
    """A row of the right form."""

    line: int
    cells: T


class Sheet(Generic[T]):
    """The rows of a CSV file of the right form, and what is wrong with the others."""

    def __init__(self, path: Path, model: type[T], key: str = "") -> None:
        """`model` has a field for each column; a value of the column `key` occurs only once. `UserError` for
        a file without the columns."""
        self.rows: list[Row[T]] = []
        self.problems: list[Problem] = []
        self._path, self._columns = path, columns(model)
        self._key, self._first = key, dict[str, int]()
        lines, self._has_decimal_commas = _lines(path)
        _check_heads(f"{path}, line 1", model, heads := next(lines, (1, []))[1])
        for line, cells in lines:
            try:
                self._add(line, model, heads, cells)
            except UserError as error:
                self.problems.append(Problem(line, str(error)))

    def at(self, line: int, column: str = "") -> str:
        """Return the place in the file, for an error."""
        return f"{self._path}, line {line}" + (f", column {column}" if column else "")

    def refuse(self, line: int, error: UserError) -> None:
        """Note why a row cannot be applied."""
        column = error.field if error.field in self._columns else ""
        self.problems.append(Problem(line, f"{self.at(line, column)}: {error}"))

    def _add(self, line: int, model: type[T], heads: Sequence[str], cells: Sequence[str]) -> None:
        if len(cells) > len(heads):
            raise UserError(
                f"{self.at(line)}: {len(cells)} cells, the first line has {len(heads)};"
                ' put a text with a comma in "quotes"'
            )
        given = dict(zip(heads, cells, strict=False))
        row = checked_row(model, given, self.at(line), self._has_decimal_commas)
        if self._key:
            name = str(getattr(row, self._key))
            if name in self._first:
                where = self.at(line, self._key)
                raise UserError(f"{where}: {name} is in line {self._first[name]} too; remove one of them")
            self._first[name] = line
        self.rows.append(Row(line, row))


def columns(model: Any) -> list[str]:
    """Return the names of the columns."""
    return [each.name for each in fields(model)]


def _lines(path: Path) -> tuple[Iterator[tuple[int, list[str]]], bool]:
    """Return the rows (`_rows`), and whether a comma may be that of a decimal fraction."""
    lines, delimiter = files.delimited(files.text(path).splitlines(keepends=True))
    return _rows(path, csv.reader(lines, delimiter=delimiter, strict=True)), delimiter != ","


def _rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row that is not empty, with the line in which it begins."""
    line = 1
    try:
        for row in reader:
            cells = [*map(_typed, row)]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {line}: {error}; save the table as CSV again") from None


def _check_heads(where: str, model: Any, heads: Sequence[str]) -> None:
    known = columns(model)
    for each in heads:
        if each not in known:
            raise UserError(f"{where}: no column {each!r}; the columns are {', '.join(known)}")
        if heads.count(each) > 1:
            raise UserError(f"{where}: column {each!r} occurs twice; remove one")
    for column in fields(model):
        if column.default is MISSING and column.name not in heads:
            raise UserError(f"{where}: column {column.name!r} is missing; the columns are {', '.join(known)}")


def write(model: Any, rows: Iterable[Sequence[object]]) -> None:
    """Print rows under the columns of `model`."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns(model))
    writer.writerows(map(no_formula, row) for row in rows)


def no_formula(value: object) -> object:
    """Return the value of a cell; a text that a spreadsheet would run begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _typed(cell: str) -> str:
    """Return a cell as it was before `no_formula`."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULAS) else cell


def of_column(column: str, make: Callable[..., T], *given: Any) -> T:
    """Call `make`; a `UserError` of it is about this column."""
    try:
        return make(*given)
    except UserError as error:
        raise UserError(str(error), column) from None
