"""The menus that training found: on one line, for judging on the other, and on both, which ships."""

from __future__ import annotations

import json
from functools import lru_cache

from tools.lab.lines import DATA
from tools.lab.state import Row
from tools.lab.table import MENUS

FILE = DATA / "menus.json"
"""Class of modem -> training line -> rows."""


def menu(modem: str, training: str) -> tuple[Row, ...]:
    """Of a class of modem, trained on "w1", "n1" or "both"."""
    if training == "both":
        return MENUS[modem]
    return tuple(Row(*row) for row in _read()[modem][training])


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, list[list[int]]]]:
    menus: dict[str, dict[str, list[list[int]]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return menus
