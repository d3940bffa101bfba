"""The boards: `boards/<BOARD>/board.toml` checked, and what follows from it.

`device_module` makes the only part of it that reaches the device, board.py. The keys, with what each may be
and means, are those of `Board`; docs/reference/boards.md is printed from it.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from landbridge.core import checked as check
from landbridge.core.checked import (
    Between,
    Sentences,
    Validated,
    Wanted,
    checked,
    name_of,
    one_of,
    parts,
    strict,
)
from landbridge.core.errors import UserError

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


class Pin(Validated):
    """One of the GPIOs; `range` is how the page of boards calls them."""

    def __init__(self, allowed: frozenset[int], name: str = "a pin") -> None:
        self.range = name
        words = f"one of {', '.join(map(str, sorted(allowed)))}"

        def why(pin: int) -> str:
            return "" if pin in allowed else f"{words}; {_WHY_NOT[pin]}" if pin in _WHY_NOT else words

        super().__init__(words, why)


_Driven = Annotated[int, Pin(DRIVEN)]
_Held = Annotated[int, Pin(HELD, "a held pin")]
_Waking = Annotated[int, Pin(RTC_PINS & DRIVEN, "a waking pin")]
_Bus = Annotated[int, Pin(OUTPUTS & DRIVEN)]
_Level = Annotated[int, Between(0, 1)]


@strict
@dataclass(frozen=True, kw_only=True)
class Unit:
    """The board itself."""

    name: Annotated[str, Wanted("text of 1 to 60 characters", min_length=1, max_length=60)] = check.key(
        ..., "name of the board"
    )
    chip: Annotated[str, one_of(("esp32",))] = check.key(...)
    flash_mb: Annotated[int, one_of((4, 8, 16))] = check.key(...)
    psram: _Level = check.key(0, "1 for a module with PSRAM (WROVER): its pins 16 and 17 are refused")


@strict
@dataclass(frozen=True, kw_only=True)
class Modem:
    """The modem, and the pins that lead to it."""

    kind: Annotated[str, one_of(("bg95", "sim7600"))] = check.key(...)
    uart: Annotated[int, Between(1, 2)] = check.key(...)
    baud: Annotated[int, one_of((115_200,))] = check.key(115_200)
    tx: Annotated[int, Pin(OUTPUTS - {12})] = check.key(..., "named from the side of the ESP32")
    rx: _Driven = check.key(..., "named from the side of the ESP32")
    key: _Held = check.key(..., "the power key; the driver knows its pulses")
    key_pressed: _Level = check.key(1, "level that presses the key, 1 with a transistor")
    rail: _Held | None = check.key(None, "the modem's supply")
    rail_on: _Level = check.key(1)
    rail_ms: Annotated[int, Between(0, 1_000)] = check.key(0, "how long the supply takes to rise")
    dtr: _Held | None = check.key(None)
    reset: _Held | None = check.key(None, "RESET_N (BG95), RESET (SIM7600)")
    reset_pressed: _Level = check.key(1, "level that pulls it low, 1 with a transistor")
    status: _Driven | None = check.key(None, "STATUS, by a level shifter or a transistor")
    status_on: _Level = check.key(1, "level while the modem is on, 0 where the transistor inverts")


@strict
@dataclass(frozen=True, kw_only=True)
class Battery:
    """The battery, and how it is measured."""

    chemistry: Annotated[str, one_of(("LiSOCl2", "LiFePO4", "NMC"))] = check.key(
        ..., "for the reader; the tracker goes by the setting battery_kind"
    )
    capacity_mah: Annotated[int, Between(500, 100_000)] = check.key(
        ..., "for the reader; the tracker goes by the setting battery_mah"
    )
    adc: Annotated[int, Pin(ADC_PINS, "32 to 39")] | None = check.key(None)
    ratio_milli: Annotated[int, Between(1_000, 20_000)] = check.key(
        1_000, "the divider: 1000 times the battery's voltage by that at the pin"
    )


@strict
@dataclass(frozen=True, kw_only=True)
class I2c:
    """The bus of the sensors."""

    sda: _Bus = check.key(..., "needed where there is a sensor")
    scl: _Bus = check.key(..., "needed where there is a sensor")


@strict
@dataclass(frozen=True, kw_only=True)
class Accelerometer:
    """The sensor of motion."""

    kind: Annotated[str, one_of(("lis2dh12",))] = check.key(...)
    address: Annotated[int, Between(0x18, 0x19)] = check.key(..., "0x18 or 0x19")
    interrupt: _Waking = check.key(...)


@strict
@dataclass(frozen=True, kw_only=True)
class Temperature:
    """The thermometer."""

    kind: Annotated[str, one_of(("tmp112",))] = check.key(...)
    address: Annotated[int, Between(0x48, 0x4B)] = check.key(..., "0x48 to 0x4B")


@strict
@dataclass(frozen=True, kw_only=True)
class Light:
    """The sensor of light."""

    kind: Annotated[str, one_of(("opt3001",))] = check.key(...)
    address: Annotated[int, Between(0x44, 0x47)] = check.key(..., "0x44 to 0x47")
    interrupt: _Waking = check.key(...)
    wake_lux: Annotated[int, Between(5, 1_000)] = check.key(
        20, "light that wakes the device and raises the alarm, whatever light_lux is"
    )


@strict
@dataclass(frozen=True, kw_only=True)
class Lid:
    """The switch of the lid."""

    switch: _Waking = check.key(..., "high while the lid is open")


@strict
@dataclass(frozen=True, kw_only=True)
class Led:
    """The lamp."""

    pin: Annotated[int, Pin(OUTPUTS)] = check.key(..., "lit after power-on only")
    on: _Level = check.key(1)


@strict
@dataclass(frozen=True, kw_only=True)
class Board:
    """A board; None: it has no such section."""

    board: Unit
    modem: Modem
    battery: Battery
    i2c: I2c | None = None
    accelerometer: Accelerometer | None = None
    temperature: Temperature | None = None
    light: Light | None = None
    lid: Lid | None = None
    led: Led | None = None


REQUIRED = tuple(section.name for section in fields(Board) if section.default is MISSING)
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
        name = str(folder).removeprefix(f"{BOARDS}/")
        raise LayoutError(f"no board {name!r}: known boards are {', '.join(names())}") from None
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(f"{shown}: {error}") from None
    for section in given:
        if section not in parts(Board):
            raise LayoutError(f"{shown}: {section}: no such section; choose from {', '.join(parts(Board))}")
    for section in REQUIRED:
        if section not in given:
            raise LayoutError(f"{shown}: {section}: this section is missing")
    try:
        values = asdict(checked(Board, given, _says(shown)))
    except UserError as error:
        raise LayoutError(str(error)) from None
    board = {section: each for section, each in values.items() if each is not None}
    _check_pins(shown, board)
    if "i2c" not in board and any(sensor in board for sensor in SENSORS):
        raise LayoutError(f"{shown}: i2c: this section is missing, and a sensor needs it")
    return board


def _says(shown: str) -> Sentences:
    return Sentences(
        lambda where: f"{shown}: {name_of(where)}",
        wrong="{at}: {value} is not {wanted}",
        unknown="{at}: no such key; choose from {known}",
        missing="{at}: this key is missing; it must be {wanted}",
        no_table="{at}: must be a section, of {known}",
    )


def names() -> list[str]:
    """The boards there are; the simulated one has no pins, and a board.py of its own."""
    return sorted(path.parent.name for name in (FILE, "board.py") for path in BOARDS.glob(f"*/{name}"))


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
        for name, annotation in parts(parts(Board)[section]).items():
            if _is_pin(annotation) and values[name] is not None:
                yield f"{section}.{name}", values[name]


def explained() -> Iterator[str]:
    """A line of docs/reference/boards.md for each key."""
    for section, model in parts(Board).items():
        for each in fields(check.kind(model)):
            annotation = parts(model)[each.name]
            ranges = [mark.range for mark in check.marks(annotation) if isinstance(mark, Between | Pin)]
            default = "" if each.default is MISSING else f", default {each.default}"
            default = ", optional" if each.default is None else default
            meaning = each.metadata["description"]
            yield (
                f"- `{section}.{each.name}`: {ranges[0] if ranges else check.wanted(annotation)}{default}"
                f"{meaning and '; '}{meaning}"
            )


def _is_pin(annotation: Any) -> bool:
    return any(isinstance(each, Pin) for each in check.marks(annotation))


def device_module(folder: Path) -> str:
    """The source of board.py: MODEM, and a constant a key, None for what the board does not have."""
    board = load(folder)
    lines = []
    for section, model in list(parts(Board).items())[1:]:
        for name, annotation in parts(model).items():
            if check.kind(annotation) is int and name != "capacity_mah":
                value = board[section][name] if section in board else None
                shown = "None" if value is None else f"const({value})"
                lines.append(f"{section.upper()}_{name.upper()} = {shown}")
    title = board["board"]["name"]
    return _MODULE.format(
        title=title, board=folder.name, modem=board["modem"]["kind"], constants="\n".join(lines)
    )
