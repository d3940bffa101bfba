"""An event: what is published in addition to points (docs/reference/event.schema.json)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

SEVERITIES = ("warning", "minor", "major", "critical")
"""Severities of alarms, the least first."""


class Event(NamedTuple):
    """An event before it is published."""

    id: str
    device: str
    type: str
    inferred: bool
    trip: int | None
    seq: int | None
    at_s: int | None
    content: Mapping[str, Any]
    """What is published (docs/reference/event.schema.json), without `event`, its number, and `replaces`."""
    tenant: str | None = None
    """The tenant that gets it in addition to the operator."""
