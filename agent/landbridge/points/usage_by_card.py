"""The data usage of each card in a period, by profile and country."""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.features.devices import queries as devices
from landbridge.features.sims import queries as inventory
from landbridge.points import sent
from landbridge.points.usage import Used, split


class UsageRow(NamedTuple):
    """The usage of one profile in one country."""

    card: int | None
    """The card in the inventory; None: it is not there."""
    iccid: str
    country: str
    """Mobile country code; "" if unknown."""
    device: str
    used: Used


def rows(connection: Connection, from_s: int, until_s: int) -> list[UsageRow]:
    """Return the usage from `from_s` on, before `until_s`."""
    found = []
    for row in devices.every(connection):
        messages = sent.messages(connection, row.device, from_s, until_s)
        by = sent.profiles(connection, row.device), sent.countries(connection, row.device)
        for (iccid, country), used in split(messages, *by).items():
            card = inventory.of_iccid(connection, iccid)
            found.append(UsageRow(card and card.card, iccid, country, row.device, used))
    return found
