"""The handlers of downlinks: what devices report is kept, and what is pending goes out with the reply.

Each feature that sends downlinks has a handler, registered in app.py, that is called in the transaction of
the uplink.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink


class Handler(NamedTuple):
    """What is done with one kind of report, and what is pending for the devices that send it."""

    on_report: Callable[[Connection, str, Uplink, int], None]
    """Keep what the uplink of a device reports. `WireError` if the report does not keep the contract."""
    devices_pending: Callable[[Connection, Mapping[str, Uplink], int], Collection[str]] | None = None
    """The devices for which something may be pending though their uplinks report nothing. None: there never
    is."""
    pending: Callable[[Connection, str, Uplink, int], Mapping[int, Any]] | None = None
    """Pairs for the reply to a device, by key (docs/reference/landbridge.cddl); empty when nothing is
    pending. None: the handler sends nothing."""
    is_state: bool = False
    """Its report describes the whole present state, and is repeated until it is answered."""


HANDLERS: Hook[Handler] = Hook()
"""The most important first: a reply has little room."""


class Answered(NamedTuple):
    """What came of an uplink's reports."""

    pending: list[Mapping[int, Any]]
    """For its reply, the most important first."""
    refused: list[str]
    """Why a report could not be kept. The records of the same uplink are good all the same."""


def pending_handlers(
    connection: Connection, uplinks: Mapping[str, Uplink], now_s: int
) -> dict[str, list[Handler]]:
    """Return the handlers that may have something pending, for each of the devices that sent `uplinks`: a few
    statements for all of them. What an uplink reports may change what is pending: then all handlers count."""
    reporting = [device for device, uplink in uplinks.items() if uplink.reports or uplink.identity]
    found = {device: list(HANDLERS) for device in reporting}
    others = {device: uplink for device, uplink in uplinks.items() if device not in found}
    for handler in HANDLERS if others else ():
        if handler.devices_pending:
            for device in handler.devices_pending(connection, others, now_s):
                found.setdefault(device, []).append(handler)
    return found


def answer(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    handlers: Sequence[Handler],
    again: bool = False,
    overtaken: bool = False,
) -> Answered:
    """`keep_reports` of `uplink` and find what these handlers have pending for the device. When the same
    envelope comes `again`, its reports were kept before, and may be out of date."""
    refused = [] if again else keep_reports(connection, device, uplink, now_s, handlers, overtaken)
    found = [each.pending(connection, device, uplink, now_s) for each in handlers if each.pending]
    return Answered(found, refused)


def keep_reports(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    handlers: Iterable[Handler] = HANDLERS,
    overtaken: bool = False,
) -> list[str]:
    """Keep what `uplink`, which came at `now_s`, reports; return why a report could not be. The states of an
    uplink that was `overtaken` by a later one are skipped; events and results are kept all the same."""
    refused = []
    for handler in handlers:
        if overtaken and handler.is_state:
            continue
        try:
            with connection.begin_nested():
                handler.on_report(connection, device, uplink, now_s)
        except WireError as error:
            refused.append(str(error))
    return refused
