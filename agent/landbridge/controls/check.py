"""Asks the platform of the cards' vendor about each card: what it sees is judged by the same rules; locks
what must be."""

from typing import NamedTuple

from landbridge.clock import Clock
from landbridge.controls import watch
from landbridge.controls.provider import Provider
from landbridge.controls.rules import Seen
from landbridge.errors import UserError
from landbridge.store import devices, register
from landbridge.store.database import Database
from landbridge.store.register import Registered

LOCKED_FOR = ("separation", "blocked", "quota-100")
"""Controls for which a card is locked, once it is broken."""


class Checked(NamedTuple):
    """What came of one card."""

    iccid: str
    device: str | None
    state: str | None
    carrier_bytes: int | None
    broken: list[str]
    failure: str | None
    locked: bool


def check(database: Database, clock: Clock, provider: Provider, lock: bool, who: str) -> list[Checked]:
    """Ask about every card that may speak, one by one; a platform that does not answer for one is noted."""
    with database.reading() as connection:
        cards = [each for each in register.every(connection) if each.stage != "retired"]
        rows = {watch.devices_iccid(row): row.device for row in devices.every(connection)}
    return [_check(database, clock, provider, lock, who, each, rows) for each in cards]


def _check(
    database: Database,
    clock: Clock,
    provider: Provider,
    lock: bool,
    who: str,
    card: Registered,
    rows: dict[str, str],
) -> Checked:
    iccid = next((each for each in card.iccids if each in rows), card.iccids[0])
    device = rows.get(iccid)
    try:
        status, used = provider.status(iccid), provider.usage(iccid)
    except UserError as error:
        return Checked(iccid, device, None, None, [], str(error), False)
    now_s = clock.now_s()
    broken: list[str] = []
    if device is not None:
        with database.writing() as connection:
            demands = watch.demanded(connection, card)
            seen = Seen(
                carrier_imei=status.imei,
                carrier_bytes=used,
                month_bytes=watch.month_bytes(connection, device, now_s),
            )
            watch.tell(connection, device, demands, watch.of_register(card), seen, now_s, now_s)
            broken = [
                name for name, (is_broken, _) in register.states(connection, device).items() if is_broken
            ]
    why = [name for name in broken if name in LOCKED_FOR]
    locked = bool(lock and why and card.stage != "suspended")
    if locked:
        try:
            provider.lock(iccid)
        except UserError as error:
            return Checked(iccid, device, status.state, used, broken, str(error), False)
        with database.writing() as connection:
            values = {"stage": "suspended"}
            register.change(connection, card.card, values, f"locked: {', '.join(why)}", who, now_s)
    return Checked(iccid, device, status.state, used, broken, None, locked)
