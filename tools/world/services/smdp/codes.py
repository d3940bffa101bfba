"""Status codes of an SM-DP+ (SGP.22 5.2.6), by names of our own."""

from __future__ import annotations

from typing import NamedTuple


class Status(NamedTuple):
    """Subject and reason."""

    subject: str
    reason: str


STATUS = {
    "no-room": Status("8.1", "4.8"),
    "euicc-signature": Status("8.1", "6.1"),
    "other-eid": Status("8.1.1", "3.8"),
    "eum-certificate": Status("8.1.2", "6.1"),
    "eum-expired": Status("8.1.2", "6.3"),
    "euicc-certificate": Status("8.1.3", "6.1"),
    "euicc-expired": Status("8.1.3", "6.3"),
    "not-released": Status("8.2", "1.2"),
    "no-rebinding": Status("8.2", "3.7"),
    "not-eligible": Status("8.2.5", "4.3"),
    "matching-id": Status("8.2.6", "3.8"),
    "confirmation-missing": Status("8.2.7", "2.2"),
    "confirmation-wrong": Status("8.2.7", "3.8"),
    "confirmation-exhausted": Status("8.2.7", "6.4"),
    "address": Status("8.8.1", "3.8"),
    "unknown-ci": Status("8.8.2", "3.1"),
    "order-expired": Status("8.8.5", "4.1"),
    "too-many-downloads": Status("8.8.5", "6.4"),
    "unknown-transaction": Status("8.10.1", "3.9"),
}


class StatusError(Exception):
    """The function failed: HTTP 200 with this status."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.status = STATUS[name]
