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
    """A text at a point."""

    at: Point
    text: str


class Drawing(NamedTuple):
    """Lines and labels; y grows downwards."""

    width: float
    height: float
    lines: Sequence[Line]
    labels: Sequence[Label] = ()


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
    """Of its file, without an ending."""
