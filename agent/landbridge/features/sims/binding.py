"""The binding of a card to a device: a state machine that distinguishes announced swaps from others.

ARMED -> BOUND -> SEPARATED -> (back in its own) BOUND
             \\-> REBIND_PENDING -> BOUND to another
"""

from collections.abc import Sequence
from typing import NamedTuple

from landbridge.core.errors import UserError
from landbridge.features.sims.queries import ARMED, BOUND, REBIND_PENDING, SEPARATED

_MONTH_S = 30 * 86_400


class Binding(NamedTuple):
    """State of a card's binding."""

    state: str
    imei: str | None
    """IMEI of the tracker that it is bound to; None: ARMED."""


def heard(before: Binding, imei: str) -> Binding:
    """Return the state after the card was reported in the modem of this IMEI."""
    match before.state:
        case "ARMED":
            return Binding(BOUND, imei)
        case "REBIND_PENDING":
            # Until it is moved, it is still reported from its old tracker.
            return before if imei == before.imei else Binding(BOUND, imei)
    return Binding(BOUND if imei == before.imei else SEPARATED, before.imei)


def announce(before: Binding, earlier_s: Sequence[int], most: int, now_s: int) -> Binding:
    """Return the state after a move to another tracker was allowed. `UserError` after `most` moves in 30
    days: mobile operators lock cards that move often."""
    if before.state == ARMED:
        raise UserError(
            "the card is not bound to a device yet: it is bound to the first device that reports it"
        )
    if len([each for each in earlier_s if each > now_s - _MONTH_S]) >= most:
        raise UserError(f"the card has already moved {most} times in 30 days, as often as its controls allow")
    return Binding(REBIND_PENDING, before.imei)
