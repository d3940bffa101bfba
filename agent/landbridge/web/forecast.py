"""When the battery of a device will be empty, by what its wakes took."""

from sqlalchemy import Connection, func, select

from landbridge.store import commands, settings
from landbridge.store.tables import wakes
from landbridge.wire.commands import NEW_BATTERY
from landbridge.wire.settings import applied

_DAY_S = 86_400
_RECENT_S = 14 * _DAY_S
_SHORTEST_S = 2 * _DAY_S
_NOMINAL_MV = {0: 3600, 1: 3200, 2: 3600}
"""Of the setting battery_kind."""
_USABLE = 0.92
"""Of the capacity, as the device counts (firmware/locator/plan/battery.py)."""


def battery_end_s(connection: Connection, device: str, now_s: int) -> int | None:
    """By the mean of the last two weeks; None while less than two days of it are known, or it gave nothing.
    What wakes do not tell of, sleep above all, is not in it."""
    new_s = commands.done_s(connection, device, NEW_BATTERY) or 0
    of_device = select(func.sum(wakes.c.joules), func.min(wakes.c.at_s)).where(
        wakes.c.device == device, wakes.c.at_s >= new_s
    )
    spent, first_s = connection.execute(of_device).one()
    since_s = max(first_s or now_s, now_s - _RECENT_S)
    recent = connection.execute(of_device.where(wakes.c.at_s >= since_s)).one()[0]
    if not recent or now_s - since_s < _SHORTEST_S:
        return None
    known = applied(settings.desired(connection, device).changes)
    millivolts = _NOMINAL_MV.get(known["battery_kind"], _NOMINAL_MV[0])
    capacity = _USABLE * known["battery_mah"] * 3.6 * millivolts / 1000
    left_s = (capacity - spent) * (now_s - since_s) / recent
    return now_s + max(0, int(min(left_s, 3650 * _DAY_S)))
