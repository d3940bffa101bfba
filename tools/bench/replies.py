"""Pure parsers of replies that only the bench needs. They return nothing for what they cannot read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tools.bench.settings import split

Serving = dict[str, int | str]
ReadServing = Callable[[str], Serving]
ACCESS = {0: "GSM", 2: "UMTS", 3: "EDGE", 7: "LTE", 8: "LTE-M", 9: "NB-IoT"}
EMM = {
    2: "IMSI unknown",
    3: "illegal UE",
    5: "IMEI not accepted",
    6: "illegal ME",
    7: "EPS not allowed",
    8: "EPS and non-EPS not allowed",
    11: "network not allowed",
    12: "area not allowed",
    13: "roaming not allowed here",
    14: "EPS not allowed in this network",
    15: "no suitable cell in this area",
    17: "network failure",
    19: "session refused",
    22: "congestion",
}
"""Causes of TS 24.301 that a bench meets."""
_ENTRY = re.compile(r'\(((?:"[^"]*"|[^()"])*)\)')
"""A name in quotes may contain parentheses."""


class Operator(NamedTuple):
    """One network heard: `state` 0 unknown, 1 available, 2 current, 3 forbidden; `plmn` MCC*1000+MNC."""

    state: int
    name: str
    plmn: int
    access: str


def operators(line: str) -> list[Operator]:
    """The networks of a +COPS=? answer, without its prefix; the lists of modes after them are left out."""
    found = []
    for part in _ENTRY.findall(line):
        values = split(part)
        if len(values) < 4 or not values[0].isdigit() or not values[3].isdigit() or len(values[3]) < 5:
            continue
        access = int(values[4]) if len(values) > 4 and values[4].isdigit() else 0
        plmn = 1000 * int(values[3][:3]) + int(values[3][3:])
        found.append(Operator(int(values[0]), values[1], plmn, ACCESS.get(access, str(access))))
    return found


def cause(number: int) -> str:
    """A reject cause in words, empty for none."""
    return f"cause {number}, {EMM.get(number, 'see TS 24.301')}" if number else ""


def qeng(line: str) -> Serving:
    """Kind of network, band and signal, as far as reported, from +QENG="servingcell"."""
    parts = split(line)
    if len(parts) < 11:
        return {}
    if parts[2] == "GSM":
        return {"access": "GSM", **_numbers(rsrp_dbm=parts[10])}
    if len(parts) < 17:
        return {}
    values = _numbers(rsrp_dbm=parts[13], rsrq_db=parts[14], sinr=parts[16], band=parts[9])
    return {"access": parts[2], **values}


def cpsi(line: str) -> Serving:
    """The same from +CPSI?."""
    parts = split(line)
    if len(parts) < 7 or parts[0] == "NO SERVICE":
        return {}
    if parts[0] != "LTE" or len(parts) < 14:
        return {"access": parts[0]}
    levels = _numbers(rsrq_db=parts[10], rsrp_dbm=parts[11], sinr=parts[13])
    rsrp = levels.get("rsrp_dbm", 0)
    if rsrp > 0:  # the index of TS 36.133
        levels["rsrp_dbm"], levels["rsrq_db"] = rsrp - 141, levels.get("rsrq_db", 0) // 2 - 20
    elif rsrp < -200:  # tenths
        levels["rsrp_dbm"], levels["rsrq_db"] = round(rsrp / 10), round(levels.get("rsrq_db", 0) / 10)
    band = _numbers(band=parts[6].removeprefix("EUTRAN-BAND"))
    return {"access": "LTE", **levels, **band}


def _numbers(**texts: str) -> dict[str, int]:
    return {name: int(text) for name, text in texts.items() if text.lstrip("-").isdigit()}
