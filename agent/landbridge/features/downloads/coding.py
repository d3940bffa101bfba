"""Encodes requests and packages for the card of a device, and decodes the device's answers.

docs/explanation/profile-download.md describes what the device does with them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from landbridge.core.texts import _
from landbridge.protocol.limits import WireError

REQUEST_KEY, OFFER_KEY, PIECE_KEY = 12, 13, 14
"""Keys of a downlink: [download, step, requests or quarter seconds]; [download, step, bytes, SHA-256,
segments]; [download, step, offset, bytes]."""
ANSWER_KEY, PULL_KEY = 15, 16
"""Keys of an uplink: [download, step, reason, answers]; [download, step, offset]."""
MOST_REQUEST = 1_280
"""Bytes of requests for which a downlink has room."""
PIECE_BYTES = 1_280
"""Bytes of a package in one downlink, which contains nothing else then."""
MOST_PACKAGE = 54_000
"""Bytes of a package that a device pulls with the messages of a day (firmware/locator/esim/download.py)."""
WAIT = 1
"""Quarter seconds after which a device repeats its request while the agent waits for a server."""
LONGEST_WAIT = 120
"""Limit on a device: if a server takes longer, another session begins."""
OVER = 0
"""In place of quarter seconds: the device forgets the download."""

DONE, LOST, INTERRUPTED, NO_CARD, NOT_ALLOWED, DAMAGED = range(6)
REASONS = {
    LOST: _("the card has lost its session"),
    INTERRUPTED: _("interrupted while the card was loading"),
    NO_CARD: _("the card does not answer"),
    NOT_ALLOWED: _("the device refuses the request"),
    DAMAGED: _("the package arrived damaged"),
    16: _("battery too weak"),
    17: _("too cold"),
    18: _("signal too weak"),
    19: _("a profile switch is under way"),
    20: _("data quota used up"),
    21: _("blocked in this country"),
    22: _("no room in flash"),
    23: _("the day's limit is used up"),
    24: _("its connection has no room for the card's answers"),
}
"""Why a device has not done a step, by number."""
FIRST_POSTPONED = 16
"""Reasons from this one on: the device begins by itself when the reason is over."""
_MOST_ANSWER = 3_400
_U31 = 2**31 - 1


class Answer(NamedTuple):
    """The report of a device about a step."""

    download: int
    """0: the step is the number of a notification (features/esim)."""
    step: int
    reason: int
    """DONE or a key of REASONS."""
    content: bytes
    """The answers of the card in order; empty with DONE: the device requests the next step."""

    @property
    def asks(self) -> bool:
        """Whether it only requests the next step."""
        return self.reason == DONE and not self.content


class Pull(NamedTuple):
    """The piece of a package that a device requests."""

    download: int
    step: int
    offset: int


def decode_answer(item: Any) -> Answer:
    """Return the report in an uplink; `WireError` if it is malformed."""
    if type(item) is not list or len(item) != 4 or type(item[3]) is not bytes:
        raise WireError("download: not [download, step, reason, answers]")
    if len(item[3]) > _MOST_ANSWER or (item[3] and item[2] != DONE):
        raise WireError("download: answers too long, or together with a reason")
    _check(item[:3], (_U31, _U31, 255))
    return Answer(*item)


def decode_pull(item: Any) -> Pull:
    """Return the request for a piece in an uplink; `WireError` if it is malformed."""
    if type(item) is not list or len(item) != 3:
        raise WireError("download: not [download, step, offset]")
    _check(item, (_U31, _U31, MOST_PACKAGE))
    return Pull(*item)


def request(download: int, step: int, requests: bytes) -> Mapping[int, Any]:
    """Return a downlink with ES10 requests for the card, in order."""
    return {REQUEST_KEY: [download, step, requests]}


def wait(download: int, step: int, half_seconds: int) -> Mapping[int, Any]:
    """Return a downlink after which the device repeats its request or, with OVER, ends the download."""
    return {REQUEST_KEY: [download, step, half_seconds]}


def offer(download: int, step: int, size: int, digest: bytes, segments: int) -> Mapping[int, Any]:
    """Return a downlink with the offer of a package."""
    return {OFFER_KEY: [download, step, size, digest, segments]}


def piece(pull: Pull, package: bytes) -> Mapping[int, Any]:
    """Return a downlink with the requested piece; empty after the end."""
    content = package[pull.offset : pull.offset + PIECE_BYTES]
    return {PIECE_KEY: [*pull, content]} if content else {}


def _check(values: list[Any], limits: tuple[int, ...]) -> None:
    for value, most in zip(values, limits, strict=True):
        if type(value) is not int or not 0 <= value <= most:
            raise WireError(f"download: {value!r} is not an integer in 0 .. {most}")
