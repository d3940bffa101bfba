"""Describes the actions in the audit log in words."""

from typing import Any

from landbridge.core.texts import _, loaded

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
    "report schedule": _("report schedule"),
    "route": _("route"),
    "saved view": _("saved view"),
    "settings": _("settings"),
    "share link": _("share link"),
    "token": _("token"),
    "trip": _("trip"),
    "user": _("user"),
}
"""The name of a row of an audited table."""


def in_words(row: Any) -> str:
    """Return what was done."""
    if row.what is not None:
        return loaded(row.what)
    values = {"noun": NOUNS.get(row.noun, row.noun), "subject": row.name or row.subject}
    match row.action:
        case "added":
            return _("{noun} {subject} added", **values)
        case "removed":
            return _("{noun} {subject} removed", **values)
    return _("{noun} {subject} changed", **values)
