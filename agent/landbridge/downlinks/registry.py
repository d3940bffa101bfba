"""The desk: what devices report of orders is noted, and orders that wait go out with the reply.

Each kind of order has a handler, registered in app.py, that is called in the transaction of the uplink.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink


class Handler(NamedTuple):
    """What is done with one kind of report, and with the orders that it is about."""

    note: Callable[[Connection, str, Uplink, int], None]
    """Note what the uplink of a device reports. `WireError` if the report does not keep the contract."""
    concerned: Callable[[Connection, Mapping[str, Uplink], int], Collection[str]] | None = None
    """The devices for which there may be something to do though their uplinks report nothing. None: there
    never is."""
    orders: Callable[[Connection, str, Uplink, int], Mapping[int, Any]] | None = None
    """Pairs for the reply to a device, by key (docs/reference/landbridge.cddl); empty when nothing waits.
    None: nothing is ever ordered."""
    is_state: bool = False
    """Its report says how things stand: it is whole, and said until it was answered."""


HANDLERS: Hook[Handler] = Hook()
"""The most important first: a reply has little room."""


class Answered(NamedTuple):
    """What came of an uplink's reports."""

    orders: list[Mapping[int, Any]]
    """For its reply, the most important first."""
    refused: list[str]
    """Why a report could not be noted. The records beside it are good all the same."""


def concerned(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> dict[str, list[Handler]]:
    """Which kinds of orders are to be looked for, for each of the devices that have sent `uplinks`: a few
    statements for all of them. What an uplink reports may change what waits: then all kinds are."""
    told = [device for device, uplink in uplinks.items() if uplink.reports or uplink.identity]
    found = {device: list(HANDLERS) for device in told}
    silent = {device: uplink for device, uplink in uplinks.items() if device not in found}
    for kind in HANDLERS if silent else ():
        for device in kind.concerned(connection, silent, now_s) if kind.concerned else ():
            found.setdefault(device, []).append(kind)
    return found


def answer(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    kinds: Sequence[Handler],
    again: bool = False,
    overtaken: bool = False,
) -> Answered:
    """`note` what `uplink` reports and find the orders of these kinds that wait for the device. When the same
    envelope comes `again`, what it reports is noted already, and may be long past."""
    refused = [] if again else note(connection, device, uplink, now_s, kinds, overtaken)
    found = [kind.orders(connection, device, uplink, now_s) for kind in kinds if kind.orders]
    return Answered(found, refused)


def note(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    kinds: Iterable[Handler] = HANDLERS,
    overtaken: bool = False,
) -> list[str]:
    """Note what `uplink`, which came at `now_s`, reports; returns why a report could not be. One that was
    `overtaken` by a later one knows less of how things stand; what happened, and results, are noted all the
    same."""
    refused = []
    for kind in kinds:
        if overtaken and kind.is_state:
            continue
        try:
            with connection.begin_nested():
                kind.note(connection, device, uplink, now_s)
        except WireError as error:
            refused.append(str(error))
    return refused
