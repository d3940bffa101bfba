"""Durations as people write them."""

import re

from landbridge.core.errors import UserError
from landbridge.core.texts import _

_UNITS_S = {"m": 60, "h": 3600, "d": 86400}


def seconds(text: str, longest_s: int, field: str) -> int:
    """Return the seconds of `text`, for example 30m, 24h or 7d. `UserError` (at the `field` of a form) if it
    is no duration, or too long."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    length_s = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if not 0 < length_s <= longest_s:
        raise UserError(
            _(
                "{text} is not a duration from 1m to {most}d; examples: 30m, 24h, 7d",
                text=repr(text),
                most=longest_s // 86400,
            ),
            field,
        )
    return length_s
