"""Commands: sent with the reply to a device's own report until it reports the result, or they expire.

Nothing wakes a device: each gets its commands in its own session, and no two devices keep step.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.core.durations import seconds
from landbridge.core.errors import UserError
from landbridge.core.labels import actor
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.commands import coding as wire
from landbridge.features.commands import queries as stored
from landbridge.features.commands.coding import VERBS
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.protocol.uplink import Uplink

_LONGEST_S = 30 * 86400


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store the results that the device reports."""
    if wire.REPORT_KEY not in uplink.reports:
        return
    for command, result in wire.decode_results(uplink.reports[wire.REPORT_KEY]).items():
        row = stored.find(connection, device, command)
        if not stored.ended(connection, device, command, result, now_s) or row is None:
            continue
        if row.verb == wire.SHIPPING and result == wire.DONE:
            devices.expect_nothing(connection, device)


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices for which commands wait."""
    return stored.devices_with_waiting(connection, uplinks.keys(), now_s)


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """Return the commands that wait for the device, a few at a time."""
    waiting = stored.waiting(connection, device, now_s, wire.MOST_AT_ONCE)
    stored.sent(connection, device, [each.command for each in waiting], now_s)
    return wire.encode(waiting)


class Given(NamedTuple):
    """A command that waits for its device."""

    command: int
    expires_s: int


def give(
    connection: Connection,
    device: str,
    verb: str,
    given: int | None,
    expires: str,
    who: str,
    now_s: int,
    trip: int | None = None,
) -> Given:
    """Send `device` a command; with `trip`, it is its tenant's and is cancelled at the end of the trip.
    `UserError` if it is no valid command, or `expires` no valid time."""
    value, expires_s = argument(verb, given), now_s + seconds(expires, _LONGEST_S, "expires")
    written = f"{verb} {value or ''}".rstrip()
    command = stored.give(connection, device, verb, value, expires_s, who, now_s, trip)
    audit.add(connection, who, _("command sent: {verb}", verb=written), now_s, device)
    return Given(command, expires_s)


def on_trip_end(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """Cancel the open commands of the trip's tenant, and end the dense points that it requested."""
    if cancelled := stored.cancel_open(connection, device, trip, trips.END, now_s):
        audit.add(connection, trips.END, _("commands cancelled: {number}", number=cancelled), now_s, device)
    dense = stored.last_done(connection, device, wire.DENSE, now_s)
    if dense is None or dense.trip != trip or not dense.argument:
        return
    until_s = (dense.result_s or now_s) + dense.argument  # at the latest
    if until_s > now_s:
        stored.give(connection, device, wire.DENSE, 0, until_s, trips.END, now_s)


def argument(verb: str, given: int | None) -> int:
    """Return the argument of `verb`; `UserError` if there is no such verb, or the argument is invalid."""
    known = VERBS.get(verb)
    if known is None:
        raise UserError(
            _("no command {text}; choose from {names}", text=repr(verb), names=", ".join(VERBS)), "verb"
        )
    if not known.most and given is not None:
        raise UserError(
            _("{verb} takes no argument; leave {argument} out", verb=verb, argument=given), "argument"
        )
    if known.most and (given is None or not 0 <= given <= known.most):
        raise UserError(_wanted(verb, known), "argument")
    return given or 0


def cancel(connection: Connection, device: str, command: int, who: str, now_s: int) -> Row[Any]:
    """Cancel a command, if that is still possible; return it as it was. `UserError` if it has ended."""
    row = stored.find(connection, device, command)
    if row is None:
        raise UserError(
            _(
                "{device} has no command {number}; `landbridge commands list {device}` lists them",
                device=device,
                number=command,
            )
        )
    if row.result is not None or row.cancelled_s is not None or row.expires_s <= now_s:
        raise UserError(
            _(
                "command {number} of {device} has ended: {state}",
                number=command,
                device=device,
                state=state(row, now_s),
            )
        )
    stored.cancel(connection, device, command, who, now_s)
    audit.add(connection, who, _("command cancelled: {verb}", verb=row.verb), now_s, device)
    return row


def state(row: Row[Any], now_s: int) -> str:
    """Return the state of a command, in words."""
    if row.result is not None:
        return wire.RESULTS[row.result]
    is_sent = row.sent_s is not None
    if row.cancelled_s is not None and (row.cancelled_s < row.expires_s or now_s < row.expires_s):
        who = actor(row.cancelled_by)
        return _("sent, cancelled by {who}", who=who) if is_sent else _("cancelled by {who}", who=who)
    if row.expires_s <= now_s:
        return _("sent, expired, no result") if is_sent else _("expired, never sent")
    return _("sent, no result yet") if is_sent else _("waiting for the device's next session")


def _wanted(verb: str, known: wire.Verb) -> str:
    return _(
        "{verb} needs an argument from 0 to {most}: {meaning}",
        verb=verb, most=known.most, meaning=known.wanted,
    )  # fmt: skip
