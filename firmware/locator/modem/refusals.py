"""The cause of a network's refusal, as the modem reports it in +CEER. Imported after a refusal.

The manuals do not show the text of +CEER: accepted are `EMM cause 7`, `EMM: 7, ...`, `#7`, the codes of +CME
ERROR, and the names of TS 24.301 (9.9.3.9, 9.9.4.4) and TS 24.008, in any case and punctuation.
"""

from micropython import const

from locator.modem import DENIED, NO_SERVICE, UNNAMED

_MS = const(9000)
CODES = const(100)  # CME codes above it are the network's: 100 and the cause (TS 27.007 9.2.2)
_EMM_CODES = const(122)
_LAST_CAUSE = const(147)
_LAST_CODE = const(150)
_NO_SERVICE = (30, 32)  # no service, emergency calls only
_LOGIN_CODE, _LOGIN_FAILED = 149, 29
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
    if not CODES < code <= _LAST_CODE:
        return code in _NO_SERVICE, NO_SERVICE, 0
    return True, DENIED, code - CODES if code <= _LAST_CAUSE else 0


def emm(driver):
    """The EMM cause of the last refusal, UNNAMED when the modem does not name it."""
    return ask(driver, b"EMM") or UNNAMED


def ask(driver, layer):
    """The cause (EMM or ESM, by `layer`) of the last refusal, 0 when the modem does not name it."""
    for line in driver.listing(b"+CEER", b"+CEER:"):
        return cause(line, layer)
    return 0


def esm(code):
    """The ESM cause (TS 24.301) in the code of a `PdpError`, 0 when it names none (TS 27.007 9.2.2)."""
    if code == _LOGIN_CODE:
        return _LOGIN_FAILED
    return code - CODES if CODES + 8 <= code <= CODES + 40 else 0


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
    is_emm = CODES < code <= _EMM_CODES
    return code - CODES if CODES < code <= _LAST_CAUSE and is_emm == (layer == b"EMM") else 0
