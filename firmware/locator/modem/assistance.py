"""Predicted orbits (XTRA), with which a start without ephemeris takes 15 s in place of 38 (docs/modem.md).

Imported only when new ones are due. The SIM7600 fetches them from its vendor's server by itself; the
BG95 is given a file. Both need AT+CGPSXE=1 or AT+QGPSXTRA=1 before a boot, which CONFIGURE of the
drivers says. BG95: GNSS manual V1.1 (of the BG96); SIM7600: GNSS note V3.00.
"""

from micropython import const

from locator.modem import parse

_MS = const(9000)
_DOWNLOAD_MS = const(60000)
_FILE_MS = const(60000)
_FILE = b"xtra2.bin"
BYTES = 40000  # of a download, about
SERVER = (b"xtrapath1.izatcloud.net", 443)
"""Whom a SIM7600 asks by itself."""


def minutes_left(driver):
    """For how many minutes those in a BG95 still hold, 0 for none; None where the modem does not tell."""
    if driver.KIND != "bg95":
        return None
    for line in driver.listing(b"+QGPSXTRADATA?", b"+QGPSXTRADATA:"):
        return parse.integer(parse.fields(line)[0]) or 0
    return 0


def download(driver):
    """Let a SIM7600 fetch new ones, about 40 kB; True when they have come. The modem is registered."""
    if driver.hosts is not None and SERVER not in driver.hosts:
        return False
    at = driver.channel
    driver.pdp_define()
    at.unsolicited += (b"+CGPSXD:",)
    if not driver.accepts(b"+CGPSXD=0", _MS):
        return False
    return at.wait(b"+CGPSXD:", _DOWNLOAD_MS) == b"0"


def inject(driver, data, utc):
    """Give a BG95 the file `data` (bytes) and the time `utc` as (year, month, day, hour, minute, second);
    True when it has taken both."""
    driver.accepts(b'+QFDEL="%s"' % _FILE, _MS)
    driver.channel.prompted(b'+QFUPL="%s",%d,60' % (_FILE, len(data)), data, _FILE_MS, b"CONNECT")
    if not driver.accepts(b'+QGPSXTRATIME=0,"%04d/%02d/%02d,%02d:%02d:%02d",1,1,5' % utc, _MS):
        return False
    return driver.accepts(b'+QGPSXTRADATA="UFS:%s"' % _FILE, _MS)
