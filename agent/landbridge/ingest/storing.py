"""Writes the uplinks of several devices, one of each, with a few statements for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.events.queries.outbox import NewMessage
from landbridge.ingest import new_points
from landbridge.ingest.queries.device_rows import DeviceRow, write
from landbridge.ingest.session import Received
from landbridge.points.queries import points, uplinks, writes
from landbridge.points.queries.uplinks import KeptUplink
from landbridge.points.rows import CheckedPoints, StoredPoint, with_trips
from landbridge.protocol.point import Point
from landbridge.protocol.settings import SETTINGS
from landbridge.protocol.uplink import Uplink

MOST_AHEAD_S = SETTINGS["report_most_s"].highest + 2 * 86_400
"""The longest time to the next session: the longest interval that the settings allow, and the two days more
that a device may take when it runs on the reserve of its battery."""


class Opened(NamedTuple):
    """A message whose envelope was genuine."""

    key: bytes
    epoch: int
    number: int
    text: bytes


@dataclass
class Message:
    """An uplink that was decrypted and decoded, and its result."""

    received: Received
    received_s: int
    device: str
    opened: Opened
    uplink: Uplink
    checked: CheckedPoints
    refused: str | None = None
    """Why nothing of it is stored."""
    vouched: bool = False
    """It is replayed: its states are outdated, and its number may be old."""
    again: bool = False
    """The same envelope was processed before: it changes nothing."""
    overtaken: bool = False
    """A later one of the device was processed before: its states are outdated."""
    stored: dict[int, Point] = field(default_factory=dict)
    """The records that were stored with its sequences before."""
    new: Sequence[StoredPoint] = ()
    reply_number: int = 0

    @property
    def sequences(self) -> Sequence[int]:
        """Capture sequences of its records."""
        return self.checked.column("seq")

    @property
    def contradicted(self) -> set[int]:
        """Sequences under which other content is stored."""
        if not self.stored:
            return set()
        points = (each.point for each in self.checked)
        return {each.seq for each in points if self.stored.get(each.seq, each) != each}


def store(
    connection: Connection, rows: Mapping[str, DeviceRow], messages: Sequence[Message], now_s: int
) -> list[NewMessage]:
    """Store what is new of each message, and note its result. Return the messages to publish. `rows` are the
    devices of all of them; they are written back."""
    taken = [each for each in messages if _is_taken(connection, rows[each.device], each)]
    for each in taken:
        if each.checked and min(each.sequences) <= rows[each.device].highest_seq:
            each.stored = points.under(connection, each.device, each.sequences)
    boots = {each.device: each.uplink.clock.boot for each in taken if each.uplink.clock}
    undated = points.devices_to_date(connection, boots)
    trips = points.trips_of(connection, [each.device for each in taken])
    brought = []
    for each in taken:
        row, of_device = rows[each.device], trips.get(each.device, ())
        _note(row, each, now_s)
        clock = each.uplink.clock if each.device in undated else None
        changed, dated = new_points.date_earlier(connection, each.device, clock, each.received_s)
        fresh = each.checked
        if each.stored:
            fresh = fresh.only(seq not in each.stored for seq in each.sequences)
        each.new = with_trips(each.device, fresh, each.received_s, of_device)
        brought.append(new_points.NewPoints(row, changed, dated, each.new))
    writes.insert_all(connection, *(each.new for each in taken))
    uplinks.keep(connection, [_kept(each) for each in taken])
    new_messages = new_points.messages(connection, brought, now_s)
    for each in messages:
        if not each.refused:
            each.reply_number = rows[each.device].take_down_number(now_s)
    write(connection, rows.values())
    return new_messages


def _is_taken(connection: Connection, row: DeviceRow, message: Message) -> bool:
    """Whether the uplink is stored: it is neither stored yet nor replayed."""
    window, number = row.window, message.opened.number
    if number <= window.top:
        message.again = uplinks.repeats(connection, row.device, number, message.received.payload)
    if message.vouched:
        is_new = not uplinks.number_is_taken(connection, row.device, number)
    else:
        is_new = window.is_new(number)
    if not message.again and not is_new:
        message.refused = f"replayed: number {number} was seen or is older than the window"
    message.overtaken = number < window.top or message.vouched
    return not message.again and not message.refused


def _note(row: DeviceRow, message: Message, now_s: int) -> None:
    """Store the state of the device from this message."""
    window = row.window
    number = message.opened.number
    if not message.vouched:
        window.add(number)
        row.accept(window, message.opened.epoch, now_s)
    elif window.is_new(number):  # the device itself may still send it
        window.add(number)
        row.window_top, row.window_bits, row.touched = window.top, window.bits, True
    uplink = message.uplink
    if not message.overtaken:
        next_s = believed(uplink.next_session_s, message.received_s)
        row.keep_report(next_s, uplink.status, uplink.identity)
    if message.checked:
        row.has_stored(message.sequences)


def believed(next_s: int | None, received_s: int) -> int | None:
    """Return the next session that a device announced in an uplink received then. A time that is past or too
    far ahead, as a wrong clock gives it, becomes the latest possible one: otherwise the silence
    of the device would go unnoticed."""
    latest_s = received_s + MOST_AHEAD_S
    return next_s if next_s is None or received_s < next_s <= latest_s else latest_s


def _kept(message: Message) -> KeptUplink:
    agreed = len(message.checked) - len(message.contradicted)
    number, payload = message.opened.number, message.received.payload
    return KeptUplink(message.device, number, message.received_s, payload, agreed, len(message.new))
