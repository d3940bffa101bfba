"""Predicted orbits (XTRA): a file that makes the first fix quicker while it is valid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.modem.unit import Unit

VALID_MIN = 10_080
"""Seven days from the day of the download."""
FRESH_MIN = 1_440
"""Age in minutes up to which they are as good as new."""
CLOSE_S = 3_600
"""A time injected must be as good as this."""
_START = "xtra/start"


def enabled(unit: Unit) -> bool:
    """Switched on before the last boot."""
    return unit.boot_settings.get("xtra") == "1"


def load(unit: Unit) -> None:
    """New data, valid from now on."""
    unit.nv.settings[_START] = str(int(unit.air.utc_s()))


def clear(unit: Unit) -> None:
    """No data."""
    unit.nv.settings.pop(_START, None)


def left(unit: Unit) -> tuple[int, datetime]:
    """Minutes for which the data still hold, and since when they do; 0 without data."""
    start_s = int(unit.nv.settings.get(_START, "0"))
    age_min = int(unit.air.utc_s() - start_s) // 60
    return max(0, VALID_MIN - age_min), datetime.fromtimestamp(start_s, UTC)


def gain(unit: Unit) -> float:
    """What predicted orbits are worth to a start without ephemeris, which needs the time too: 1 those of
    today, as good as an ephemeris of some hours; less from day to day, as predictions drift [C]; 0 none."""
    if not enabled(unit) or not unit.clock.known:
        return 0.0
    return min(1.0, left(unit)[0] / (VALID_MIN - FRESH_MIN))


def inject_time(unit: Unit, utc: datetime) -> bool:
    """Give GNSS the time; return False when it is wrong."""
    if abs(utc.timestamp() - unit.air.utc_s()) > CLOSE_S:
        return False
    unit.clock.known = True
    return True
