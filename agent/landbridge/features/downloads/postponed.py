"""Orders that a device has refused to begin: the reason in a sentence, and the time of the next request.

It asks after a pause that grows with each refusal, if the device's newest point shows no reason any more.
It asks once a day also if it does, because a point does not show everything.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.backoff import wait_s
from landbridge.core.texts import _, stored
from landbridge.db.keys import lent
from landbridge.features.downloads import arrivals
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads.coding import FIRST_POSTPONED, REASONS
from landbridge.features.settings import queries as settings
from landbridge.points.queries import points
from landbridge.protocol.point import Point
from landbridge.protocol.settings import applied

MOST = 30
"""Refusals in succession after which an order ends: about a month."""
FIRST_S, LONGEST_S = 900, 86_400
_WEAK, _COLD, _SIGNAL, _BLOCKED = 16, 17, 18, 21
# The device's own limits (firmware/locator/esim/limits.py).
_STRONG_MV = 3_350
_LOWER_MV = {1: 300}
"""By the setting battery_kind."""
_LEAST_C = -25
_LEAST_DBM = -110
_AGAIN: Mapping[int, str] = {
    _COLD: _("above -25 °C"),
    _SIGNAL: _("with a better signal"),
    19: _("after the switch"),
    20: _("next month or with another profile"),
    _BLOCKED: _("in another country"),
    22: _("when there is room"),
    23: _("the next day"),
    24: _("over another connection"),
}


def refuse(connection: Connection, row: Row[Any], reason: int, now_s: int) -> None:
    """Put an order off after a refusal of its device; end it after too many of them."""
    if row.reason >= FIRST_POSTPONED and now_s < row.next_s:
        return  # sent once more
    why = _why(connection, row.device, reason)
    if row.postponed + 1 >= MOST:
        given_up = _("{why}; given up after {number} refusals", why=why, number=MOST)
        downloads.end(connection, row.download, downloads.FAILED, stored(given_up), now_s)
        return
    pause = round(wait_s(FIRST_S, LONGEST_S, row.postponed))
    problem = stored(_with_end(connection, row.device, reason, why))
    values = {"reason": reason, "postponed": row.postponed + 1, "problem": problem}
    values |= {"next_s": now_s + pause, "changed_s": now_s}
    downloads.change(connection, lent(connection), row.download, values)


def is_over(connection: Connection, row: Row[Any], now_s: int) -> bool:
    """Whether the agent may repeat its request to the device."""
    last = points.last(connection, row.device)
    if row.reason < FIRST_POSTPONED or last is None or now_s - row.changed_s >= LONGEST_S:
        return True
    point, reason = last.point, row.reason
    is_shown = (
        (reason == _WEAK and 0 < (point.battery_mv or 0) < _strong_mv(connection, row.device))
        or (reason == _COLD and point.temperature_c < _LEAST_C)
        or (reason == _SIGNAL and (point.rsrp_dbm or 0) < _LEAST_DBM)
        or (reason == _BLOCKED and arrivals.is_blocked(connection, row.device))
    )
    return not is_shown


def _strong_mv(connection: Connection, device: str) -> int:
    kept = applied(settings.desired(connection, device).changes)
    return _STRONG_MV - _LOWER_MV.get(kept["battery_kind"], 0)


def _why(connection: Connection, device: str, reason: int) -> str:
    """Return why a device does not begin."""
    last = points.last(connection, device)
    measured = _measured(last.point, reason) if last else None
    return measured or REASONS.get(reason) or _("the device reports reason {number}", number=reason)


def _measured(point: Point, reason: int) -> str | None:
    if reason == _WEAK and point.battery_mv:
        return _("battery at {volts} V", volts=point.battery_mv / 1_000)
    if reason == _COLD:
        return _("{degrees} °C", degrees=point.temperature_c)
    if reason == _SIGNAL and point.rsrp_dbm:
        return _("signal of {level} dBm", level=point.rsrp_dbm)
    return None


def _with_end(connection: Connection, device: str, reason: int, why: str) -> str:
    """Return the same with what ends it."""
    if reason == _WEAK:
        volts = _strong_mv(connection, device) / 1_000
        return _("{why}; next attempt at {volts} V under load", why=why, volts=volts)
    again = _AGAIN.get(reason)
    return _("{why}; next attempt {again}", why=why, again=again) if again else why
