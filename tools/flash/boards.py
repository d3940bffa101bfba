"""The boards: `boards/<BOARD>/board.toml` checked, and what follows from it.

`device_module` makes the only part of it that reaches the device, board.py. The keys, with what each may be,
stand in `KEYS`; docs/reference/boards.md explains them.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.flash import BOARDS, LayoutError

FILE = "board.toml"
# Of the plain ESP32: 1 and 3 are the console, 6 to 11 belong to the flash, 34 to 39 have no output;
# 20, 24 and 28 to 31 are not led out. The RTC's pins keep their level in deep sleep, and wake from it.
PINS = frozenset({0, 2, 4, 5, *range(12, 20), 21, 22, 23, 25, 26, 27, *range(32, 40)})
OUTPUTS = frozenset(pin for pin in PINS if pin < 34)
RTC_PINS = frozenset({0, 2, 4, *range(12, 16), 25, 26, 27, *range(32, 40)})
HELD = OUTPUTS & RTC_PINS - {12}
DRIVEN = PINS - {0, 12}
"""Those that something outside may drive, or pull up, while the chip is reset."""
_WHY_NOT = {
    0: "the chip waits to be flashed when it is low at a reset",
    1: "it is the console, through which a tracker is flashed and given its identity",
    3: "it is the console, through which a tracker is flashed and given its identity",
    12: "the flash gets the wrong voltage, and nothing starts, when it is high at a reset",
}
PSRAM_PINS = frozenset({16, 17})  # taken inside a WROVER module (ESP32-WROVER-E data sheet, 3.2)
ADC_PINS = frozenset(range(32, 40))  # ADC1: the other converter is the radio's


@dataclass(frozen=True)
class Key:
    """What a key may be: a number in a range or a set, or one of some words; `default` when left out."""

    of: frozenset[int] | range | tuple[str, ...] | type[str]
    default: Any = ...
    is_pin: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(self.of, type):
            return isinstance(value, str) and 0 < len(value) <= 60
        if isinstance(self.of, tuple):
            return isinstance(value, str) and value in self.of
        return type(value) is int and value in self.of

    def range(self) -> str:
        """In words, for an error."""
        if isinstance(self.of, type):
            return "text of 1 to 60 characters"
        if isinstance(self.of, range):
            return f"a number from {self.of.start} to {self.of.stop - 1}"
        return "one of " + ", ".join(str(value) for value in sorted(self.of))


def _pin(allowed: frozenset[int], default: Any = None) -> Key:
    return Key(allowed, default, is_pin=True)


KEYS: dict[str, dict[str, Key]] = {
    "board": {
        "name": Key(str),
        "chip": Key(("esp32",)),
        "flash_mb": Key(frozenset({4, 8, 16})),
        "psram": Key(range(2), 0),
    },
    "modem": {
        "kind": Key(("bg95", "sim7600")),
        "uart": Key(range(1, 3)),
        "baud": Key(frozenset({115_200}), 115_200),
        "tx": _pin(OUTPUTS - {12}, ...),
        "rx": _pin(DRIVEN, ...),
        "key": _pin(HELD, ...),
        "key_pressed": Key(range(2), 1),
        "rail": _pin(HELD),
        "rail_on": Key(range(2), 1),
        "rail_ms": Key(range(1_001), 0),
        "dtr": _pin(HELD),
        "reset": _pin(HELD),
        "reset_pressed": Key(range(2), 1),
        "status": _pin(DRIVEN),
        "status_on": Key(range(2), 1),
    },
    "battery": {
        "chemistry": Key(("LiSOCl2", "LiFePO4", "NMC")),
        "capacity_mah": Key(range(500, 100_001)),
        "adc": _pin(ADC_PINS),
        "ratio_milli": Key(range(1_000, 20_001), 1_000),
    },
    "i2c": {"sda": _pin(OUTPUTS & DRIVEN, ...), "scl": _pin(OUTPUTS & DRIVEN, ...)},
    "accelerometer": {
        "kind": Key(("lis2dh12",)),
        "address": Key(range(0x18, 0x1A)),
        "interrupt": _pin(RTC_PINS & DRIVEN, ...),
    },
    "temperature": {"kind": Key(("tmp112",)), "address": Key(range(0x48, 0x4C))},
    "light": {
        "kind": Key(("opt3001",)),
        "address": Key(range(0x44, 0x48)),
        "interrupt": _pin(RTC_PINS & DRIVEN, ...),
        "wake_lux": Key(range(5, 1_001), 20),
    },
    "lid": {"switch": _pin(RTC_PINS & DRIVEN, ...)},
    "led": {"pin": _pin(OUTPUTS, ...), "on": Key(range(2), 1)},
}
REQUIRED = ("board", "modem", "battery")
SENSORS = ("accelerometer", "temperature", "light")

_MODULE = '''"""{title}. From boards/{board}/board.toml: change it there."""

from micropython import const

NAME = "{board}"
MODEM = "{modem}"
{constants}


def make_port():
    """The port of these pins. It lies in the slot with the application, and is updated with it."""
    import board
    from locator.hal.esp32 import Port

    return Port(board)
'''


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """The board of `folder`, each section with all of its keys; sections that it does not have are left out.

    Raises `LayoutError` naming file, key and range.
    """
    file = folder / FILE
    shown = f"{folder.parent.name}/{folder.name}/{FILE}"
    try:
        given = tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise LayoutError(f"no board {folder.name!r}: known boards are {', '.join(names())}") from None
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(f"{shown}: {error}") from None
    for section in given:
        if section not in KEYS:
            raise LayoutError(f"{shown}: {section}: no such section; there are {', '.join(KEYS)}")
    for section in REQUIRED:
        if section not in given:
            raise LayoutError(f"{shown}: {section}: this section is missing")
    board = {section: _section(shown, section, given[section]) for section in given}
    _check_pins(shown, board)
    if "i2c" not in board and any(sensor in board for sensor in SENSORS):
        raise LayoutError(f"{shown}: i2c: this section is missing, and a sensor needs it")
    return board


def names() -> list[str]:
    """The boards there are; the simulated one has no pins, and a board.py of its own."""
    return sorted(path.parent.name for name in (FILE, "board.py") for path in BOARDS.glob(f"*/{name}"))


def _section(shown: str, section: str, given: Any) -> dict[str, Any]:
    keys = KEYS[section]
    if not isinstance(given, dict):
        raise LayoutError(f"{shown}: {section}: must be a section, [{section}]")
    for name in given:
        if name not in keys:
            raise LayoutError(f"{shown}: {section}.{name}: no such key; there are {', '.join(keys)}")
    for name, key in keys.items():
        if name not in given and key.default is ...:
            raise LayoutError(f"{shown}: {section}.{name}: this key is missing; it must be {key.range()}")
        if name in given and given[name] not in key:
            why = f"; {_WHY_NOT[given[name]]}" if key.is_pin and given[name] in list(_WHY_NOT) else ""
            raise LayoutError(f"{shown}: {section}.{name}: {given[name]!r} is not {key.range()}{why}")
    return {name: given.get(name, key.default) for name, key in keys.items()}


def _check_pins(shown: str, board: dict[str, dict[str, Any]]) -> None:
    used: dict[int, str] = {}
    for name, pin in pins(board):
        if pin in used:
            raise LayoutError(f"{shown}: {name}: pin {pin} is {used[pin]} already")
        if pin in PSRAM_PINS and board["board"]["psram"]:
            raise LayoutError(
                f"{shown}: {name}: pin {pin} belongs to the PSRAM (board.psram = 1): use another"
            )
        used[pin] = name


def pins(board: dict[str, dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """(section.key, GPIO) of each pin in use."""
    for section, values in board.items():
        for name, value in values.items():
            if KEYS[section][name].is_pin and value is not None:
                yield f"{section}.{name}", value


def device_module(folder: Path) -> str:
    """The source of board.py: MODEM, and a constant a key, None for what the board does not have."""
    board = load(folder)
    lines = []
    for section, keys in KEYS.items():
        if section == "board":
            continue
        for name, key in keys.items():
            if isinstance(key.of, range | frozenset) and name != "capacity_mah":
                value = board[section][name] if section in board else None
                shown = "None" if value is None else f"const({value})"
                lines.append(f"{section.upper()}_{name.upper()} = {shown}")
    title = board["board"]["name"]
    return _MODULE.format(
        title=title, board=folder.name, modem=board["modem"]["kind"], constants="\n".join(lines)
    )
