"""Diagnostics: stores the devices' logs, counters and wakes; a fault is also written to the agent's log."""

import logging

from sqlalchemy import Connection

from landbridge.features.diagnostics import wake_coding
from landbridge.features.diagnostics.queries import log as stored
from landbridge.features.diagnostics.queries import wakes
from landbridge.protocol.diagnostics import REPORT_KEY, Diagnostics, Entry, decode
from landbridge.protocol.uplink import Uplink

_log = logging.getLogger(__name__)


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store the log and the counters in the uplink; `WireError` if they break the protocol."""
    if REPORT_KEY not in uplink.reports:
        return
    report = decode(uplink.reports[REPORT_KEY])
    stored.count(connection, device, report.counters)
    dated = [(entry, _at_s(entry, report, now_s)) for entry in report.entries]
    for entry in stored.add(connection, device, dated, now_s):
        if entry.text is not None:
            lines = entry.text.strip().splitlines()
            _log.error("%s: fault in its firmware: %s", device, lines[-1] if lines else "no text")


def on_wakes_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store the wakes in the uplink; `WireError` if they break the protocol."""
    if wake_coding.REPORT_KEY in uplink.reports:
        wakes.add(connection, device, wake_coding.decode(uplink.reports[wake_coding.REPORT_KEY]), now_s)


def _at_s(entry: Entry, report: Diagnostics, now_s: int) -> int | None:
    """Return the time of an entry. The offset belongs to the present boot, and no entry is in the future."""
    at_s = entry.clock_s + report.offset_s
    return at_s if report.offset_s and entry.boot == report.boot and at_s <= now_s else None
