"""The restart of the card after a switch, at its own request (REFRESH) or forced, and its identity after
that.

Values that the modem has read before are out of date: the files of the card show the profile (TS 31.102), and
the IMSI is right only when the modem has read it again.
"""

from binascii import unhexlify

from micropython import const

from locator.modem import ModemError, ModemGone, parse

_REFRESH_MS = const(10000)
_CFUN_MS = const(15000)
_MS = const(5000)


def wait(driver):
    """Wait until the card has been reset by its REFRESH; return whether it was. A READY without NOT READY may
    be that of the boot."""
    seen = driver.channel.wait(b"+CPIN: NOT READY", _REFRESH_MS) is not None
    if seen:
        driver.await_card()
    return seen


def force(driver):
    """Restart the card by the modem's function: off, with the card, and on."""
    driver.accepts(b"+CFUN=0", _CFUN_MS)
    driver.channel.forget(b"+CPIN:")
    driver.accepts(b"+CFUN=1", _CFUN_MS)
    driver.await_card()


def identity(driver):
    """Return (ICCID as ten bytes, IMSI as digits); b"" if one cannot be read, or if the modem still uses
    another IMSI than the card has."""
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
    """Return the contents of a file of the card, b"" if it cannot be read."""
    for line in driver.listing(text, b"+CRSM:"):
        parts = parse.fields(line)
        try:
            return unhexlify(parts[2]) if len(parts) > 2 else b""
        except ValueError:
            pass
    return b""
