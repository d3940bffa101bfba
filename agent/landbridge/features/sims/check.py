"""Checks each card against its vendor's platform by the same rules, and locks cards if requested."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from landbridge.core.clock import Clock
from landbridge.core.errors import UserError
from landbridge.db.database import Database
from landbridge.features.devices import queries as devices
from landbridge.features.sims import handler as watch
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.provider import Provider
from landbridge.features.sims.queries import SimCard
from landbridge.features.sims.rules import Observed, evaluate
from landbridge.points import sent

LOCKED_FOR = ("separation", "blocked", "quota-100")
"""Controls for which a card is locked when they are broken."""


class Checked(NamedTuple):
    """The result for one card."""

    iccid: str
    device: str | None
    """The device that reported the card last, unless it has another one since."""
    state: str | None
    carrier_bytes: int | None
    broken: list[str]
    failure: str | None
    locked: bool
    """Whether this check has locked it."""


def check(database: Database, clock: Clock, provider: Provider, lock: bool, who: str) -> list[Checked]:
    """Check every card that may be active, one by one; a failed request is noted for its card. With `lock`,
    cards that break such a control are locked, unless their vendor has done so already."""
    with database.reading() as connection:
        cards = [each for each in inventory.every(connection) if each.stage != "retired"]
        rows = sorted(devices.every(connection), key=lambda row: row.last_session_s or 0)
    # If several devices reported the same card, the last one has it.
    reported = {watch.reported_iccid(row): (row.last_session_s or 0, row.device) for row in rows}
    found = []
    for card in cards:
        iccid = max(card.iccids, key=lambda each: reported.get(each, (-1, "")))
        device = reported[iccid][1] if iccid in reported else None
        checked = Checked(iccid, device, None, None, [], None, False)
        try:
            status, used = provider.status(iccid), provider.usage(iccid)
            observed = Observed(carrier_imei=status.imei, carrier_bytes=used, carrier_locked=status.locked)
            broken = _evaluated(database, clock.now_s(), card, iccid, device, observed)
            checked = checked._replace(state=status.state, carrier_bytes=used, broken=broken)
            why = [name for name in broken if name in LOCKED_FOR]
            if lock and why and not status.locked:
                provider.lock(iccid)
                _suspend(database, clock, card, why, who)
                checked = checked._replace(locked=True)
        except UserError as error:
            checked = checked._replace(failure=str(error))
        found.append(checked)
    return found


def _suspend(database: Database, clock: Clock, card: SimCard, why: Sequence[str], who: str) -> None:
    """Note that a card is locked at its vendor."""
    with database.writing() as connection:
        stage, for_ = {"stage": "suspended"}, f"locked: {', '.join(why)}"
        inventory.change(connection, card.card, stage, for_, who, clock.now_s())


def _evaluated(
    database: Database, now_s: int, card: SimCard, iccid: str, device: str | None, observed: Observed
) -> list[str]:
    """Return the broken controls, and publish them for the device that has the card."""
    with database.writing() as connection:
        used = sent.month_bytes(connection, card.iccids, now_s)
        observed = replace(observed, month_bytes=sum(used.values()))
        if used[iccid] != observed.month_bytes:
            # Another vendor counts the usage of its other profiles.
            observed = replace(observed, carrier_bytes=None)
        demands, itself = watch.demanded(connection, card), watch.for_rules(card)
        results = evaluate(demands, itself, observed)
        if device is None:
            return sorted(name for name, why in results.items() if why is not None)
        watch.publish_changes(connection, device, results, now_s, now_s)
        states = inventory.states(connection, device)
    return sorted(name for name, (is_broken, _) in states.items() if is_broken)
