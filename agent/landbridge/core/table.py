"""Plain tables: one line for each row, columns aligned, for people and for awk."""

from collections.abc import Iterable, Sequence

from landbridge.core import printable

NONE = "-"


def show(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print `rows` under `heads`; None is shown as a dash."""
    cells = [list(heads), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def show_one(values: dict[str, object]) -> None:
    """Print one record, one line for each value."""
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name.ljust(width)}  {_shown(value)}")


def _shown(value: object) -> str:
    """Return one line: a line break in a value must not begin a new row."""
    return NONE if value is None else printable.line(str(value))
