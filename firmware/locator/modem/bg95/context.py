"""Recovery of a BG95 after a refused PDP context or a failed TLS connection. Imported only then."""

from micropython import const

from locator.modem import ModemError, ModemGone, PdpError
from locator.modem.refusals import CODES, ask

_MS = const(9000)
_PDP_MS = const(150000)
_FOUND_AGAIN_MS = const(12000)
_PAUSE_MS = const(3000)
_REACH_MS = const(30000)
_CLOSE_MS = const(10000)
_NOT_CONFIGURED = b"573"  # +QIGETERROR: the access point
_UNKNOWN_ACCESS_POINT = const(127)


def refused(driver, error):
    """The first request for a PDP context was refused with `error`. Unless the network has named a
    cause the request is repeated. Returns the `PdpError` that this ends with, None: there is a context."""
    code = _code(driver, error)
    if code > CODES:
        return PdpError("context", code)
    driver.port.sleep_ms(_PAUSE_MS)
    driver.serves(_FOUND_AGAIN_MS)
    try:
        driver.channel.command(b"+QIACT=1", _PDP_MS)
    except ModemError as again:
        return PdpError("context", _code(driver, again))
    return None


def reaches(driver, host, port):
    """Whether the modem gets through to that host without TLS: the code of a connection with TLS that has
    failed does not say what the reason was."""
    at = driver.channel
    at.unsolicited += (b"+QIOPEN:",)
    if not driver.accepts(b'+QIOPEN=1,11,"TCP","%s",%d,0,0' % (host, port), _MS):
        return False
    opened = at.wait(b"+QIOPEN: 11,", _REACH_MS) == b"0"
    driver.accepts(b"+QICLOSE=11", _CLOSE_MS)
    return opened


def _code(driver, error):
    """The code of a refusal as of +CME ERROR; a bare ERROR is looked into. -1 if unknown."""
    if isinstance(error, ModemGone):
        raise error
    if error.code >= 0:
        return error.code
    esm = ask(driver, b"ESM")
    if esm:
        return CODES + esm
    for line in driver.listing(b"+QIGETERROR", b"+QIGETERROR:"):
        if line.startswith(_NOT_CONFIGURED):
            return _UNKNOWN_ACCESS_POINT
    return -1
