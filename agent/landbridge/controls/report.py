"""What each card has used in a time: by card, profile and country."""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.controls import usage
from landbridge.controls.usage import Message, Span, Used
from landbridge.store import cards, devices, points, register


class Line(NamedTuple):
    """One profile in one country."""

    card: int | None
    """Of the register; None: it is not there."""
    iccid: str
    country: str
    """Mobile country code; "": none was heard of."""
    device: str
    used: Used


def lines(connection: Connection, from_s: int, until_s: int) -> list[Line]:
    """All that was used from `from_s` on, before `until_s`."""
    found = []
    for row in devices.every(connection):
        messages = [Message(*each) for each in points.messages(connection, row.device, from_s, until_s)]
        profiles = [Span(each.seen_s, each.iccid) for each in cards.identities(connection, row.device)]
        countries = [Span(at_s, str(mcc)) for at_s, mcc in points.countries(connection, row.device)]
        for (iccid, country), used in usage.split(messages, profiles, countries).items():
            card = register.of_iccid(connection, iccid)
            found.append(Line(card and card.card, iccid, country, row.device, used))
    return found
