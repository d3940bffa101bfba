"""An order opened for its next step, and the result of the step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from landbridge.core.clock import to_epoch_s
from landbridge.features.downloads.activation import Code
from landbridge.features.downloads.queries import Manager


@dataclass(frozen=True)
class Order:
    """An order whose step the device has answered."""

    row: Row[Any]
    code: Code | None
    """None if it is no download."""
    request: bytes
    answer: bytes
    session: Mapping[str, Any]
    imei: str
    now: datetime
    remote: "Remote | None" = None
    """The data of a task of an IoT eUICC."""

    @property
    def now_s(self) -> int:
        """The time in epoch seconds."""
        return to_epoch_s(self.now)

    @property
    def transaction(self) -> bytes:
        """Of the RSP session."""
        return bytes(self.session["transaction"])

    @property
    def transaction_id(self) -> str:
        """As servers have it."""
        return self.transaction.hex().upper()


@dataclass(frozen=True)
class Remote:
    """Data of a task of an IoT eUICC in addition to the card's answers (packages.py)."""

    manager: Manager
    counter: int
    """The highest number that the agent has given to a package for the card."""
    certificates: tuple[bytes, bytes] | None
    """The certificates of the card and of its maker; None: unknown."""
    fallback: str
    """ICCID of the policy's fallback profile; empty: no policy."""
    used: str
    """ICCID of the profile that the device has reported; empty: unknown."""
    holder: str
    """Another device that has the card as far as is known; empty: none."""


@dataclass(frozen=True)
class Next:
    """The result of an answer."""

    values: dict[str, Any] = field(default_factory=dict)
    """Columns that change (`queries.change`)."""
    outcome: str = ""
    """The outcome of the order; empty: it continues."""
    problem: str | None = None
    learned: tuple[str, bytes, bytes] | None = None
    """EID and certificates of the card."""
    results: tuple[bytes, ...] = ()
    """Notifications of installations, for the server."""
    euicc: Mapping[str, Any] | None = None
    """Columns of what is known of the card."""
    proved_s: int = 0
    """When the card was asked for objects that it signed in the device; 0: it has signed nothing."""
    is_gone: bool = False
    """Another card is in the device."""
    switch_to: str = ""
    """ICCID of the profile to which the device shall switch."""
