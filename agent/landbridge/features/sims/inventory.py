"""Adds cards to the SIM inventory."""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.queries import ARMED, SimCard
from landbridge.features.sims.rules import STAGES


class NewCard(NamedTuple):
    """The data of a card before it is used."""

    iccids: tuple[str, ...]
    controls: str
    holder: str
    purpose: str
    stage: str
    imsis: tuple[str, ...]


def add(connection: Connection, card: NewCard, who: str, now_s: int) -> int:
    """Add a card; return its number. `UserError` for an ICCID that is no such or is known, for unknown
    controls, and for an unknown stage."""
    iccids = tuple(dict.fromkeys(card.iccids))
    for number, each in enumerate(iccids):
        field = "profiles" if number else "iccid"
        if not (each.isascii() and each.isdigit()) or not 18 <= len(each) <= 20:
            raise UserError(f"ICCID {each!r}: 18 to 20 digits", field)
        if inventory.of_iccid(connection, each):
            raise UserError(f"ICCID {each} is already in the inventory", field)
    if card.stage not in STAGES:
        raise UserError(f"no stage {card.stage!r}; choose from {', '.join(STAGES)}", "stage")
    if inventory.controls_of(connection, card.controls) is None:
        names = ", ".join(row.name for row in inventory.controls(connection)) or "none"
        raise UserError(
            f"no controls {card.controls!r}; known: {names} (`landbridge controls set`)", "controls"
        )
    new = SimCard(
        0, card.holder, card.purpose, card.controls, card.stage, card.imsis, ARMED, None, None, iccids
    )
    return inventory.add(connection, new, who, now_s)
