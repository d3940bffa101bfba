"""The GNSS of a BG95, which shares its radio. Imported for a search."""

from micropython import const

from locator.modem import ModemError, gnss, parse
from locator.modem.driver import SHORT_MS, SIM_MS

_BUSY = const(503)
_BUSY_TRIES = const(10)
_ALREADY_ON = const(504)
_NOT_FIXED = const(516)


def gnss_start(driver, radio_off):
    """Give the radio to GNSS. Registration waits until `gnss_stop`. Soon after a boot the receiver may still
    be busy."""
    if radio_off:
        driver.radio_off()
    _first(driver, 0)
    tries = _BUSY_TRIES
    while True:
        try:
            driver.channel.command(b"+QGPS=1", SIM_MS)
            return
        except ModemError as e:
            tries -= 1
            if e.code == _ALREADY_ON:
                return
            if e.code != _BUSY or not tries:
                raise
        driver.port.sleep_ms(SHORT_MS)


def gnss_poll(driver):
    """A `Fix`, or None while there is none."""
    try:
        lines = driver.channel.command(b"+QGPSLOC=2", SIM_MS, b"+QGPSLOC:")
    except ModemError as e:
        if e.code < 0:
            raise
        # The usual answer, once a second: whatever follows it has come by the next time.
        driver.channel.unsure = e.code != _NOT_FIXED
        return None
    return _fix(parse.fields(lines[0])) if lines else None


def gnss_stop(driver):
    """Give the radio back to the network."""
    try:
        driver.accepts(b"+QGPSEND")  # refused when it is off already
    finally:
        _first(driver, 1)


def _first(driver, whom):
    """Which the radio serves first, 0: GNSS, 1: the network; for now, where the firmware can do that."""
    text = b'+QGPSCFG="priority",%d' % whom
    if not driver.accepts(text + b",0"):
        driver.accepts(text)


def _fix(parts):
    """The `Fix` in a reply (GNSS manual of the BG96, QGPSLOC):
    `<UTC>,<lat>,<lon>,<HDOP>,<alt>,<fix>,<COG>,<km/h>,<knots>,<date>,<satellites>`"""
    if len(parts) < 11:
        return None
    digits = ((1, 5), (2, 5), (4, 1), (7, 4), (6, 2), (3, 1))
    values = [(gnss.motion if at in (6, 7) else parse.decimal)(parts[at], digit) for at, digit in digits]
    values = [gnss.epoch(parts[9], parts[0])] + values + [parse.integer(parts[10])]
    return None if None in values else gnss.fix(*values)
