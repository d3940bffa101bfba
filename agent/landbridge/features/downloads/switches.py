"""Switches of a device to a profile that a signed package enables: the order continues when the switch has
ended."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.db.keys import lent
from landbridge.features.downloads import iot
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads.coding import DONE
from landbridge.features.esim.queries import policies

REPORT_KEY = 14
"""Key of an uplink: the device's report of its card (features/esim/coding.py)."""
_CONFIRMED = 0
"""Stage of a device that no switch is under way in."""
_BACK = (2, 3, 4, 5)
"""Outcomes of a switch (features/esim/coding.py, OUTCOMES): the profile before, the fallback, refused, no
connection."""


def settle(connection: Connection, device: str, now_s: int) -> None:
    """Ask the card for the result of a finished switch, after the device has reported its card."""
    for row in downloads.switching(connection, device):
        if _is_over(connection, row):
            asked = {"stage": downloads.CHECKING, "step": max(row.step + 1, now_s), "request": iot.RESULTS}
            rest = {"answered": False, "reason": DONE, "next_s": 0, "changed_s": now_s}
            downloads.change(connection, lent(connection), row.download, {**asked, **rest})


def _is_over(connection: Connection, row: Row[Any]) -> bool:
    said = policies.report(connection, row.device)
    desired = policies.desired(connection, row.device)
    if said is None or desired is None or said.revision != desired.revision or said.stage != _CONFIRMED:
        return False
    policy = desired.policy
    target = policy.profiles[policy.fallback].iccid if row.task == downloads.DISABLE else row.iccid
    if policies.used(connection, row.device) == target:
        return True
    ended = policies.events(connection, row.device)
    return any(each.received_s >= row.changed_s and each.outcome in _BACK for each in ended)
