"""Refusals, and the texts of AT+CMEE=2 for the codes that the modem uses."""

from __future__ import annotations

TEXTS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    13: "SIM failure",
    14: "SIM busy",
    16: "incorrect password",
    21: "invalid index",
    30: "no network service",
    32: "network not allowed - emergency calls only",
    50: "incorrect parameters",
    100: "unknown",
    111: "PLMN not allowed",
    400: "invalid input value",
    405: "file not found",
    407: "file already exists",
    413: "operation timeout",
    501: "invalid parameter(s)",
    504: "session is ongoing",
    505: "session not active",
    516: "not fixed now",
}

NOT_ALLOWED = 3
SIM_FAILURE = 13
SIM_BUSY = 14
NO_SERVICE = 30
BAD_PARAMETER = 50
FILE_NOT_FOUND = 405
FILE_EXISTS = 407
FILE_TIMEOUT = 413


class Refused(Exception):
    """The final result of the command is an error; `code` of +CME ERROR, None for plain ERROR."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


def final_result(code: int | None, cmee: int) -> str:
    """The error line for AT+CMEE=0, 1 or 2."""
    if code is None or cmee == 0:
        return "ERROR"
    return f"+CME ERROR: {TEXTS.get(code, 'unknown') if cmee == 2 else code}"
