"""Container numbers (ISO 6346): owner, category U, J or Z, serial number, check digit."""

import re

from landbridge.core.errors import UserError
from landbridge.core.texts import _

_SHAPE = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}")
# A is 10; 11, 22 and 33 are left out, because they would not change the remainder.
_LETTERS = [value for value in range(10, 39) if value % 11]


def check_digit(first_ten: str) -> int:
    """Return the eleventh character of a container number from the ten before it."""
    values = [int(c) if c.isdigit() else _LETTERS[ord(c) - ord("A")] for c in first_ten]
    return sum(value << position for position, value in enumerate(values)) % 11 % 10


def container_number(text: str) -> str:
    """Return `text` in the form CSQU3054383, without spaces and hyphens; `UserError` if it is no container
    number."""
    number = re.sub(r"[\s-]", "", text).upper()
    if not _SHAPE.fullmatch(number):
        raise UserError(
            _("{text} is not a container number: it has the form CSQU3054383 (ISO 6346)", text=repr(text)),
            "container",
        )
    expected = check_digit(number[:10])
    if int(number[10]) != expected:
        raise UserError(
            _(
                "container number {text}: the check digit should be {digit}; compare it with the container",
                text=repr(text),
                digit=expected,
            ),
            "container",
        )
    return number
