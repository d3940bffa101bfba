"""Assistance data (XTRA) in a SIM7600, with which a start without ephemeris takes 15 s in place of 38
(docs/reference/simulated-modem.md): it fetches them from its vendor's server by itself (GNSS note V3.00). It
needs AT+CGPSXE=1 before a boot, which CONFIGURE says."""

from micropython import const

_MS = const(9000)
_DOWNLOAD_MS = const(60000)
BYTES = 40000  # of a download, about
SERVER = (b"xtrapath1.izatcloud.net", 443)


def download(driver):
    """Let it fetch new ones, about 40 kB; True when they have come. The modem is registered."""
    if driver.hosts is not None and SERVER not in driver.hosts:
        return False
    at = driver.channel
    driver.pdp_define()
    at.unsolicited += (b"+CGPSXD:",)
    if not driver.accepts(b"+CGPSXD=0", _MS):
        return False
    return at.wait(b"+CGPSXD:", _DOWNLOAD_MS) == b"0"
