"""The coded timers of power saving (TS 24.008 10.5.7.4 and 10.5.7.4a)."""

from __future__ import annotations

from tools.modem.engine.errors import BAD_PARAMETER, Refused

_TAU_S = {"000": 600, "001": 3_600, "010": 36_000, "011": 2, "100": 30, "101": 60, "110": 1_152_000}
_ACTIVE_S = {"000": 2, "001": 60, "010": 360}


def valid(bits: str) -> bool:
    """Eight binary digits."""
    return len(bits) == 8 and set(bits) <= {"0", "1"}


def nibble(bits: str) -> str:
    """Four binary digits, as they are. Raises Refused for anything else."""
    if len(bits) != 4 or not set(bits) <= {"0", "1"}:
        raise Refused(BAD_PARAMETER)
    return bits


def tau_s(bits: str) -> int | None:
    """T3412 extended in seconds; None: switched off."""
    unit_s = _TAU_S.get(bits[:3])
    return unit_s * int(bits[3:], 2) if unit_s else None


def active_s(bits: str) -> int | None:
    """T3324 in seconds; None: switched off."""
    unit_s = _ACTIVE_S.get(bits[:3])
    return None if unit_s is None else unit_s * int(bits[3:], 2)
