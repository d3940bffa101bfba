"""The GNSS of a SIM7600. Imported for a search."""

from micropython import const

from locator.modem import gnss, parse

_MS = const(9000)


def gnss_start(driver, radio_off):
    """Start GNSS; the radio goes on registering meanwhile unless `radio_off`."""
    if radio_off:
        driver.radio_off()
    driver.accepts(b"+CGPS=1", _MS)  # refused when it is on already


def gnss_poll(driver):
    """A `Fix`, or None while there is none."""
    lines = driver.channel.command(b"+CGNSSINFO", _MS, b"+CGNSSINFO:")
    return _fix(parse.fields(lines[0])) if lines else None


def gnss_stop(driver):
    """Stop GNSS. The modem needs up to 30 s for it, in which it does not start again: a wake
    searches once, so there is no wait."""
    driver.accepts(b"+CGPS=0", _MS)


def _fix(parts):
    """The `Fix` in a reply (AT manual V3.00, CGNSSINFO):
    `<mode>,<GPS>,<GLONASS>,<BeiDou>,<lat>,<N/S>,<lon>,<E/W>,<date>,<UTC>,<alt>,<knots>,<course>,
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
