"""A report as HTML, PDF and XLSX. The libraries of PDF and XLSX are loaded when they are first needed."""

import io
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from landbridge.core.texts import Catalogue, _
from landbridge.features.reports.document import Cell, Drawing, Report, Section

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FILL = "#e8ecef"
_CHINESE = "STSong-Light"
"""A font that PDF viewers have, so that the file need not contain it; it has no accents."""
_LETTER, _PADDING = 5.2, 14.0
"""Width of a character, and of the margin of a column, in points."""
_LONGEST_WORD, _LONGEST_TEXT = 24, 60
_LEAST_HEIGHT = 90
"""Points that a section needs on a page, in addition to its drawing."""
_LATIN = "Vera"
"""A font that reportlab brings along."""
_NOTHING = _("None")
_MOST_ROWS = 1_000
"""Rows of a table in HTML and PDF; a spreadsheet has all."""
_STYLE = Markup("""
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
body { color: #1b2126; background: #fff }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
.rows { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #cfd6db }
th { background: #e8ecef } .number { text-align: right }
svg { width: 100%; height: auto; border: 1px solid #cfd6db }
""")
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(report: Report, format: str, language: Catalogue) -> bytes:
    """Return the file."""
    makers: dict[str, Callable[[Report, Catalogue], bytes]] = {"html": _html, "pdf": _pdf, "xlsx": _xlsx}
    return makers[format](report, language)


def _html(report: Report, language: Catalogue) -> bytes:
    template = _templates.get_template("report.html")
    values = {"report": report, "tag": language.tag, "most": _MOST_ROWS, "style": _STYLE, "text": _text}
    values["nothing"] = language.translate(_NOTHING)
    return template.render(values).encode()


def _text(cell: Cell) -> str:
    """Return a cell as people read it."""
    if cell is None:
        return "–"
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.1f}" if round(cell, 1) == cell else f"{cell:,.2f}"


def _pdf(report: Report, language: Catalogue) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import CondPageBreak, Paragraph, SimpleDocTemplate, Spacer

    if language.is_chinese:
        pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))
        font, wrap = _CHINESE, "CJK"
    else:
        pdfmetrics.registerFont(TTFont(_LATIN, "Vera.ttf"))
        font, wrap = _LATIN, None
    plain = ParagraphStyle("plain", fontName=font, fontSize=8, leading=10, wordWrap=wrap)
    title = ParagraphStyle("title", parent=plain, fontSize=16, leading=20)
    head = ParagraphStyle("head", parent=plain, fontSize=11, leading=14, spaceBefore=10, spaceAfter=4)
    parts: list[Any] = [Paragraph(_markup(report.title, font), title)]
    parts.append(Paragraph(_markup(report.subtitle, font), plain))
    target = io.BytesIO()
    document = SimpleDocTemplate(
        target, pagesize=A4, leftMargin=36, rightMargin=36, topMargin=36, bottomMargin=36, title=report.title,
        author="Landbridge", lang=language.tag,
    )  # fmt: skip
    for section in report.sections:
        scale = document.width / section.drawing.width if section.drawing else 0
        parts.append(
            CondPageBreak(_LEAST_HEIGHT + (section.drawing.height * scale if section.drawing else 0))
        )
        parts.append(Paragraph(_markup(section.title, font), head))
        if section.drawing is not None:
            parts += [_pdf_drawing(section.drawing, document.width, font), Spacer(1, 6)]
        if section.rows:
            parts.append(_pdf_table(section, plain, document.width))
        else:
            parts.append(Paragraph(_markup(language.translate(_NOTHING), font), plain))
    document.build(parts)
    return target.getvalue()


def _pdf_table(section: Section, style: Any, width: float) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import LongTable, Paragraph

    right = ParagraphStyle("right", parent=style, alignment=TA_RIGHT)
    first = section.rows[0]

    def line(cells: Sequence[Cell]) -> list[Any]:
        return [
            Paragraph(
                _markup(_text(cell), style.fontName), right if isinstance(of_first, int | float) else style
            )
            for cell, of_first in zip(cells, first, strict=True)
        ]

    rows = [line(section.heads), *map(line, section.rows[:_MOST_ROWS])]
    table = LongTable(rows, colWidths=_widths(section, width), repeatRows=1)
    table.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), HexColor(_FILL)),
            ("LINEBELOW", (0, 0), (-1, -1), 0.25, HexColor("#9aa5ad")),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    return table


