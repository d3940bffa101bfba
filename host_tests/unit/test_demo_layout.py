"""The contents of a device's flash directory."""

import subprocess
import sys

import pytest
from start import image

from tools.flash.layout import FIRMWARE, REPOSITORY, LayoutError, compile_module, lay_out, modules


def test_every_module_is_laid_down(tmp_path):
    lay_out(tmp_path, "SIM")
    with (tmp_path / "slots/a").open("rb") as f:
        listed = [number for number, *_ in image.files(f)]
    expected = [
        image.number(source.relative_to(FIRMWARE).with_suffix(".mpy").as_posix())
        for source in modules(FIRMWARE / "locator")
    ]
    assert sorted(expected) == listed and image.is_complete(tmp_path / "slots/a")
    assert (tmp_path / "board.mpy").is_file()
    assert (tmp_path / "boot.py").is_file()
    assert (tmp_path / "main.py").is_file()
    assert (tmp_path / "data").is_dir()


def test_start_up_files_keep_their_public_names_only(tmp_path):
    lay_out(tmp_path, "SIM")
    compiled = (tmp_path / "start/image.mpy").read_bytes()
    assert b"is_complete" in compiled and b"ITEM_BYTES" in compiled
    assert b"_read_list" in (FIRMWARE / "start/image.py").read_bytes() and b"_read_list" not in compiled


def test_events_of_the_device_stay(tmp_path):
    own = tmp_path / "config" / "device.json"
    own.parent.mkdir()
    own.write_text("{}")
    stale = tmp_path / "slots/b"
    stale.parent.mkdir()
    stale.touch()
    lay_out(tmp_path, "SIM")
    assert own.read_text() == "{}"
    assert not stale.exists()


def test_a_module_that_does_not_compile_is_named(tmp_path):
    source = tmp_path / "broken.py"
    source.write_text("def f(:\n")
    with pytest.raises(LayoutError, match=r"broken\.py does not compile"):
        compile_module(source, source, tmp_path)


def test_unknown_board_is_one_line(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "tools.flash.layout", str(tmp_path), "--board", "NONE"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("no board 'NONE': known boards are ") and "SIM" in result.stderr
