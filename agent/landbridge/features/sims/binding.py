"""To which device a card belongs: a state machine, so that an announced swap differs from one that was
not announced.

ARMED -> BOUND -> SEPARATED -> (back in its own) BOUND
             \\-> REBIND_PENDING -> BOUND to another
"""

from collections.abc import Sequence
from typing import NamedTuple

from landbridge.core.errors import UserError
from landbridge.features.sims.queries import ARMED, BOUND, REBIND_PENDING, SEPARATED

_MONTH_S = 30 * 86_400


class Binding(NamedTuple):
    """Where a card stands."""

    state: str
    imei: str | None
    """Of the locator it is bound to; None: ARMED."""


def heard(before: Binding, imei: str) -> Binding:
    """The card reports itself, authentically, in the modem of this IMEI."""
    match before.state:
        case "ARMED":
            return Binding(BOUND, imei)
        case "REBIND_PENDING":
            # Until it is moved it goes on speaking from where it was.
            return before if imei == before.imei else Binding(BOUND, imei)
    return Binding(BOUND if imei == before.imei else SEPARATED, before.imei)


def announce(before: Binding, earlier_s: Sequence[int], most: int, now_s: int) -> Binding:
    """The card is going to another locator. `UserError` when it has been there `most` times in 30 days:
    operators
    lock cards that wander."""
    if before.state == ARMED:
        raise UserError("the card is bound to no locator yet: the first that reports it has it")
    if len([each for each in earlier_s if each > now_s - _MONTH_S]) >= most:
        raise UserError(f"it was bound to another locator {most} times in 30 days, and may not be once more")
    return Binding(REBIND_PENDING, before.imei)
