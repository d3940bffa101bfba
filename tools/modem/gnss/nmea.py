"""Coordinates as NMEA writes them."""

from __future__ import annotations


def minutes(degrees: float, width: int, digits: int) -> str:
    """`ddmm.mmmm`: `width` digits of degrees, two of minutes, `digits` after the point; without sign."""
    scaled = round(abs(degrees) * 60 * 10**digits)
    whole, part = divmod(scaled, 60 * 10**digits)
    return f"{whole:0{width}d}{part / 10**digits:0{digits + 3}.{digits}f}"
