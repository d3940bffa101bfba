"""A report before it is rendered: sections with facts, tables and drawings. Its texts are in the language of
the reader already."""

from collections.abc import Sequence
from typing import NamedTuple

Cell = str | int | float | None
Point = tuple[float, float]


class Line(NamedTuple):
    """A line through points; with a color to `fill`, an area."""

    points: Sequence[Point]
    color: str
    width: float = 1.0
    fill: str = ""


class Label(NamedTuple):
    """A text at a point; with `is_end` it ends there."""

    at: Point
    text: str
    is_end: bool = False


class Drawing(NamedTuple):
    """Lines and labels; y grows downwards."""

    width: float
    height: float
    lines: Sequence[Line]
    labels: Sequence[Label] = ()
    dots: Sequence[Point] = ()


class Section(NamedTuple):
    """A part of a report; in a spreadsheet, a sheet."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    drawing: Drawing | None = None


class Report(NamedTuple):
    """A report."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    name: str
    """The name of its file, without an extension."""
