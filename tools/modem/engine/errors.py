"""Refusals, and the texts of AT+CMEE=2 for the codes that the modem uses."""

from __future__ import annotations

TEXTS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    21: "invalid index",
    30: "no network service",
    32: "network not allowed - emergency calls only",
    50: "incorrect parameters",
    100: "unknown",
    103: "illegal MS",
    106: "illegal ME",
    107: "GPRS services not allowed",
    111: "PLMN not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    132: "service option not supported",
    133: "requested service option not subscribed",
    134: "service option temporarily out of order",
    148: "unspecified GPRS error",
    149: "PDP authentication failure",
    400: "invalid input value",
    401: "file size too large",
    402: "file size is zero",
    403: "parameter error",
    405: "file not found",
    406: "invalid file name",
    407: "file already exists",
    413: "operation timeout",
    501: "invalid parameter(s)",
    502: "operation not supported",
    503: "GNSS subsystem busy",
    504: "session is ongoing",
    505: "session not active",
    506: "operation timeout",
    507: "function not enabled",
    508: "time information error",
    509: "XTRA not enabled",
    516: "not fixed now",
    549: "unknown error",
    563: "operation blocked",
}

EMM_NAMES = {
    2: "IMSI unknown in HSS",
    3: "Illegal UE",
    5: "IMEI not accepted",
    6: "Illegal ME",
    7: "EPS services not allowed",
    8: "EPS services and non-EPS services not allowed",
    9: "UE identity cannot be derived by the network",
    10: "Implicitly detached",
    11: "PLMN not allowed",
    12: "Tracking Area not allowed",
    13: "Roaming not allowed in this tracking area",
    14: "EPS services not allowed in this PLMN",
    15: "No suitable cells in tracking area",
    16: "MSC temporarily not reachable",
    17: "Network failure",
    22: "Congestion",
}
"""Names of EMM causes (TS 24.301 9.9.3.9)."""
ESM_NAMES = {
    8: "Operator Determined Barring",
    26: "Insufficient resources",
    27: "Missing or unknown APN",
    28: "Unknown PDN type",
    29: "User authentication failed",
    30: "Request rejected by Serving GW or PDN GW",
    31: "Request rejected, unspecified",
    32: "Service option not supported",
    33: "Requested service option not subscribed",
    34: "Service option temporarily out of order",
    38: "Network failure",
}
"""Names of ESM causes (TS 24.301 9.9.4.4)."""

NOT_ALLOWED = 3
SIM_MISSING = 10
PIN_NEEDED = 11
PUK_NEEDED = 12
SIM_FAILURE = 13
SIM_BUSY = 14
BAD_PASSWORD = 16
NO_SERVICE = 30
BAD_PARAMETER = 50
MESSAGE_PARAMETER, MESSAGE_INDEX = 302, 321
"""Codes of +CMS ERROR (TS 27.005 3.2.5)."""
MESSAGE_CARD = {SIM_MISSING: 310, PIN_NEEDED: 311, PUK_NEEDED: 316, SIM_FAILURE: 313, SIM_BUSY: 314}
"""The codes of +CMS ERROR for those of +CME ERROR about the card."""
FILE_NOT_FOUND = 405
FILE_EXISTS = 407
FILE_TIMEOUT = 413
FILE_ABORTED = 421


class Refused(Exception):
    """The final result of the command is an error; `code` of +CME ERROR, None for plain ERROR."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class RefusedMessage(Refused):
    """The same of a command about short messages: its codes are those of +CMS ERROR."""


MESSAGE_TEXTS = {
    MESSAGE_PARAMETER: "operation not allowed",
    MESSAGE_INDEX: "invalid memory index",
    **{code: TEXTS[fault] for fault, code in MESSAGE_CARD.items()},
}


def final_result(refusal: Refused, cmee: int) -> str:
    """The error line for AT+CMEE=0, 1 or 2."""
    code = refusal.code
    if code is None or cmee == 0:
        return "ERROR"
    name, texts = ("+CMS", MESSAGE_TEXTS) if isinstance(refusal, RefusedMessage) else ("+CME", TEXTS)
    return f"{name} ERROR: {texts.get(code, 'unknown') if cmee == 2 else code}"
