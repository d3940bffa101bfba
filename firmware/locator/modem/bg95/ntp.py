"""The BG95's client of a time server (TCP/IP manual V1.1, QNTP)."""

from locator.modem import parse
from locator.modem.ntp import ANSWER_MS, MS


def ask(driver, server):
    """Epoch seconds UTC as `server` (host, port) says, None when it does not answer."""
    driver.pdp_open()
    at = driver.channel
    at.unsolicited += (b"+QNTP:",)
    at.command(b'+QNTP=1,"%s",%d,1' % server, MS)
    line = at.wait(b"+QNTP:", ANSWER_MS)
    parts = parse.fields(line) if line else []
    # "2026/06/02,09:47:33+32": the year in full, else as in +CCLK.
    return parse.network_clock(parts[1][2:]) if len(parts) == 2 and parts[0] == b"0" else None
