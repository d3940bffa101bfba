"""The desk: what devices report of orders is noted, and orders that wait go out with the reply.

Each kind of order is a module with two functions, called in the transaction of the uplink.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from landbridge.downlinks import resend
from landbridge.features.commands import handler as commands
from landbridge.features.diagnostics import handler as diagnostics
from landbridge.features.diagnostics import wake_handler as why
from landbridge.features.esim import handler as cards
from landbridge.features.routes import handler as guide
from landbridge.features.settings import handler as settings
from landbridge.features.sims import handler as watch
from landbridge.features.updates import handler as updates
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink


class Kind(Protocol):
    """One kind of order: settings, commands, ..."""

    def note(self, connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
        """Note what the uplink reports. `WireError` if the report does not keep the contract."""

    def concerned(self, connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
        """The devices for which `orders` may find something, though their uplinks report nothing."""

    def orders(self, connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
        """Pairs for the reply, by key (docs/protocol/landbridge.cddl); empty when nothing waits."""

    def on_trip_end(self, connection: Connection, device: str, trip: int, now_s: int) -> None:
        """The trip, which has been the device's running one, is over: so is what its tenant has ordered."""


class Answered(NamedTuple):
    """What came of an uplink's reports."""

    orders: list[Mapping[int, Any]]
    """For its reply, the most important first."""
    refused: list[str]
    """Why a report could not be noted. The records beside it are good all the same."""


KINDS: Sequence[Kind] = (settings, commands, cards, resend, diagnostics, guide, why, updates, watch)
"""The most important first: a reply has little room."""

STATES: Sequence[Kind] = (settings, cards, guide, updates)
"""What their reports say is how things stand; each is whole, and said until it was answered."""


def concerned(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> dict[str, list[Kind]]:
    """Which kinds of orders are to be looked for, for each of the devices that have sent `uplinks`: a few
    statements for all of them. What an uplink reports may change what waits: then all kinds are."""
    found = {device: list(KINDS) for device, uplink in uplinks.items() if uplink.reports or uplink.identity}
    silent = {device: uplink for device, uplink in uplinks.items() if device not in found}
    for kind in KINDS if silent else ():
        for device in kind.concerned(connection, silent, now_s):
            found.setdefault(device, []).append(kind)
    return found


def answer(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    kinds: Sequence[Kind] = KINDS,
    again: bool = False,
    overtaken: bool = False,
) -> Answered:
    """`note` what `uplink` reports and find the orders of these kinds that wait for the device. When the same
    envelope comes `again`, what it reports is noted already, and may be long past."""
    refused = [] if again else note(connection, device, uplink, now_s, kinds, overtaken)
    return Answered([kind.orders(connection, device, uplink, now_s) for kind in kinds], refused)


def end_trip(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """End with a trip what its tenant has ordered: the next one finds the device as the operator has it."""
    for kind in KINDS:
        kind.on_trip_end(connection, device, trip, now_s)


def note(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    kinds: Sequence[Kind] = KINDS,
    overtaken: bool = False,
) -> list[str]:
    """Note what `uplink`, which came at `now_s`, reports; returns why a report could not be. One that was
    `overtaken` by a later one knows less of how things stand; what happened, and results, are noted all the
    same."""
    refused = []
    for kind in kinds:
        if overtaken and kind in STATES:
            continue
        try:
            with connection.begin_nested():
                kind.note(connection, device, uplink, now_s)
        except WireError as error:
            refused.append(str(error))
    return refused
