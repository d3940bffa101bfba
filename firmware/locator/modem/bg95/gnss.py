"""The fix of the BG95 (GNSS manual of the BG96, QGPSLOC)."""

from locator.modem import gnss, parse


def fix(parts):
    """`<UTC>,<lat>,<lon>,<HDOP>,<alt>,<fix>,<COG>,<km/h>,<knots>,<date>,<satellites>`"""
    if len(parts) != 11:
        return None
    digits = ((1, 5), (2, 5), (4, 1), (7, 4), (6, 2), (3, 1))
    values = [(gnss.motion if at in (6, 7) else parse.decimal)(parts[at], digit) for at, digit in digits]
    values = [gnss.epoch(parts[9], parts[0])] + values + [parse.integer(parts[10])]
    return None if None in values else gnss.fix(*values)
