"""Ways in which firmware of the same modem differs in the field: one switch each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from tools.modem.dialect import Dialect

BOTH = ("bg95", "sim7600")


@dataclass(frozen=True)
class Variant:
    """What it means, and for which modems."""

    dialects: tuple[str, ...]
    meaning: str


def _both(meaning: str) -> Variant:
    return Variant(BOTH, meaning)


def _bg95(meaning: str) -> Variant:
    return Variant(("bg95",), meaning)


def _sim7600(meaning: str) -> Variant:
    return Variant(("sim7600",), meaning)


VARIANTS = {
    "app-rdy-late": _bg95("APP RDY comes behind +CPIN: READY"),
    "bare-ccho": _both("AT+CCHO answers the session alone, without its prefix"),
    "boot-atready": _sim7600("*ATREADY: 1 in place of RDY"),
    "boot-noise": _both("the line carries FF bytes before the first boot line"),
    "boot-silent": _both("no boot lines at all, as with automatic baud rate or a UART opened late"),
    "cat-m-names": _bg95('technologies are "CAT-M1" and "CAT-NB1"'),
    "cchc-told": _both("AT+CCHC answers +CCHC before its OK"),
    "ceer-mute": _both("AT+CEER never names a cause"),
    "ceer-words": _both("AT+CEER has the cause by its name in TS 24.301, without its number"),
    "cemode": _sim7600("AT+CEMODE is known, as AT&V of recent firmware has it"),
    "cesq": _both("AT+CESQ is known"),
    "cgsn-prefix": _both("AT+CGSN with prefix and quotes"),
    "cgmr-bare": _sim7600("AT+CGMR without prefix"),
    "cgmr-prefix": _bg95("AT+CGMR with prefix"),
    "cgpaddr-quoted": _both("AT+CGPADDR quotes the address"),
    "cla-80": _both("AT+CGLA refuses a class byte with a channel in it (6E00)"),
    "clean-wake": _both("the first byte after a DTR wake is heard"),
    "cme-words": _both("+CME ERROR in words though AT+CMEE is 1"),
    "cmee-text": _both("AT+CMEE is 2 after each boot"),
    "course-empty": _sim7600("+CGPSINFO and +CGNSSINFO leave the course empty at 0.0 knots"),
    "cpsi-index": _sim7600("AT+CPSI tells RSRQ, RSRP and RSSI as index values"),
    "cpsms": _sim7600("AT+CPSMS and AT+CEDRXS are known, as in recent firmware"),
    "creg-follows": _bg95("+CREG and +CGREG tell registrations on LTE-M and NB-IoT too (combined attach)"),
    "csim-basic": _both("APDUs on a channel that AT+CSIM has opened are refused, as on EG25"),
    "double-final": _both("an OK follows each +CME ERROR"),
    "error-alone": _sim7600("a refused CMQTT command answers ERROR without the line of its code"),
    "gnss-tight": _sim7600("+CGPSINFO: and +CGNSSINFO: without the blank"),
    "hex-session": _both("the session of AT+CCHO has 16 hexadecimal digits"),
    "mqtt-broken": _both("the MQTT client never gets through: its opening fails, whatever the network does"),
    "netopen-code": _sim7600("AT+NETOPEN when open: +NETOPEN: 1 in place of the text"),
    "no-cchc": _both("AT+CCHC is not known"),
    "no-cgla": _both("AT+CCHO, AT+CGLA and AT+CCHC are not known, as in SIM7600 V3.00 and BG95 V2.0"),
    "no-csim": _both("AT+CSIM is not known, as in BG96 V2"),
    "no-reject-cause": _bg95("no cause of a refusal in +CEREG, and a refused AT+QIACT answers ERROR alone"),
    "off-silent": _sim7600("no NORMAL POWER DOWN behind AT+CPOF"),
    "prompt-bare": _bg95("the prompt has no blank"),
    "prompt-blank": _sim7600("the prompt has a blank"),
    "psm-text": _bg95("NORMAL POWER DOWN and PSM POWER DOWN in place of the short forms"),
    "pubex-length": _bg95("AT+QMTPUBEX takes a length and prompts, as in newer firmware"),
    "qeng-tight": _bg95("+QENG: without the blank"),
    "rdy-twice": _both("RDY comes a second time, half a second later"),
    "scan-abort": _bg95("a byte from the host aborts AT+COPS=?"),
    "scan-patient": _sim7600("no byte aborts AT+COPS=?"),
    "sim-busy": _both("the SIM is busy for twenty seconds after each boot"),
    "sim-detect-open": _bg95("the detect pin is not connected: AT+QSIMDET=1 makes the SIM vanish"),
    "socket-stuck": _both("after the other side has closed no socket opens until the context is given up"),
    "speed-empty": _sim7600("+CGPSINFO and +CGNSSINFO leave speed and course empty at 0.0 knots"),
    "stale-end": _bg95("fifteen +QMTSTAT: 0,1 come between AT+QMTOPEN and its result, and after it"),
    "start-indexed": _sim7600("+CMQTTSTART: 0,23 in place of +CMQTTSTART: 23"),
    "strict-baud": _both("a pty of another baud rate than the modem's carries garbage"),
    "urc-before": _sim7600("outcomes come before OK, and before ERROR in its place"),
    "urc-in-data": _both("unsolicited lines also come between the prompt and the end of the data"),
    "urc-mixed": _sim7600("outcomes come before or after OK, as it happens"),
    "urc-on-usb": _bg95('unsolicited lines go to USB until AT+QURCCFG="urcport","uart1"'),
}
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
    "no-cchc": lambda d: _without(d, "+CCHC"),
    "no-cgla": lambda d: _without(d, "+CCHO", "+CGLA", "+CCHC"),
    "no-csim": lambda d: _without(d, "+CSIM"),
    "no-reject-cause": lambda d: {"tells_cause": False},
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
