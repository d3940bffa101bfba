"""Applies the rows of a CSV file in one transaction: all of them, or none."""

from collections.abc import Callable
from typing import TypeVar

import typer
from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.sheet import Sheet
from landbridge.db.database import Database

T = TypeVar("T")


class _Undone(Exception):
    """Rolls back."""


def apply(
    database: Database,
    sheet: Sheet[T],
    act: Callable[[Connection, T], object],
    is_trial: bool,
    last: Callable[[], object] = lambda: None,
) -> None:
    """Do `act` with each row, and `last` before the commit. With `is_trial`, or if a row is wrong, nothing
    changes. Each wrong row is printed, and ends the command with exit code 1."""
    try:
        with database.writing() as connection:
            for row in sheet.rows:
                try:
                    # A failed row leaves nothing that the check of a later one could see.
                    with connection.begin_nested():
                        act(connection, row.cells)
                except UserError as error:
                    sheet.refuse(row.line, error)
            if sheet.problems or is_trial:
                raise _Undone
            last()
    except _Undone:
        _report(sheet)


def _report(sheet: Sheet[T]) -> None:
    for each in sorted(sheet.problems):
        print(each.text)
    wrong = len({each.line for each in sheet.problems})
    if wrong:
        print(f"nothing has changed: {wrong} of {wrong + _right(sheet)} rows are invalid")
        raise typer.Exit(1)
    print(f"all {len(sheet.rows)} rows are valid; dry run, nothing has changed")


def _right(sheet: Sheet[T]) -> int:
    bad = {each.line for each in sheet.problems}
    return sum(row.line not in bad for row in sheet.rows)
