"""The fix of the SIM7600 (AT manual V3.00, CGNSSINFO)."""

from locator.modem import gnss, parse


def fix(parts):
    """`<mode>,<GPS>,<GLONASS>,<BeiDou>,<lat>,<N/S>,<lon>,<E/W>,<date>,<UTC>,<alt>,<knots>,<course>,
    <PDOP>,<HDOP>,<VDOP>`"""
    if len(parts) < 16:
        return None
    knots_e1 = gnss.motion(parts[11], 1)
    values = (
        gnss.epoch(parts[8], parts[9]),
        gnss.degrees(parts[4], parts[5]),
        gnss.degrees(parts[6], parts[7]),
        parse.decimal(parts[10], 1),
        None if knots_e1 is None else 1852 * knots_e1,
        gnss.motion(parts[12], 2),
        parse.decimal(parts[14], 1),
        sum(parse.integer(count) or 0 for count in parts[1:4]),
    )
    return None if None in values else gnss.fix(*values)
