"""Readers of reports that know nothing of how they were made."""

import io
from typing import Any

import openpyxl
import pypdf


def of_pdf(content: bytes) -> str:
    """The text of all pages."""
    return "\n".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(content)).pages)


def sheets(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each sheet, below its heads."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {sheet.title[2:]: list(sheet.iter_rows(min_row=4, values_only=True)) for sheet in book}
