"""The SIM7600's client of a time server (AT manual V3.00, CNTP), which needs the network service."""

from locator.modem.ntp import ANSWER_MS, MS
from locator.modem.sim7600.mqtt import open_service


def ask(driver, server):
    """Epoch seconds UTC as `server` (host, port) says, None when it does not answer."""
    driver.pdp_define()
    at = driver.channel
    at.unsolicited += (b"+CNTP:",)
    open_service(driver, b"+NETOPEN")
    try:
        at.command(b'+CNTP="%s",0' % server[0], MS)
        at.command(b"+CNTP", MS)
        if at.wait(b"+CNTP:", ANSWER_MS) != b"0":
            return None
        return driver.network_time()
    finally:
        if driver.accepts(b"+NETCLOSE", MS):
            at.wait(b"+NETCLOSE:", MS)
