"""Images, the user's MicroPython, and what is said when one of them will not do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.flash import BOARDS, LayoutError, flash, layout
from tools.flash.dummy_image import GENERIC, OTA, make
from tools.flash.image import FILES, FLASH, MANIFEST, build, littlefs, unpack
from tools.flash.label import write_label
from tools.flash.layout import bytecode
from tools.flash.micropython import OFFSET, TABLE, read
from tools.flash.minify import minify

BOARD = "REFERENCE_BG95"
MB4 = 4 << 20
AT = TABLE - OFFSET


def test_the_same_sources_give_the_same_bytes(tmp_path, monkeypatch):
    for name, made in (("minify", minify), ("bytecode", bytecode)):
        monkeypatch.setattr(layout, name, made)  # both times
    micropython = tmp_path / "micropython.bin"
    micropython.write_bytes(make(OTA))
    for name in ("one", "two"):
        build(tmp_path / name, BOARD, micropython)
    for name in (FILES, FLASH, MANIFEST):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    manifest = json.loads((tmp_path / "one" / MANIFEST).read_text())
    at = manifest["images"][FILES]["offset"]
    whole = (tmp_path / "one" / FLASH).read_bytes()
    assert len(whole) == MB4 and at == 0x310000
    assert whole[OFFSET : OFFSET + len(make(OTA))] == make(OTA)
    unpack(whole[at:], tmp_path / "back")
    back, files = tmp_path / "back", tmp_path / "one" / "files"
    assert (back / "slots/a").read_bytes() == (files / "slots/a").read_bytes()
    assert not list(files.glob("*lockstep*"))


def test_files_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 20_000)
    with pytest.raises(LayoutError, match="file system of 16 KiB is too small"):
        littlefs(tmp_path, 16_384)


def image(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "image.bin"
    path.write_bytes(data)
    return path


def test_files_lie_in_a_partition_or_after_the_last_one(tmp_path):
    found = read(image(tmp_path, make(OTA)), MB4)
    assert (found.version, found.files_at, found.files_bytes) == ("1.28.0", 0x310000, 0xF0000)
    assert [at for at, _ in found.parts()] == [OFFSET, 0xD000]
    assert b"".join(data for _, data in found.parts()) == found.data[:0x8000] + found.data[0xC000:]
    found = read(image(tmp_path, make(GENERIC)), MB4)
    assert (found.files_at, found.files_bytes) == (0x200000, 0x200000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: make(OTA, "1.25.0"), r"MicroPython 1\.25\.0 is older than 1\.27: .*; take"),
        (lambda data: make(OTA, "1.26.1"), r"1\.27: 1\.26, with ESP-IDF 5\.4\.2, has a sleep bug"),
        (lambda data: make(OTA, "1.27.0-preview.9"), r"1\.27\.0-preview\.9 is older than 1\.27: "),
        (lambda data: data[:100], "not a flash image"),
        (lambda data: b"\x7f" + data[1:], "not a flash image"),
        (lambda data: data[:12] + b"\x09\x00" + data[14:], "another chip"),
        (lambda data: data.replace(b"MicroPython v1", b"Something else"), "not MicroPython"),
        (lambda data: data + bytes(MB4), "reaches into the file system"),
        (lambda data: data[:AT] + bytes(0xC00) + data[AT + 0xC00 :], "partition table"),
    ],
)
def test_an_unsuitable_image_is_named_with_the_remedy(tmp_path, change, said):
    with pytest.raises(LayoutError, match=said):
        read(image(tmp_path, change(make(OTA))), MB4)


def test_a_flash_that_is_too_small_for_the_table(tmp_path):
    with pytest.raises(LayoutError, match="have the right flash size"):
        read(image(tmp_path, make(OTA)), 2 << 20)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("fatal error: This chip is ESP32-S3, not ESP32. Wrong chip argument?", "the chip is ESP32-S3"),
        ("[Errno 13] Permission denied: '/dev/ttyUSB9'", "usermod -aG dialout"),
        ("Could not open X, the port is busy or doesn't exist. No such file", "no such port /dev/ttyUSB9"),
        ("Failed to connect to ESP32: No serial data received.", "hold BOOT"),
        ("MD5 of file does not match data in flash!", "does not hold what was written"),
        ("something new", "something new"),
    ],
)
def test_an_error_of_esptool_becomes_a_remedy(monkeypatch, said, remedy):
    run = subprocess.CompletedProcess([], 2, "esptool v5\n", said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    with pytest.raises(LayoutError) as raised:
        flash.Esptool("/dev/ttyUSB9").ask("flash-id")
    assert remedy in str(raised.value)


class Cut(LayoutError):
    """Of the cable, by us."""


class Chip:
    """esptool and a chip's flash; after `left` bytes more are written the cable is pulled."""

    def __init__(self) -> None:
        self.data = bytearray(b"\xff" * MB4)
        self.left = MB4

    def ask(self, *arguments: str) -> str:
        return "Detected flash size: 4MB"

    def show(self, command: str, *parts: str) -> None:
        for at, part in zip(parts[::2], parts[1::2], strict=True):
            data = Path(part).read_bytes()[: self.left]
            self.data[int(at, 16) : int(at, 16) + len(data)] = data
            self.left -= len(data)
            if self.left <= 0:
                raise Cut

    def is_blank(self, at: int) -> bool:
        return set(self.data[at : at + flash.HEAD]) == {0xFF}


