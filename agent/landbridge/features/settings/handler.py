"""Downlink handler of settings: they are sent as long as the device applies others, unless it has refused
them."""

import json
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.texts import _, gettext
from landbridge.db import audit
from landbridge.features.settings import queries as stored
from landbridge.features.trips import queries as trips
from landbridge.protocol import settings as wire
from landbridge.protocol.settings import SETTINGS, Report
from landbridge.protocol.uplink import Uplink

DEFAULT = "default"
AGAIN = "agent, again"
"""Author of a revision that the agent sends a second time."""
_AGAIN_AFTER_S = 8 * 3600
_MOST_AGAIN = 3


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store the device's report of the settings that it applies."""
    if wire.REPORT_KEY in uplink.reports:
        report = wire.decode_report(uplink.reports[wire.REPORT_KEY])
        stored.keep_report(connection, device, report, now_s)


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices with settings that have not reported to apply the newest."""
    newest = stored.newest(connection, uplinks.keys())
    return [device for device, changes, applied in newest if applied not in _hashes(changes)]


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """Return the desired settings, if the device must get them."""
    desired = stored.desired(connection, device)
    said = stored.report(connection, device)
    if said and _may_retry(connection, device, desired, said[0], now_s):
        whose = desired.trip, desired.lasting
        stored.set_desired(connection, device, desired.changes, AGAIN, now_s, *whose)
        desired = stored.desired(connection, device)
    if not desired.revision or (said and not _waits(desired, said[0])):
        return {}
    return wire.encode(desired.revision, desired.changes)


@lru_cache(maxsize=4096)
def _hashes(changes: str) -> frozenset[int]:
    return frozenset(wire.hashes(json.loads(changes)))


def state(desired: stored.Desired, report: Report | None) -> str:
    """Return the progress of the desired settings, in words."""
    if report is None:
        return _("the device has not reported its settings yet")
    if stored.is_refused(desired, report):
        return _("refused: {reason}", reason=_why(report.why))
    return _("waiting for the device's next session") if _waits(desired, report) else _("applied")


def on_trip_end(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """Restore the operator's settings in place of those of the tenant."""
    before = stored.desired(connection, device)
    if before.trip == trip and before.changes != before.lasting:
        audit.add(connection, trips.END, _("settings restored as before the trip"), now_s, device)
        stored.set_desired(connection, device, before.lasting, trips.END, now_s)


def parse(assignments: Iterable[str]) -> dict[str, int]:
    """Return the settings in `name=value ...`; `UserError` names the wrong one and its range."""
    changes: dict[str, int] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(
                _("{text} is not a setting; write name=value, for example interval_s=1800", text=repr(text))
            )
        setting = SETTINGS.get(name)
        if setting is None:
            raise UserError(
                _("no setting {text}; choose from {names}", text=repr(name), names=", ".join(SETTINGS))
            )
        if name in changes:
            raise UserError(_("{name} is given twice; leave one out", name=name))
        changes[name] = setting.default if value == DEFAULT else _number(setting, value)
    return changes


def _number(setting: wire.Setting, text: str) -> int:
    digits = text.removeprefix("-")
    number = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 12 else None
    if number is None or not setting.lowest <= number <= setting.highest:
        assignment = f"{setting.name}={text}"
        raise UserError(
            _(
                "{text} is out of range: {meaning}; a number from {least} to {most}, or default ({number})",
                text=assignment,
                meaning=gettext(setting.help),
                least=setting.lowest,
                most=setting.highest,
                number=setting.default,
            ),
            setting.name,
        )
    return number


def _waits(desired: stored.Desired, report: Report) -> bool:
    if stored.is_refused(desired, report):
        return False
    return report.revision != desired.revision or report.hash not in wire.hashes(desired.changes)


def _may_retry(
    connection: Connection, device: str, desired: stored.Desired, report: Report, now_s: int
) -> bool:
    """Whether to send `desired` again after the agent was not reached under it, which may have other causes:
    a border, a broker failure. At most three times, eight hours after the last one; then an operator must set
    it."""
    if not stored.is_refused(desired, report) or report.why != wire.UNREACHED:
        return False
    if now_s - (desired.set_s or 0) < _AGAIN_AFTER_S:
        return False
    last = stored.history(connection, device)[-_MOST_AGAIN:]
    return len(last) < _MOST_AGAIN or any(each.set_by != AGAIN for each in last)


def _why(why: int) -> str:
    if why == wire.UNREACHED:
        return _("the device could not reach the agent with them and returned to the last good settings")
    if why == wire.MALFORMED:
        return _("the device could not read them")
    name = next((setting.name for setting in SETTINGS.values() if setting.key == why), f"key {why}")
    return _("the device does not accept {name}", name=name)
