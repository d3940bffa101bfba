"""An entry of the audit log as JSON, in words, and as a file."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from landbridge.core.clock import iso
from landbridge.core.deeds import in_words
from landbridge.core.sheet import no_formula

_COLUMNS = (
    "entry",
    "time",
    "who",
    "by_tenant",
    "action",
    "noun",
    "subject",
    "name",
    "device",
    "what",
    "before",
    "after",
)


class AuditFormat(StrEnum):
    """Formats of the file."""

    CSV = "csv"
    JSON = "json"


MEDIA_TYPES = {AuditFormat.CSV: "text/csv; charset=utf-8", AuditFormat.JSON: "application/json"}


def serialize(row: Row[Any]) -> dict[str, Any]:
    """Return an entry; of a change, what differs."""
    before, after = (json.loads(text) if text else None for text in (row.before, row.after))
    if before and after:
        changed = [name for name in after if before.get(name) != after[name]]
        before, after = ({name: each.get(name) for name in changed} for each in (before, after))
    return {
        "entry": row.entry, "time": iso(row.at_s), "who": row.who, "by_tenant": row.by_tenant,
        "device": row.device,
        "action": row.action, "noun": row.noun, "subject": row.subject, "name": row.name,
        "what": in_words(row),
        "before": before, "after": after,
    }  # fmt: skip


def export(rows: Iterable[Row[Any]], form: AuditFormat) -> Iterator[str]:
    """Yield the file in pieces."""
    return _csv(rows) if form is AuditFormat.CSV else _json(rows)


def _csv(rows: Iterable[Row[Any]]) -> Iterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    for row in rows:
        shown = serialize(row)
        text = io.StringIO()
        csv.writer(text).writerow(_cell(shown[name]) for name in _COLUMNS)
        yield text.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else no_formula(value)


def _json(rows: Iterable[Row[Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}\n{json.dumps(serialize(row), ensure_ascii=False)}"
    yield "\n]\n"
