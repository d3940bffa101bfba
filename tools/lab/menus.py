"""The menus that training found: on one line, for judging on the other, and on both, which ships."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

from tools.lab.lines import DATA
from tools.lab.plan import menu as shipped

FILE = DATA / "menus.json"
"""Class of modem -> training line -> rows."""


class Row(NamedTuple):
    """What a budget buys: J a day, seconds between points moving and standing, since the last point to a stop
    or departure worth one, minutes of age for a joule, how long a stop is watched."""

    rate: int
    move_s: int
    dwell_s: int
    edge_s: int
    age_min: int
    linger_s: int


Menu = tuple[Row, ...]


def menu(modem: str, training: str) -> Menu:
    """Of a class of modem, trained on "w1", "n1" or "both"."""
    rows = shipped.TABLES[modem] if training == "both" else _read()[modem][training]
    return tuple(Row(*row) for row in rows)


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, list[list[int]]]]:
    menus: dict[str, dict[str, list[list[int]]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return menus
