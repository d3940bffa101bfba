"""The orders of an SM-DP+ and their state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.world.services.smdp.binding import Bound
from tools.world.services.smdp.codes import StatusError
from tools.world.services.smdp.profiles import Offered

State = Literal["confirmed", "released", "downloaded", "installed", "error"]
"""States of SGP.22 3.1.6: only a released or downloaded profile can be downloaded."""
MOST_WRONG_CODES = 3
MOST_DOWNLOADS = 10


@dataclass
class Order:
    """One profile behind one MatchingID. `eid`: only this eUICC may have it; `code`: asked for; `expired`:
    the order is too old; `rebinds`: another one-time key may come for it. `bound`: packages by the
    one-time key of the eUICC; `downloads`: how often they were fetched."""

    matching_id: str
    profile: Offered
    eid: str = ""
    code: str = ""
    state: State = "released"
    expired: bool = False
    rebinds: bool = True
    most_downloads: int = MOST_DOWNLOADS
    wrong_codes: int = 0
    downloads: int = 0
    bound: dict[bytes, Bound] = field(default_factory=dict)

    def check(self, eid: str, free: int) -> None:
        """Whether this eUICC, with so many bytes free, may have it now. Raises `StatusError`."""
        if self.state in ("installed", "error"):
            raise StatusError("matching-id")
        if self.eid and self.eid != eid:
            raise StatusError("other-eid")
        if self.state == "confirmed":
            raise StatusError("not-released")
        if self.expired:
            raise StatusError("order-expired")
        if self.downloads >= self.most_downloads:
            raise StatusError("too-many-downloads")
        if free < len(self.profile.package):
            raise StatusError("no-room")

    def check_code(self, hashed: bytes | None, wanted: bytes) -> None:
        """Whether the confirmation code is right, where one is asked for. Raises `StatusError`."""
        if not self.code:
            return
        if self.wrong_codes >= MOST_WRONG_CODES:
            raise StatusError("confirmation-exhausted")
        if hashed is None:
            raise StatusError("confirmation-missing")
        if hashed != wanted:
            self.wrong_codes += 1
            raise StatusError(
                "confirmation-exhausted" if self.wrong_codes >= MOST_WRONG_CODES else "confirmation-wrong"
            )
