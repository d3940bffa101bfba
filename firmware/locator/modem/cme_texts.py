"""The codes of +CME ERROR lines in words, of those that the drivers act on (TS 27.007 9.2; Quectel GNSS
manual). Imported only when a modem answers so."""

_CODES = {
    b"sim not inserted": 10,
    b"sim busy": 14,
    b"no network service": 30,
    b"network not allowed - emergency calls only": 32,
    b"illegal ms": 103,
    b"illegal me": 106,
    b"gprs services not allowed": 107,
    b"plmn not allowed": 111,
    b"location area not allowed": 112,
    b"roaming not allowed in this location area": 113,
    b"service option not supported": 132,
    b"requested service option not subscribed": 133,
    b"service option temporarily out of order": 134,
    b"pdp authentication failure": 149,
    b"gnss subsystem busy": 503,
    b"session is ongoing": 504,
    b"session not active": 505,
    b"operation timeout": 506,
    b"internal resource error": 513,
    b"not fixed now": 516,
    b"no fix": 516,
}


def code(line):
    """The code of `+CME ERROR: <words>`, in any case; -1 for words that are not listed."""
    return _CODES.get(line.partition(b":")[2].strip().lower(), -1)
