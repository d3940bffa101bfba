"""The uplinks of devices by card and country, for the sums of usage.py."""

from collections.abc import Sequence

from sqlalchemy import Connection

from landbridge.features.esim.queries import policies as cards
from landbridge.points.queries import outline, uplinks
from landbridge.points.usage import Message, Span, month_s, split


def messages(connection: Connection, device: str, from_s: int, until_s: int) -> list[Message]:
    """Return the uplinks of a device from `from_s` on, before `until_s`."""
    return [Message(*each) for each in uplinks.messages(connection, device, from_s, until_s)]


def profiles(connection: Connection, device: str) -> list[Span]:
    """Return the ICCIDs of a device by time."""
    spans = [Span(each.seen_s, each.iccid) for each in cards.identities(connection, device)]
    return sorted(spans, key=lambda span: span.from_s)


def countries(connection: Connection, device: str) -> list[Span]:
    """Return the mobile country codes by time: of the network of the newest point in an uplink."""
    plmns = sorted(outline.networks(connection, device).items())
    return [Span(received_s, str(plmn // 1000)) for received_s, plmn in plmns]


def month_bytes(connection: Connection, iccids: Sequence[str], now_s: int) -> dict[str, int]:
    """Return the usage of cards with these ICCIDs since the first of the month, by the model, for each ICCID,
    in any device."""
    found = dict.fromkeys(iccids, 0)
    for device in cards.devices_with(connection, iccids):
        sent = messages(connection, device, month_s(now_s), now_s + 1)
        for (iccid,), used in split(sent, profiles(connection, device)).items():
            if iccid in found:
                found[iccid] += used.on_air_bytes
    return found
