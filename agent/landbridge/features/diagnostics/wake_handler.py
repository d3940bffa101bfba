"""Why devices slept, and what they did: what they report of their wakes is kept."""

from sqlalchemy import Connection

from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import decode
from landbridge.protocol.uplink import Uplink

_KEY = 13


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Keep what the uplink reports; `WireError` if that does not keep the contract."""
    if _KEY in uplink.reports:
        wakes.add(connection, device, decode(uplink.reports[_KEY]), now_s)
