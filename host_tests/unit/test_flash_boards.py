"""The boards: their files, and what the checker says of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.flash import BOARDS, LayoutError
from tools.flash.boards import FILE, REQUIRED, device_module, load

REAL = sorted(path.parent.name for path in BOARDS.glob(f"*/{FILE}"))
GOOD = (BOARDS / "REFERENCE_BG95" / FILE).read_text()


def changed(folder: Path, old: str, new: str) -> Path:
    """A board like the reference, with one place changed."""
    assert old in GOOD
    board = folder / "boards" / "MINE"
    board.mkdir(parents=True)
    (board / FILE).write_text(GOOD.replace(old, new))
    return board


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("uart = 1", "uart = 3", "modem.uart: 3 is not a number from 1 to 2"),
        ("uart = 1\n", "", "modem.uart: this key is missing; it must be a number from 1 to 2"),
        ("tx = 27", "tx = 34", "modem.tx: 34 is not one of 0, 2, 4"),
        ("tx = 27", "tx = 6", "modem.tx: 6 is not one of"),
        ("tx = 27", "tx = 26", "modem.rx: pin 26 is modem.tx already"),
        ("tx = 27", "tx = true", "modem.tx: True is not one of"),
        ("rail = 25", "rail = 18", "modem.rail: 18 is not one of 0, 2, 4, 13"),
        ("dtr = 32", "reset = 18", "modem.reset: 18 is not one of 0, 2, 4, 13"),
        ("dtr = 32", "reset = 25", "modem.reset: pin 25 is modem.rail already"),
        ("dtr = 32", "reset_pressed = 2", "modem.reset_pressed: 2 is not a number from 0 to 1"),
        ("status = 35", "status = 36", "lid.switch: pin 36 is modem.status already"),
        ("dtr = 32", "status_on = true", "modem.status_on: True is not a number from 0 to 1"),
        ("rail = 25", "rial = 25", "modem.rial: no such key; choose from kind, uart"),
        ("address = 0x48", "address = 0x4C", "temperature.address: 76 is not a number from 72 to 75"),
        ("adc = 34", "adc = 27", "battery.adc: 27 is not one of 32, 33"),
        ("ratio_milli = 2000", "ratio_milli = 999", "battery.ratio_milli: 999 is not a number from 1000"),
        ('kind = "bg95"', 'kind = "bg96"', "modem.kind: 'bg96' is not one of bg95, sim7600"),
        ("[i2c]\nsda = 21\nscl = 22", "", "i2c: this section is missing, and a sensor needs it"),
        ("[lid]", "[lids]", "lids: no such section; choose from board, modem"),
        ("[board]", "[board", "Expected"),
    ],
)
def test_an_error_names_file_key_and_range(tmp_path, old, new, said):
    with pytest.raises(LayoutError) as raised:
        load(changed(tmp_path, old, new))
    assert str(raised.value).startswith("boards/MINE/board.toml: ")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("old", "key", "pin", "why"),
    [
        ("tx = 27", "modem.tx", 1, "console"),
        ("rx = 26", "modem.rx", 3, "console"),
        ("switch = 36", "lid.switch", 0, "waits to be flashed"),
        ("switch = 36", "lid.switch", 12, "wrong voltage"),
        ("interrupt = 33", "accelerometer.interrupt", 12, "wrong voltage"),
        ("interrupt = 39", "light.interrupt", 0, "waits to be flashed"),
        ("rx = 26", "modem.rx", 12, "wrong voltage"),
        ("sda = 21", "i2c.sda", 0, "waits to be flashed"),
        ("scl = 22", "i2c.scl", 12, "wrong voltage"),
        ("rail = 25", "modem.rail", 12, "wrong voltage"),
        ("dtr = 32", "modem.dtr", 12, "wrong voltage"),
        ("status = 35", "modem.status", 0, "waits to be flashed"),
        ("status = 35", "modem.status", 12, "wrong voltage"),
    ],
)
def test_a_pin_that_would_keep_the_chip_from_starting_is_refused_with_the_reason(
    tmp_path, old, key, pin, why
):
    board = changed(tmp_path, old, f"{old.split(' = ')[0]} = {pin}")
    with pytest.raises(LayoutError, match=rf"boards/MINE/board\.toml: {key}: {pin} is not .*; .*{why}"):
        load(board)


def test_the_pins_of_psram_are_refused_on_a_module_that_has_it(tmp_path):
    board = changed(tmp_path, "rx = 26", "rx = 16")
    load(board)
    (board / FILE).write_text((board / FILE).read_text().replace("flash_mb = 4", "flash_mb = 4\npsram = 1"))
    with pytest.raises(LayoutError, match=r"modem\.rx: pin 16 belongs to the PSRAM"):
        load(board)


@pytest.mark.parametrize("section", REQUIRED)
def test_a_section_that_is_missing_is_named(tmp_path, section):
    board = changed(tmp_path, f"[{section}]", "[led]" if section != "battery" else "[lid]")
    with pytest.raises(LayoutError):
        load(board)


def test_a_board_that_is_not_there():
    with pytest.raises(LayoutError, match=r"known boards are .*REFERENCE_BG95.*SIM"):
        load(BOARDS / "NO_SUCH")


def test_a_path_where_a_name_is_wanted_is_not_said_to_be_unknown_as_a_name():
    """What the shell makes of it with the tab key."""
    with pytest.raises(LayoutError, match="no board 'boards/REFERENCE_BG95': known boards are"):
        load(BOARDS / "boards/REFERENCE_BG95")


def test_there_are_boards_with_both_modems():
    kinds = {load(BOARDS / name)["modem"]["kind"] for name in REAL}
    assert len(REAL) >= 3 and kinds == {"bg95", "sim7600"}


@pytest.mark.parametrize("name", REAL)
def test_the_device_finds_each_constant_it_asks_for(name):
    module: dict[str, object] = {}
    exec(device_module(BOARDS / name), module)
    asked = set()
    for source in (BOARDS.parent / "firmware" / "locator" / "hal").glob("*.py"):
        text = source.read_text().replace("self._board.", "board.")
        asked |= {part.split(".")[0] for part in _words_after(text, "board.")}
    assert len(asked) > 15 and asked <= set(module)
    assert module["NAME"] == name


def _words_after(text, mark):
    for part in text.split(mark)[1:]:
        word = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in part).split(" ")[0]
        if word.isupper():
            yield word
