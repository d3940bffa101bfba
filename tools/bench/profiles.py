"""The profiles on an eUICC, read by ES10c over AT+CCHO, AT+CGLA and AT+CCHC (SGP.22, TS 27.007)."""

from __future__ import annotations

import re
from typing import Any

from locator.modem import ModemError, ModemSilent

from tools.bench.ports import Recorder
from tools.bench.settings import split

ISD_R = "A0000005591010FFFFFFFF8900000100"
LIST = "BF2D00"
LIMIT_MS = 9_000
MOST_BLOCKS = 32
_SESSION = re.compile("[0-9A-Fa-f]{1,16}")
CLASSES = {0: "test", 1: "provisioning", 2: "operational"}

Profile = dict[str, str | int]


def read(at: Any, port: Recorder) -> list[Profile] | None:
    """Each profile's ICCID, name, provider, class and whether it is enabled. None: the modem passes no
    such commands, or the card is no eUICC."""
    answers = [line.removeprefix("+CCHO:").strip() for line in _ask(at, f'+CCHO="{ISD_R}"')]
    session = next(filter(_SESSION.fullmatch, answers), None)  # other lines came unasked
    if session is None:
        return None
    try:
        answer = _exchange(at, port, session, f"80E29100{len(LIST) // 2:02X}{LIST}")
    finally:
        _ask(at, f"+CCHC={session}")
    return None if answer is None else parse(answer)


def parse(answer: bytes) -> list[Profile]:
    """The profiles in the answer to ProfileInfoList; none for what is not one."""
    found: list[Profile] = []
    for tag, value in _tlvs(answer):
        if tag in (0xBF2D, 0xA0):
            found += parse(value)
        elif tag == 0xE3:
            found.append(_profile(dict(_tlvs(value))))
    return found


def _profile(values: dict[int, bytes]) -> Profile:
    iccid = "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in values.get(0x5A, b""))
    kind = values.get(0x95, b"\x02")[-1]
    return {
        "iccid": iccid.rstrip("F"),
        "enabled": int(values.get(0x9F70, b"\0") == b"\1"),
        "name": _text(values.get(0x92, b"")),
        "provider": _text(values.get(0x91, b"")),
        "class": CLASSES.get(kind, str(kind)),
    }


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _tlvs(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and value, one level; stops at what is cut off."""
    found, at = [], 0
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 31 == 31 and at < len(data):
            tag, at = tag << 8 | data[at], at + 1
        if at >= len(data):
            break
        length, at = data[at], at + 1
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > len(data):
            break
        found.append((tag, data[at : at + length]))
        at += length
    return found


def _exchange(at: Any, port: Recorder, session: str, apdu: str) -> bytes | None:
    """The data of an answer, fetched to its end; None when the card refuses."""
    data = b""
    for _ in range(MOST_BLOCKS):
        _ask(at, f'+CGLA={session},{len(apdu)},"{apdu}"', "+CGLA:")
        line = port.answer.decode("latin-1").partition("+CGLA:")[2].partition("\r")[0]
        try:
            got = bytes.fromhex(split(line)[1])
        except (IndexError, ValueError):
            return None
        data += got[:-2]
        if len(got) < 2 or got[-2] not in (0x61, 0x90, 0x91):
            return None
        if got[-2] != 0x61:
            return data
        apdu = f"80C00000{got[-1]:02X}"
    return None


def _ask(at: Any, command: str, prefix: str | None = None) -> list[str]:
    try:
        lines = at.command(command.encode(), LIMIT_MS, prefix.encode() if prefix else None)
    except ModemSilent:
        raise
    except ModemError:
        return []
    return [line.decode("latin-1") for line in lines]
