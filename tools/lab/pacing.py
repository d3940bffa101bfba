"""The pacing tables that training found: on one route, to evaluate on the other, and on both, which is
shipped."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

from tools.lab.plan import pacing as shipped
from tools.lab.routes import DATA

FILE = DATA / "pacing.json"
"""Class of modem -> training route -> levels."""


class Level(NamedTuple):
    """One row: J a day, seconds between points on the move, and stationary, seconds from a point to one at a
    stop or departure, minutes of age for a joule, seconds for which a stop is watched."""

    rate: int
    move_s: int
    dwell_s: int
    edge_s: int
    age_min: int
    linger_s: int


PacingTable = tuple[Level, ...]


def pacing_table(modem: str, training: str) -> PacingTable:
    """Return the table of a class of modem, trained on "w1", "n1" or "both"."""
    rows = shipped.TABLES[modem] if training == "both" else _read()[modem][training]
    return tuple(Level(*row) for row in rows)


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, list[list[int]]]]:
    tables: dict[str, dict[str, list[list[int]]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return tables
