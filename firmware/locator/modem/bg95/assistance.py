"""Assistance data (XTRA) in a BG95, with which a start without ephemeris takes 15 s in place of 38
(docs/reference/simulated-modem.md): it is given a file (GNSS manual V1.1, of the BG96). It needs
AT+QGPSXTRA=1 before a boot, which CONFIGURE says."""

from micropython import const

from locator.modem import parse

_MS = const(9000)
_FILE_MS = const(60000)
_FILE = b"xtra2.bin"


def minutes_left(driver):
    """For how many minutes those in the modem still hold, 0 for none."""
    for line in driver.listing(b"+QGPSXTRADATA?", b"+QGPSXTRADATA:"):
        return parse.integer(parse.fields(line)[0]) or 0
    return 0


def inject(driver, data, utc):
    """Give it the file `data` (bytes) and the time `utc` as (year, month, day, hour, minute, second); True
    when it has taken both."""
    driver.accepts(b'+QFDEL="%s"' % _FILE, _MS)
    driver.channel.prompted(b'+QFUPL="%s",%d,60' % (_FILE, len(data)), data, _FILE_MS, b"CONNECT")
    if not driver.accepts(b'+QGPSXTRATIME=0,"%04d/%02d/%02d,%02d:%02d:%02d",1,1,5' % utc, _MS):
        return False
    return driver.accepts(b'+QGPSXTRADATA="UFS:%s"' % _FILE, _MS)
