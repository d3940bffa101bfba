"""Variants: differences between firmware versions of the same modem, each a switch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from tools.modem.dialect import Dialect
from tools.modem.registry import DIALECTS


@dataclass(frozen=True)
class Variant:
    """Its meaning, and the modems that have it."""

    dialects: tuple[str, ...]
    meaning: str


_OF_ALL = {
    "bare-ccho": "AT+CCHO answers the session alone, without its prefix",
    "boot-noise": "the line carries FF bytes before the first boot line",
    "boot-silent": "no boot lines at all, as with automatic baud rate or a UART opened late",
    "cchc-answers": "AT+CCHC answers +CCHC before its OK",
    "ceer-mute": "AT+CEER never names a cause",
    "ceer-words": "AT+CEER has the cause by its name in TS 24.301, without its number",
    "cesq": "AT+CESQ is known",
    "cgsn-prefix": "AT+CGSN with prefix and quotes",
    "cgla-load": "AT+CGLA answers ERROR to the last block of a segment of a profile; the card has it",
    "cgpaddr-quoted": "AT+CGPADDR quotes the address",
    "cla-80": "AT+CGLA refuses a class byte with a channel in it (6E00)",
    "clean-wake": "the first byte after a DTR wake is heard",
    "cme-words": "+CME ERROR in words though AT+CMEE is 1",
    "cmee-text": "AT+CMEE is 2 after each boot",
    "csim-basic": "APDUs on a channel that AT+CSIM has opened are refused, as on EG25",
    "double-final": "an OK follows each +CME ERROR",
    "hex-session": "the session of AT+CCHO has 16 hexadecimal digits",
    "lines-short": "a command of more than 400 characters is refused",
    "mqtt-broken": "the MQTT client never gets through: its opening fails, whatever the network does",
    "no-cchc": "AT+CCHC is not known",
    "no-cgla": "AT+CCHO, AT+CGLA and AT+CCHC are not known, as in SIM7600 V3.00 and BG95 V2.0",
    "no-csim": "AT+CSIM is not known, as in BG96 V2",
    "rdy-twice": "RDY comes a second time, half a second later",
    "sim-busy": "the SIM is busy for twenty seconds after each boot",
    "socket-stuck": "after the other side has closed no socket opens until the context is given up",
    "strict-baud": "a pty of another baud rate than the modem's carries garbage",
    "urc-in-data": "unsolicited lines also come between the prompt and the end of the data",
}
_OF_ONE = {
    name: Variant((dialect.name,), meaning)
    for dialect in DIALECTS.values()
    for name, meaning in dialect.variants.items()
}
_OF_EACH = {name: Variant(tuple(DIALECTS), meaning) for name, meaning in _OF_ALL.items()}
VARIANTS = dict(sorted((_OF_EACH | _OF_ONE).items()))
_BUSY_MS = 20_000
_TWICE_MS = 500


class VariantError(ValueError):
    """There is no such variant, or not of this modem; the message says what there is."""


def adapt(dialect: Dialect, names: Iterable[str]) -> Dialect:
    """The dialect as these variants have it. Raises VariantError."""
    for name in sorted(names):
        variant = VARIANTS.get(name)
        if variant is None or dialect.name not in variant.dialects:
            known = ", ".join(name for name, one in VARIANTS.items() if dialect.name in one.dialects)
            raise VariantError(f"the {dialect.name} has no variant {name!r}; choose among {known}")
        commands = {**dialect.commands, **dialect.variant_commands.get(name, {})}
        dialect = replace(dialect, commands=commands)
        if name in _CHANGES:
            dialect = replace(dialect, **_CHANGES[name](dialect))
    return dialect


Lines = tuple[tuple[int, str], ...]


def _at_ready(lines: Lines) -> Lines:
    return tuple((ms, text.replace("RDY", "*ATREADY: 1")) for ms, text in lines)


def _app_ready_late(lines: Lines, at_ms: int) -> Lines:
    return tuple(sorted((at_ms if text == "APP RDY" else ms, text) for ms, text in lines))


def _busy(dialect: Dialect) -> dict[str, Any]:
    ready_ms = dialect.sim_ready_ms
    lines = tuple((ms + _BUSY_MS if ms >= ready_ms else ms, text) for ms, text in dialect.boot_lines)
    return {"boot_lines": lines, "sim_ready_ms": ready_ms + _BUSY_MS}


def _without(dialect: Dialect, *names: str) -> dict[str, Any]:
    return {"commands": {key: one for key, one in dialect.commands.items() if not key.startswith(names)}}


_CHANGES: dict[str, Callable[[Dialect], dict[str, Any]]] = {
    "app-rdy-late": lambda d: {"boot_lines": _app_ready_late(d.boot_lines, d.sim_ready_ms + 50)},
    "boot-atready": lambda d: {"boot_lines": _at_ready(d.boot_lines)},
    "boot-noise": lambda d: {"boot_lines": ((0, "\xff\xff\xff"), *d.boot_lines)},
    "boot-silent": lambda d: {"boot_lines": ()},
    "cpsms": lambda d: {"has_psm": True},
    "lines-short": lambda d: {"longest_line": 400},
    "no-cchc": lambda d: _without(d, "+CCHC"),
    "no-cgla": lambda d: _without(d, "+CCHO", "+CGLA", "+CCHC"),
    "no-csim": lambda d: _without(d, "+CSIM"),
    "no-reject-cause": lambda d: {"reports_cause": False},
    "off-silent": lambda d: {"off_line": ""},
    "rdy-twice": lambda d: {"boot_lines": tuple(sorted((*d.boot_lines, (_TWICE_MS, "RDY"))))},
    "prompt-bare": lambda d: {"prompt": "\r\n>"},
    "prompt-blank": lambda d: {"prompt": "\r\n> "},
    "psm-text": lambda d: {"off_line": "NORMAL POWER DOWN", "psm_line": "PSM POWER DOWN"},
    "scan-abort": lambda d: {"scan_aborts": True},
    "scan-patient": lambda d: {"scan_aborts": False},
    "sim-busy": _busy,
}
"""What becomes of the fields of the dialect; all other variants are asked for where they matter."""