def _widths(section: Section, width: float) -> list[float]:
    """Return the widths of columns: each has room for its longest word; the rest goes to long texts."""
    columns = zip(section.heads, *section.rows[:_MOST_ROWS], strict=True)
    texts = [[_text(each) for each in column] for column in columns]
    least = [_room([word for text in column for word in text.split()], _LONGEST_WORD) for column in texts]
    more = [_room(column, _LONGEST_TEXT) - floor for column, floor in zip(texts, least, strict=True)]
    spare = width - sum(least)
    if spare < 0:
        return [width * floor / sum(least) for floor in least]
    whole = sum(more) or 1
    return [
        floor + (spare * wanted / whole if sum(more) else spare / len(least))
        for floor, wanted in zip(least, more, strict=True)
    ]


def _room(texts: Sequence[str], longest: int) -> float:
    """Return how wide the longest text is, in points."""
    return min(max(map(_wide, texts), default=1), longest) * _LETTER + _PADDING


def _wide(text: str) -> int:
    """Return the width of a text in characters; a Chinese one counts as two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _markup(text: str, font: str) -> str:
    """Return the text of a paragraph."""
    return escape(_printable(text, font))


def _printable(text: str, font: str) -> str:
    """Return the text without accents, where the font has none."""
    if font != _CHINESE:
        return text
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def _pdf_drawing(drawing: Drawing, width: float, font: str) -> Any:
    """Return it as wide as the page; PDF counts y upwards."""
    from reportlab.graphics import shapes
    from reportlab.lib.colors import HexColor

    scale = width / drawing.width
    made = shapes.Drawing(width, drawing.height * scale)
    inner = shapes.Group(transform=(scale, 0, 0, scale, 0, 0))
    clip = shapes.Rect(0, 0, drawing.width, drawing.height, fillColor=None, strokeColor=HexColor(_FILL))
    for line in drawing.lines:
        flat = _inside([value for x, y in line.points for value in (x, drawing.height - y)], drawing)
        shape = shapes.Polygon(flat, fillColor=HexColor(line.fill)) if line.fill else shapes.PolyLine(flat)
        shape.strokeColor, shape.strokeWidth = HexColor(line.color), line.width
        inner.add(shape)
    for x, y in drawing.dots:
        inner.add(shapes.Circle(x, drawing.height - y, 4, fillColor=HexColor("#ffffff"), strokeWidth=2,
                                strokeColor=HexColor("#0b5cad")))  # fmt: skip
    for label in drawing.labels:
        x, y = label.at
        inner.add(
            shapes.String(
                x, drawing.height - y, _printable(label.text, font), fontName=font, fontSize=11,
                textAnchor="end" if label.is_end else "start",
            )
        )  # fmt: skip
    inner.add(clip)
    made.add(inner)
    return made


def _inside(flat: list[float], drawing: Drawing) -> list[float]:
    """Keep points within the drawing: one in a PDF does not cut off what is outside."""
    return [
        min(max(value, 0.0), drawing.height if number % 2 else drawing.width)
        for number, value in enumerate(flat)
    ]


def _xlsx(report: Report, _language: Catalogue) -> bytes:
    import xlsxwriter

    target = io.BytesIO()
    # Without formulas: a name that begins with = stays text.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties({"title": report.title, "created": datetime(2000, 1, 1)})
        bold = book.add_format({"bold": True, "bg_color": _FILL})
        for number, section in enumerate(report.sections, 1):
            sheet = book.add_worksheet(_sheet_name(section.title, number))
            sheet.write_row(0, 0, [report.title, report.subtitle])
            sheet.write_row(2, 0, section.heads, bold)
            for place, row in enumerate(section.rows, 3):
                sheet.write_row(place, 0, row)
            sheet.freeze_panes(3, 0)
            sheet.autofit(400)
    return target.getvalue()


def _sheet_name(title: str, number: int) -> str:
    """Return a name that a spreadsheet accepts: short, unique, without its signs."""
    plain = "".join(" " if each in "[]:*?/\\'" else each for each in title)
    return f"{number} {plain}"[:31]
