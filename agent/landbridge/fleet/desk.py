"""The desk: what devices report of orders is noted, and orders that wait go out with the reply.

Each kind of order is a module with two functions, called in the transaction of the uplink.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from landbridge.fleet import commands, diagnostics, resend, settings, updates
from landbridge.wire.limits import WireError
from landbridge.wire.uplink import Uplink


class Kind(Protocol):
    """One kind of order: settings, commands, ..."""

    def note(self, connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
        """Note what the uplink reports. `WireError` if the report does not keep the contract."""

    def orders(
        self, connection: Connection, device: str, uplink: Uplink, now_s: int
    ) -> Mapping[int, Any]:
        """Pairs for the reply, by key (docs/protocol/landbridge.cddl); empty when nothing waits."""


class Answered(NamedTuple):
    """What came of an uplink's reports."""

    orders: list[Mapping[int, Any]]
    """For its reply, the most important first."""
    refused: list[str]
    """Why a report could not be noted. The records beside it are good all the same."""


KINDS: Sequence[Kind] = (settings, commands, resend, diagnostics, updates)
"""The most important first: a reply has little room."""


def answer(
    connection: Connection,
    device: str,
    uplink: Uplink,
    now_s: int,
    kinds: Sequence[Kind] = KINDS,
    again: bool = False,
) -> Answered:
    """Note what `uplink` reports and find the orders that wait for the device. When the same envelope
    comes `again`, what it reports is noted already, and may be long past."""
    refused = []
    for kind in () if again else kinds:
        try:
            with connection.begin_nested():
                kind.note(connection, device, uplink, now_s)
        except WireError as error:
            refused.append(str(error))
    return Answered([kind.orders(connection, device, uplink, now_s) for kind in kinds], refused)
