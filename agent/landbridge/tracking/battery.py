"""Estimates when the battery of a device will be empty, from the energy of its wakes, as a range."""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.features.commands import queries as commands
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.settings import queries as settings
from landbridge.protocol.settings import applied

_DAY_S = 86_400
_PERIOD_S = 2 * _DAY_S
_PERIODS = 7
"""The periods of two days on which the estimate rests: the last two weeks."""
_FURTHEST_S = 365 * _DAY_S
"""Later ends are not estimated."""
_NOMINAL_MV = {0: 3600, 1: 3200, 2: 3600}
"""Values of the setting battery_kind."""
_USABLE = 0.92
"""Usable fraction of the capacity, as on the device (firmware/locator/scheduler/battery.py)."""
_UNCERTAINTY = 0.2
"""Possible error of the joules a day: they do not contain sleep, and cold reduces the capacity."""


class BatteryEnd(NamedTuple):
    """The battery will be empty between these times, in seconds since 2000; None: more than a year from
    now."""

    earliest_s: int | None
    latest_s: int | None


def battery_end(connection: Connection, device: str, now_s: int) -> BatteryEnd | None:
    """Return the range by the highest and lowest consumption of two days in the last two weeks, up to the
    last known wake. None while less than two days are known, or no energy was used."""
    new_s = commands.battery_renewed_s(connection, device) or 0
    span = wakes.span(connection, device, new_s)
    if span is None:
        return None
    first_s, last_s = span
    spent = wakes.joules(connection, device, first_s, last_s)
    ends = (last_s - number * _PERIOD_S for number in range(min(_PERIODS, (last_s - first_s) // _PERIOD_S)))
    took = [wakes.joules(connection, device, end_s - _PERIOD_S + 1, end_s) for end_s in ends]
    if not any(took):
        return None
    kept = applied(settings.desired(connection, device).changes)
    millivolts = _NOMINAL_MV.get(kept["battery_kind"], _NOMINAL_MV[0])
    left = max(0.0, _USABLE * kept["battery_mah"] * 3.6 * millivolts / 1000 - spent)
    most, least = max(took) * (1 + _UNCERTAINTY), min(took) * (1 - _UNCERTAINTY)
    return BatteryEnd(_end_s(left, most, last_s, now_s), _end_s(left, least, last_s, now_s))


def _end_s(left: float, took: float, from_s: int, now_s: int) -> int | None:
    """Return when so many joules are used up, at so many in a period; None: after more than a year."""
    furthest_s = now_s + _FURTHEST_S
    end_s = from_s + left * _PERIOD_S / took if took else furthest_s + 1
    return None if end_s > furthest_s else max(now_s, int(end_s))
