"""The pacing tables that training found: on one route, to evaluate on the other, and on both, which ships."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

from tools.lab.plan import menu as shipped
from tools.lab.routes import DATA

FILE = DATA / "pacing.json"
"""Class of modem -> training route -> levels."""


class Level(NamedTuple):
    """What a budget pays for: J a day, seconds between points moving and standing, since the last point to a
    stop or departure worth one, minutes of age for a joule, how long a stop is watched."""

    rate: int
    move_s: int
    dwell_s: int
    edge_s: int
    age_min: int
    linger_s: int


PacingTable = tuple[Level, ...]


def pacing_table(modem: str, training: str) -> PacingTable:
    """Of a class of modem, trained on "w1", "n1" or "both"."""
    rows = shipped.TABLES[modem] if training == "both" else _read()[modem][training]
    return tuple(Level(*row) for row in rows)


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, list[list[int]]]]:
    tables: dict[str, dict[str, list[list[int]]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return tables
