"""The SIM inventory, the SIM controls, the history of cards, and the state of each control."""

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from landbridge.db import audit
from landbridge.db.among import among
from landbridge.db.tables import (
    control_states,
    devices,
    sim_actions,
    sim_cards,
    sim_controls,
    sim_profiles,
)

ARMED, BOUND, SEPARATED, REBIND_PENDING = "ARMED", "BOUND", "SEPARATED", "REBIND_PENDING"
"""States of the binding of a card (binding.py)."""


class SimCard(NamedTuple):
    """A card in the inventory."""

    card: int
    holder: str
    purpose: str
    controls: str
    stage: str
    imsis: tuple[str, ...]
    binding: str
    imei: str | None
    blocked: str | None
    iccids: tuple[str, ...]


def add(connection: Connection, card: SimCard, who: str, now_s: int) -> int:
    """Add a card; return its number. That of `card` is ignored."""
    values: dict[str, Any] = {
        "holder": card.holder,
        "purpose": card.purpose,
        "controls": card.controls,
        "stage": card.stage,
    }
    values |= {"imsis": json.dumps(card.imsis), "binding": card.binding, "imei": card.imei}
    number = int(
        connection.execute(insert(sim_cards).values(values).returning(sim_cards.c.card)).scalar_one()
    )
    connection.execute(insert(sim_profiles), [{"iccid": iccid, "card": number} for iccid in card.iccids])
    note(connection, number, "added", f"{card.controls}, {card.stage}", who, now_s)
    audit.call(connection, "SIM", number, " ".join(card.iccids))
    return number


def of_iccid(connection: Connection, iccid: str) -> SimCard | None:
    """Return the card with a profile of this ICCID."""
    owner = select(sim_profiles.c.card).where(sim_profiles.c.iccid == iccid).scalar_subquery()
    row = connection.execute(select(sim_cards).where(sim_cards.c.card == owner)).one_or_none()
    return None if row is None else _sim_card(connection, row)


def of_imei(connection: Connection, imei: str) -> list[SimCard]:
    """Return the cards that are bound to the modem of this IMEI, oldest first."""
    rows = connection.execute(select(sim_cards).where(sim_cards.c.imei == imei).order_by(sim_cards.c.card))
    return [_sim_card(connection, row) for row in rows.all()]


def known(connection: Connection, identity: Mapping[str, Any]) -> SimCard | None:
    """Return the card of this ICCID, or else the one bound to the tracker that reports it; retired cards and
    cards whose move is allowed belong to none."""
    iccid, imei = identity.get("iccid"), identity.get("imei")
    found = of_iccid(connection, str(iccid)) if iccid else None
    if found is None and iccid and imei:
        found = next((each for each in of_imei(connection, str(imei)) if _belongs(each)), None)
    return found


def _belongs(card: SimCard) -> bool:
    return card.stage != "retired" and card.binding != REBIND_PENDING


def devices_with_cards(connection: Connection, of_devices: Collection[str]) -> list[str]:
    """Return the devices whose ICCID is in the inventory, or to which one of its cards is bound."""
    if connection.execute(select(sim_cards.c.card).limit(1)).first() is None:
        return []
    columns = select(devices.c.device, devices.c.identity).where(among(devices.c.device, of_devices))
    reported = {row.device: json.loads(row.identity) for row in connection.execute(columns)}
    iccids, imeis = ({each.get(name) for each in reported.values()} - {None} for name in ("iccid", "imei"))
    profiles = select(sim_profiles.c.iccid).where(sim_profiles.c.iccid.in_(iccids))
    bound = select(sim_cards.c.imei).where(sim_cards.c.imei.in_(imeis))
    known = {*connection.execute(profiles).scalars(), *connection.execute(bound).scalars()}
    return [name for name, each in reported.items() if known & {each.get("iccid"), each.get("imei")}]


def every(connection: Connection) -> list[SimCard]:
    """Return all cards, oldest first."""
    rows = connection.execute(select(sim_cards).order_by(sim_cards.c.card)).all()
    return [_sim_card(connection, row) for row in rows]


def change(
    connection: Connection, card: int, values: Mapping[str, Any], why: str, who: str, now_s: int
) -> None:
    """Change columns of a card, and add that to its history."""
    connection.execute(update(sim_cards).where(sim_cards.c.card == card).values(**values))
    what = ", ".join(f"{name} {value}" for name, value in values.items())
    note(connection, card, what, why, who, now_s)
    audit.call(connection, "SIM", card, " ".join(_iccids(connection, card)))


def note(connection: Connection, card: int, what: str, why: str, who: str, now_s: int) -> None:
    """Add an entry to the history of a card."""
    row = {"card": card, "what": what, "why": why, "done_by": who, "done_s": now_s}
    connection.execute(insert(sim_actions).values(row))


def actions(connection: Connection, card: int) -> list[Row[Any]]:
    """Return the history of a card, oldest first."""
    statement = select(sim_actions).where(sim_actions.c.card == card)
    return list(connection.execute(statement.order_by(sim_actions.c.action)))


def set_controls(connection: Connection, name: str, content: Mapping[str, Any], who: str, now_s: int) -> None:
    """Store the controls of a name, in place of the previous ones."""
    values = {"content": json.dumps(content), "set_by": who, "set_s": now_s}
    of_name = update(sim_controls).where(sim_controls.c.name == name).values(values)
    if not connection.execute(of_name).rowcount:
        connection.execute(insert(sim_controls).values(name=name, **values))


def remove_controls(connection: Connection, name: str) -> None:
    """Remove the controls of a name."""
    connection.execute(delete(sim_controls).where(sim_controls.c.name == name))


def controls_of(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return the content of the controls of that name."""
    statement = select(sim_controls.c.content).where(sim_controls.c.name == name)
    content = connection.execute(statement).scalar()
    return None if content is None else dict(json.loads(content))


def controls(connection: Connection) -> list[Row[Any]]:
    """Return all controls by name."""
    return list(connection.execute(select(sim_controls).order_by(sim_controls.c.name)))


def states(connection: Connection, device: str) -> dict[str, tuple[bool, int]]:
    """Return (whether it is broken, since when) of each control that was broken at some time."""
    rows = connection.execute(select(control_states).where(control_states.c.device == device))
    return {row.control: (row.broken, row.at_s) for row in rows}


def set_state(connection: Connection, device: str, control: str, broken: bool, at_s: int) -> None:
    """Set a control broken or kept."""
    key = {"device": device, "control": control}
    of_control = control_states.c.device == device, control_states.c.control == control
    connection.execute(delete(control_states).where(*of_control))
    connection.execute(insert(control_states).values(**key, broken=broken, at_s=at_s))


def _sim_card(connection: Connection, row: Row[Any]) -> SimCard:
    values = row._asdict()
    controls, imsis = values.pop("controls"), tuple(json.loads(values.pop("imsis")))
    return SimCard(controls=controls, imsis=imsis, iccids=_iccids(connection, row.card), **values)


def _iccids(connection: Connection, card: int) -> tuple[str, ...]:
    statement = select(sim_profiles.c.iccid).where(sim_profiles.c.card == card)
    return tuple(connection.execute(statement.order_by(sim_profiles.c.iccid)).scalars())
