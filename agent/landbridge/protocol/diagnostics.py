"""Key 9 of an uplink: counters and errors of the device (docs/reference/landbridge.cddl)."""

from typing import Any, NamedTuple

from landbridge.protocol.limits import WireError

COUNTERS = (
    "wakes",
    "hard_resets",
    "watchdog_resets",
    "soft_resets",
    "faults",
    "modem_errors",
    "modem_restarts",
    "damaged",
    "forged_downlinks",
)
REPORT_KEY = 9
"""Key of an uplink."""
RESET, FAULT = 1, 2
CALLED, MESSAGED, UNCALIBRATED = 8, 9, 10
POWER_ON = 1
KINDS = {
    RESET: "reset, cause",
    FAULT: "fault",
    3: "modem error, code",
    4: "modem restarted",
    5: "refused, EMM cause",
    6: "agent silent after turns",
    7: "flash error, errno",
    CALLED: "called, rings",
    MESSAGED: "sent messages",
    UNCALIBRATED: "battery not measured",
}
"""Entries of the log, and what their value is."""
_WORDS = {(FAULT, 0): "", (3, -1): "not reported", (4, 0): "", (5, -1): "not reported", (5, 0): "no service"}
_WORDS[(UNCALIBRATED, 0)] = "no calibration in the chip; counted as good"
MAX_ENTRIES = 128
MAX_FAULT_CHARS = 1_000
_I32 = (-0x80000000, 0x7FFFFFFF)
_U32 = (0, 0xFFFFFFFF)


class Entry(NamedTuple):
    """An entry of the device log."""

    boot: int
    clock_s: int
    """Seconds since that power-on."""
    kind: int
    value: int
    text: str | None = None
    """The traceback of a fault."""


def meaning(kind: int, value: int) -> str | int:
    """The value of an entry of this kind, in words where it is no number."""
    return _WORDS.get((kind, value), value)


class Diagnostics(NamedTuple):
    """The diagnostics of a device."""

    boot: int
    offset_s: int
    """Epoch seconds = seconds since power-on `boot` + offset; 0: the device does not know the time."""
    counters: dict[str, int]
    entries: list[Entry]


def decode(item: Any) -> Diagnostics:
    """Decode the value of the key; raises `WireError`. Counters without a name here are left out."""
    if type(item) is not dict:
        raise WireError("diagnostics: not a map")
    boot, offset_s = _integers(item.get(0), 2, 2, _I32, "clock")
    counters = _integers(item.get(1), 1, MAX_ENTRIES, _U32, "counters")
    entries = _entries(_integers(item.get(2), 0, 3 * MAX_ENTRIES, (_I32[0], _U32[1]), "entries"), boot)
    if 3 in item:
        entries.append(_fault(item[3], boot))
    return Diagnostics(boot, offset_s, dict(zip(COUNTERS, counters, strict=False)), entries)


def _integers(item: Any, least: int, most: int, limits: tuple[int, int], name: str) -> list[int]:
    if type(item) is not list or not least <= len(item) <= most:
        raise WireError(f"diagnostics: {name}: not an array of {least} to {most}")
    if not all(type(value) is int and limits[0] <= value <= limits[1] for value in item):
        raise WireError(f"diagnostics: {name}: not an integer in {limits[0]} .. {limits[1]}")
    return item


def _entries(numbers: list[int], boot: int) -> list[Entry]:
    """The log in its order; entries before a power-on belong to the boot before."""
    if len(numbers) % 3:
        raise WireError("diagnostics: entries: not three numbers each")
    entries = []
    for at in range(len(numbers) - 3, -1, -3):
        clock_s, kind, value = numbers[at : at + 3]
        entries.append(Entry(boot, clock_s, kind, value))
        if (kind, value) == (RESET, POWER_ON):
            boot -= 1
    return entries[::-1]


def _fault(item: Any, boot: int) -> Entry:
    """Its first line is when it was, in seconds since power-on; a torn one has no such line."""
    if type(item) is not str or len(item) > MAX_FAULT_CHARS:
        raise WireError(f"diagnostics: fault: not a text of at most {MAX_FAULT_CHARS} characters")
    first, _, rest = item.partition("\n")
    if first.isascii() and first.isdigit() and int(first) <= _U32[1]:
        return Entry(boot, int(first), FAULT, 1, rest)
    return Entry(boot, 0, FAULT, 1, item)
