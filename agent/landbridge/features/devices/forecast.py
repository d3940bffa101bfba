"""When the battery of a device will be empty, by the energy of its wakes: a range, as it is not measured."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from landbridge.db.tables import wakes
from landbridge.features.commands import queries as commands
from landbridge.features.settings import queries as settings
from landbridge.protocol.settings import applied

_DAY_S = 86_400
_PERIOD_S = 2 * _DAY_S
_PERIODS = 7
"""The periods of two days on which the estimate rests: the last two weeks."""
_FURTHEST_S = 365 * _DAY_S
"""Later ends are not estimated."""
_NOMINAL_MV = {0: 3600, 1: 3200, 2: 3600}
"""Of the setting battery_kind."""
_USABLE = 0.92
"""Of the capacity, as the device counts (firmware/locator/scheduler/battery.py)."""
_UNCERTAINTY = 0.2
"""By that part the joules a day may be wrong: sleep is not in them, and cold takes of the capacity."""


class BatteryEnd(NamedTuple):
    """Between these times, in seconds since 2000, the battery will be empty; None: more than a year from
    now."""

    earliest_s: int | None
    latest_s: int | None


def battery_end(connection: Connection, device: str, now_s: int) -> BatteryEnd | None:
    """By the most and the least that two days of the last two weeks took, up to the last wake that is known.
    None while less than two days are known, or nothing was spent."""
    new_s = commands.battery_renewed_s(connection, device) or 0
    of_device = wakes.c.device == device, wakes.c.at_s >= new_s
    known = select(func.sum(wakes.c.joules), func.min(wakes.c.at_s), func.max(wakes.c.at_s))
    spent, first_s, last_s = connection.execute(known.where(*of_device)).one()
    if not spent:
        return None
    took = [
        _took(connection, of_device, last_s - number * _PERIOD_S)
        for number in range(min(_PERIODS, (last_s - first_s) // _PERIOD_S))
    ]
    if not any(took):
        return None
    kept = applied(settings.desired(connection, device).changes)
    millivolts = _NOMINAL_MV.get(kept["battery_kind"], _NOMINAL_MV[0])
    left = max(0.0, _USABLE * kept["battery_mah"] * 3.6 * millivolts / 1000 - spent)
    most, least = max(took) * (1 + _UNCERTAINTY), min(took) * (1 - _UNCERTAINTY)
    return BatteryEnd(_end_s(left, most, last_s, now_s), _end_s(left, least, last_s, now_s))


def _took(connection: Connection, of_device: tuple[ColumnElement[bool], ...], end_s: int) -> float:
    """The joules of the period that ends then."""
    joules = select(func.coalesce(func.sum(wakes.c.joules), 0.0)).where(*of_device)
    in_period = joules.where(wakes.c.at_s > end_s - _PERIOD_S, wakes.c.at_s <= end_s)
    return float(connection.execute(in_period).scalar_one())


def _end_s(left: float, took: float, from_s: int, now_s: int) -> int | None:
    """When so many joules are used up, at so many in a period; None: after more than a year."""
    furthest_s = now_s + _FURTHEST_S
    end_s = from_s + left * _PERIOD_S / took if took else furthest_s + 1
    return None if end_s > furthest_s else max(now_s, int(end_s))
