"""Why the network has refused, as the modem tells it in +CEER, and what a BG95 does after a PDP context is
refused. Imported only then.

No manual at hand shows the text of +CEER: taken are `EMM cause 7`, `EMM: 7, ...`, `#7`, the codes of
+CME ERROR, and the names of TS 24.301 (9.9.3.9, 9.9.4.4) and TS 24.008, in any case and punctuation.
"""

from micropython import const

from locator.modem import DENIED, NO_SERVICE, UNTOLD, ModemError, ModemRestarted, ModemSilent, PdpError

_MS = const(9000)
_PDP_MS = const(150000)
_FOUND_AGAIN_MS = const(12000)
_PAUSE_MS = const(3000)
_REACH_MS = const(30000)
_CLOSE_MS = const(10000)
_CODES = const(100)  # CME codes above it are the network's: 100 and the cause (TS 27.007 9.2.2)
_EMM_CODES = const(122)
_LAST_CAUSE = const(147)
_LAST_CODE = const(150)
_NO_SERVICE = (30, 32)  # no service, emergency calls only
_LOGIN_CODE, _LOGIN_FAILED = 149, 29
_NO_ACCESS_POINT = (b"573", 127)  # +QIGETERROR: APN not configured; the code of an unknown one
_LAYERS = {b"EMM": (b"emm", b"gmm", b"mm"), b"ESM": (b"esm", b"sm")}
# The longer name first where one holds another.
_NAMES = {
    b"EMM": (
        (b"imsi unknown", 2),
        (b"illegal ue", 3),
        (b"illegal ms", 3),
        (b"imei not accepted", 5),
        (b"illegal me", 6),
        (b"services and non", 8),
        (b"services not allowed in", 14),
        (b"services not allowed", 7),
        (b"plmn not allowed", 11),
        (b"area not allowed", 12),
        (b"roaming not allowed", 13),
        (b"no suitable cell", 15),
        (b"congestion", 22),
    ),
    b"ESM": (
        (b"operator determined barring", 8),
        (b"insufficient resources", 26),
        (b"unknown apn", 27),
        (b"unknown access point", 27),
        (b"unknown pd", 28),
        (b"authentication fail", 29),
        (b"not subscribed", 33),
        (b"option not supported", 32),
        (b"temporarily out of order", 34),
    ),
}


def choice(code):
    """What the CME code of a refused choice of an operator by hand means for `Driver.attach`: (whether
    there is nothing to wait for, its result, EMM cause or 0)."""
    if not _CODES < code <= _LAST_CODE:
        return code in _NO_SERVICE, NO_SERVICE, 0
    return True, DENIED, code - _CODES if code <= _LAST_CAUSE else 0


def emm(driver):
    """The EMM cause of the last refusal, UNTOLD when the modem does not name it."""
    return ask(driver, b"EMM") or UNTOLD


def ask(driver, layer):
    """The cause (EMM or ESM, by `layer`) of the last refusal, 0 when the modem does not name it."""
    for line in driver.listing(b"+CEER", b"+CEER:"):
        return cause(line, layer)
    return 0


def esm(code):
    """The ESM cause (TS 24.301) in the code of a `PdpError`, 0 when it names none (TS 27.007 9.2.2)."""
    if code == _LOGIN_CODE:
        return _LOGIN_FAILED
    return code - _CODES if _CODES + 8 <= code <= _CODES + 40 else 0


def cause(text, layer):
    """The cause of that layer in the text of +CEER, 0 when it names none."""
    words = bytes([c if 48 <= c <= 57 or 97 <= c <= 122 else 32 for c in text.lower()]).split()
    for i, word in enumerate(words):
        if word in _LAYERS[layer]:
            for number in words[i + 1 : i + 3]:
                if number.isdigit():
                    return int(number)
    joined = b" ".join(words)
    for name, named in _NAMES[layer]:
        if name in joined:
            return named
    return _of_code(int(words[-1]), layer) if words and words[-1].isdigit() else 0


def _of_code(code, layer):
    if code == _LOGIN_CODE and layer == b"ESM":
        return _LOGIN_FAILED
    is_emm = _CODES < code <= _EMM_CODES
    return code - _CODES if _CODES < code <= _LAST_CAUSE and is_emm == (layer == b"EMM") else 0


def context(driver, error):
    """A BG95's first request for a PDP context was refused with `error`. Unless the network has named a
    cause it is asked once more. Returns the `PdpError` that this ends with, None: there is a context."""
    code = _code(driver, error)
    if code > _CODES:
        return PdpError("context", code)
    driver.port.sleep_ms(_PAUSE_MS)
    driver.serves(_FOUND_AGAIN_MS)
    try:
        driver.channel.command(b"+QIACT=1", _PDP_MS)
    except ModemError as again:
        return PdpError("context", _code(driver, again))
    return None


def reaches(driver, host, port):
    """Whether a BG95 gets through to that host without TLS: the code of a connection with TLS that has failed
    does not tell what was in its way."""
    at = driver.channel
    at.unsolicited += (b"+QIOPEN:",)
    if not driver.accepts(b'+QIOPEN=1,11,"TCP","%s",%d,0,0' % (host, port), _MS):
        return False
    opened = at.wait(b"+QIOPEN: 11,", _REACH_MS) == b"0"
    driver.accepts(b"+QICLOSE=11", _CLOSE_MS)
    return opened


def _code(driver, error):
    """The code of a refusal as of +CME ERROR; a bare ERROR is looked into. -1 when nobody knows."""
    if isinstance(error, (ModemSilent, ModemRestarted)):
        raise error
    if error.code >= 0:
        return error.code
    esm = ask(driver, b"ESM")
    if esm:
        return _CODES + esm
    for line in driver.listing(b"+QIGETERROR", b"+QIGETERROR:"):
        if line.startswith(_NO_ACCESS_POINT[0]):
            return _NO_ACCESS_POINT[1]
    return -1
