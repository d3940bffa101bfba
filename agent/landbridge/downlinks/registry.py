"""The handlers of downlinks: reports of devices are stored, and pending data are added to the downlink. Each
feature that sends downlinks has a handler, registered in app.py, that is called in the transaction of the
uplink."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink


class Handler(NamedTuple):
    """The functions of a feature for one kind of report, and its pending data for devices."""

    on_report: Callable[[Connection, str, Uplink, int], None]
    """Store the report in an uplink. `WireError` if the report breaks the protocol."""
    devices_pending: Callable[[Connection, Mapping[str, Uplink], int], Collection[str]] | None = None
    """Return the devices for which something may be pending although their uplinks report nothing. None:
    there never is."""
    pending: Callable[[Connection, str, Uplink, int], Mapping[int, Any]] | None = None
    """Return pairs for the downlink to a device, by key (docs/reference/landbridge.cddl); empty when nothing
    is pending. None: the handler sends nothing."""
    is_state: bool = False
    """Whether the report describes the complete present state, and is repeated until it is answered."""


HANDLERS: Hook[Handler] = Hook()
"""The most important first: a downlink has little room."""


class Answered(NamedTuple):
    """The result of an uplink's reports."""

    pending: list[Mapping[int, Any]]
    """Pairs for its downlink, the most important first."""
    refused: list[str]
    """The reason why a report could not be stored. The records of the same uplink are valid nevertheless."""


def pending_handlers(
    connection: Connection, uplinks: Mapping[str, Uplink], now_s: int
) -> dict[str, list[Handler]]:
    """Return the handlers that may have something pending, for each of the devices that sent `uplinks`, with
    a few statements for all of them. A report may change what is pending: then all handlers count."""
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
    """Store the reports of `uplink` (`keep_reports`), and find what these handlers have pending for the
    device. When the same envelope arrives `again`, its reports were stored before and may be outdated."""
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
    """Store the reports of `uplink`, which arrived at `now_s`; return why one could not be stored. The states
    in an uplink that was `overtaken` by a later one are skipped; events and results are stored
    nevertheless."""
    due = [each for each in handlers if not (overtaken and each.is_state)]
    # A savepoint for each would be a fifth of all statements.
    if _refused(connection, device, uplink, now_s, due) is None:
        return []
    refused = [_refused(connection, device, uplink, now_s, [each]) for each in due]
    return [why for why in refused if why is not None]


def _refused(
    connection: Connection, device: str, uplink: Uplink, now_s: int, handlers: Iterable[Handler]
) -> str | None:
    """Have the handlers store their reports, all or none; return why they could not."""
    try:
        with connection.begin_nested():
            for each in handlers:
                each.on_report(connection, device, uplink, now_s)
    except WireError as error:
        return str(error)
    return None
