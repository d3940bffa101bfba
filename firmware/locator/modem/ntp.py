"""Asking a time server, through the modem's own client. Imported only where nothing else told the time.

BG95: TCP/IP manual V1.1, QNTP; SIM7600: AT manual V3.00, CNTP, which needs the network service.
"""

from micropython import const

from locator.modem import ModemError, ModemRestarted, ModemSilent, parse

SERVER = (b"pool.ntp.org", 123)
_MS = const(9000)
_ANSWER_MS = const(40000)  # the manuals allow 125 s: the time is not worth that


def ask(driver):
    """Epoch seconds UTC, None when nobody tells, or nobody may be asked. `driver` is registered."""
    try:
        driver.permit(*SERVER)
        return _bg95(driver) if driver.KIND == "bg95" else _sim7600(driver)
    except (ModemSilent, ModemRestarted):
        raise
    except ModemError:
        return None


def _bg95(driver):
    driver.pdp_open()
    at = driver.channel
    at.unsolicited += (b"+QNTP:",)
    at.command(b'+QNTP=1,"%s",%d,1' % SERVER, _MS)
    line = at.wait(b"+QNTP:", _ANSWER_MS)
    parts = parse.fields(line) if line else []
    # "2026/06/02,09:47:33+32": the year in full, else as in +CCLK.
    return parse.network_clock(parts[1][2:]) if len(parts) == 2 and parts[0] == b"0" else None


def _sim7600(driver):
    driver.pdp_define()
    at = driver.channel
    at.unsolicited += (b"+CNTP:",)
    driver.open_service(b"+NETOPEN")
    try:
        at.command(b'+CNTP="%s",0' % SERVER[0], _MS)
        at.command(b"+CNTP", _MS)
        if at.wait(b"+CNTP:", _ANSWER_MS) != b"0":
            return None
        return driver.network_time()
    finally:
        if driver.accepts(b"+NETCLOSE", _MS):
            at.wait(b"+NETCLOSE:", _MS)
