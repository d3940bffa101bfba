"""Parsers of what a GNSS receiver prints. Like those of `parse`, they return None for what they cannot read.
Only a search for a fix imports them."""

from locator.modem import Fix, parse


def motion(text, places):
    """A speed or a course as `decimal` has it: some firmware leaves them empty while nothing moves."""
    return parse.decimal(text, places) if text else 0


def degrees(text, hemisphere):
    """NMEA `ddmm.mmmmmm` or `dddmm.mmmmmm` and N/S/E/W as 1e-5 degrees."""
    point = text.find(b".")
    if point < 3 or hemisphere not in (b"N", b"E", b"S", b"W"):
        return None
    whole, minutes = parse.integer(text[: point - 2]), parse.decimal(text[point - 2 :], 6)
    if whole is None or minutes is None:
        return None
    value = whole * 100000 + parse.rounded(minutes, 600)
    return -value if hemisphere in (b"S", b"W") else value


def epoch(ddmmyy, hhmmss):
    """Epoch seconds of GNSS date and time (b"020626", b"014733.0"), rounded to the second.

    0 for a date that is read but cannot be: receivers print 1980 before they know, and some
    fall back by 1,024 weeks. The position with it may still be good.
    """
    date, tenths = parse.integer(ddmmyy), parse.decimal(hhmmss, 1)
    if date is None or tenths is None:
        return None
    year, month, day = date % 100, date // 100 % 100, date // 10000
    if not parse.plausible(year, month, day, tenths // 10):
        return 0
    return parse.seconds(2000 + year, month, day, tenths // 10) + (1 if tenths % 10 >= 5 else 0)


def fix(time, lat, lon, alt_dm, speed_e4kmh, heading_cdeg, hdop_tenths, sats):
    """A `Fix` from epoch seconds (0 unknown), 1e-5 degrees, decimetres, 1e-4 km/h, 0.01 degrees,
    0.1, count; None where that is no place on earth."""
    if abs(lat) > 9000000 or abs(lon) > 18000000 or not 0 <= time < 0xFFFFFFFF:
        return None
    return Fix(
        time,
        lat,
        lon,
        max(-0x8000, min(0x7FFF, parse.rounded(alt_dm, 20))),
        max(0, min(255, parse.rounded(speed_e4kmh, 10000))),
        parse.rounded(heading_cdeg, 200) % 180,
        max(0, min(255, parse.rounded(hdop_tenths, 2))),
        max(0, min(255, sats)),
    )
