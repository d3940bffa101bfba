"""The restart of the card after a switch, at its own request (REFRESH) or forced, and its identity after
that.

What the modem has read before goes stale: the files themselves tell which profile there is (TS 31.102), and
the IMSI is the right one only once the modem has read it again.
"""

from binascii import unhexlify

from micropython import const

from locator.modem import ModemError, ModemGone, parse

_REFRESH_MS = const(10000)
_CFUN_MS = const(15000)
_MS = const(5000)


def wait(driver):
    """Until the card has been reset by its REFRESH; True if one was seen. A READY without the other may be of
    the boot."""
    seen = driver.channel.wait(b"+CPIN: NOT READY", _REFRESH_MS) is not None
    if seen:
        driver.await_card()
    return seen


def force(driver):
    """Start the card again by the modem's function: off, with the card, and on."""
    driver.accepts(b"+CFUN=0", _CFUN_MS)
    driver.channel.forget(b"+CPIN:")
    driver.accepts(b"+CFUN=1", _CFUN_MS)
    driver.await_card()


def identity(driver):
    """(ICCID as ten bytes, IMSI as digits); b"" for what cannot be read, or for an IMSI that the modem uses
    though the card has another by now."""
    iccid, known = _file(driver, b"+CRSM=176,12258,0,0,10"), _file(driver, b"+CRSM=176,28423,0,0,9")
    imsi = b""
    try:
        imsi = driver.imsi().encode()
    except ModemGone:
        raise
    except ModemError:
        pass
    digits = "".join(["%X%X" % (byte & 15, byte >> 4) for byte in known[1:]])[1:].rstrip("F").encode()
    return iccid if len(iccid) == 10 else b"", imsi if digits in (imsi, b"") else b""


def _file(driver, text):
    """The contents of a file of the card, b"" when it cannot be read."""
    for line in driver.listing(text, b"+CRSM:"):
        parts = parse.fields(line)
        try:
            return unhexlify(parts[2]) if len(parts) > 2 else b""
        except ValueError:
            pass
    return b""