def test_an_interrupted_first_flash_is_repeated(tmp_path, monkeypatch):
    micropython = image(tmp_path, make(OTA))
    out = tmp_path / "out"
    build(out, BOARD, micropython)
    monkeypatch.setattr(flash, "build", lambda *_: None)
    whole = Chip()
    monkeypatch.setattr(flash, "Esptool", lambda port: whole)
    flash.flash(BOARD, "x", micropython, out, erase=False)
    at = read(micropython, MB4).files_at
    assert whole.data[at : at + 0xF0000] == (out / FILES).read_bytes()
    written = MB4 - whole.left
    for left in (1, 100_000, 983_040 - flash.HEAD, 990_000, written - flash.HEAD):
        chip = Chip()
        monkeypatch.setattr(flash, "Esptool", lambda port, chip=chip: chip)
        chip.left = left
        with pytest.raises(Cut):
            flash.flash(BOARD, "x", micropython, out, erase=False)
        chip.left = MB4
        flash.flash(BOARD, "x", micropython, out, erase=False)
        assert chip.data == whole.data
    with pytest.raises(
        LayoutError, match=r"make deploy.*a new device id.*After an interruption of the first make flash"
    ):
        flash.flash(BOARD, "x", micropython, out, erase=False)


def test_a_tracker_that_has_one_beginning_of_its_files_left_is_not_blank(monkeypatch):
    chip = Chip()
    chip.data[flash.HEAD // 2] = 0

    def verify(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        at, file = command[-2:]
        wanted = Path(file).read_bytes()
        same = chip.data[int(at, 16) : int(at, 16) + len(wanted)] == wanted
        return subprocess.CompletedProcess(command, not same, "", "Verification failed")

    monkeypatch.setattr(subprocess, "run", verify)
    assert not flash.Esptool("x").is_blank(0) and flash.Esptool("x").is_blank(flash.HEAD)


def test_a_label_is_a_picture_that_names_the_device(tmp_path):
    text = write_label(tmp_path, "lb-0001").read_text()
    assert text.startswith("<svg") and ">lb-0001</text>" in text


def test_commands_report_in_one_line(tmp_path):
    for module, arguments in (
        ("image", ("NONE",)),
        ("flash", (BOARD, "--port", "x", "--micropython", str(tmp_path / "none"))),
    ):
        command = [sys.executable, "-m", f"tools.flash.{module}", *arguments]
        ended = subprocess.run(command, cwd=BOARDS.parent, capture_output=True, text=True, check=False)
        assert ended.returncode == 1 and len(ended.stderr.splitlines()) == 1, ended.stderr
