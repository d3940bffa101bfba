"""An entry of the audit log as JSON, in words, and as a file."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from landbridge.core.clock import iso
from landbridge.core.texts import _, loaded

_COLUMNS = ("entry", "time", "who", "action", "noun", "subject", "device", "what", "before", "after")

NOUNS = {
    "SIM": _("SIM"),
    "SIM controls": _("SIM controls"),
    "SIM profile": _("SIM profile"),
    "alarm": _("alarm"),
    "command": _("command"),
    "comment": _("comment"),
    "delivery": _("delivery"),
    "device": _("device"),
    "download": _("download"),
    "geofence": _("geofence"),
    "integration": _("integration"),
    "notification channel": _("notification channel"),
    "notification rule": _("notification rule"),
    "profile policy": _("profile policy"),
    "profile roll-out": _("profile roll-out"),
    "release": _("release"),
    "roll-out": _("roll-out"),
    "route": _("route"),
    "saved view": _("saved view"),
    "settings": _("settings"),
    "share link": _("share link"),
    "token": _("token"),
    "trip": _("trip"),
    "user": _("user"),
}
"""What a row of an audited table is called."""


class Format(StrEnum):
    """Formats of the file."""

    CSV = "csv"
    JSON = "json"


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.JSON: "application/json"}


def serialize(row: Row[Any]) -> dict[str, Any]:
    """Return an entry; of a change, what differs."""
    before, after = (json.loads(text) if text else None for text in (row.before, row.after))
    if before and after:
        changed = [name for name in after if before.get(name) != after[name]]
        before, after = ({name: each.get(name) for name in changed} for each in (before, after))
    return {
        "entry": row.entry, "time": iso(row.at_s), "who": row.who, "device": row.device,
        "action": row.action, "noun": row.noun, "subject": row.subject, "what": in_words(row),
        "before": before, "after": after,
    }  # fmt: skip


def in_words(row: Row[Any]) -> str:
    """Return what was done."""
    if row.what is not None:
        return loaded(row.what)
    values = {"noun": NOUNS.get(row.noun, row.noun), "subject": row.subject}
    match row.action:
        case "added":
            return _("{noun} {subject} added", **values)
        case "removed":
            return _("{noun} {subject} removed", **values)
    return _("{noun} {subject} changed", **values)


def export(rows: Iterable[Row[Any]], form: Format) -> Iterator[str]:
    """Yield the file in pieces."""
    return _csv(rows) if form is Format.CSV else _json(rows)


def _csv(rows: Iterable[Row[Any]]) -> Iterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    for row in rows:
        shown = serialize(row)
        text = io.StringIO()
        csv.writer(text).writerow(_cell(shown[name]) for name in _COLUMNS)
        yield text.getvalue()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula begins with an apostrophe."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def _json(rows: Iterable[Row[Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}\n{json.dumps(serialize(row), ensure_ascii=False)}"
    yield "\n]\n"
