"""What lies on a device's flash directory."""

import subprocess
import sys

import pytest

from tools.flash.layout import FIRMWARE, REPOSITORY, LayoutError, compile_module, lay_out, modules


@pytest.mark.parametrize(("compiled", "suffix"), [(True, ".mpy"), (False, ".py")])
def test_every_module_is_laid_down(tmp_path, compiled, suffix):
    lay_out(tmp_path, "SIM", compiled)
    application = tmp_path / "slot_a" / "locator"
    expected = {
        source.relative_to(FIRMWARE / "locator").with_suffix(suffix)
        for source in modules(FIRMWARE / "locator")
    }
    assert expected == {path.relative_to(application) for path in application.rglob("*") if path.is_file()}
    assert (tmp_path / f"board{suffix}").is_file()
    assert (tmp_path / "boot.py").is_file()
    assert (tmp_path / "main.py").is_file()
    assert (tmp_path / "data").is_dir()


def test_what_belongs_to_the_device_stays(tmp_path):
    own = tmp_path / "config" / "device.json"
    own.parent.mkdir()
    own.write_text("{}")
    stale = tmp_path / "slot_a" / "locator" / "gone.mpy"
    stale.parent.mkdir(parents=True)
    stale.touch()
    lay_out(tmp_path, "SIM")
    assert own.read_text() == "{}"
    assert not stale.exists()


def test_a_module_that_does_not_compile_is_named(tmp_path):
    source = REPOSITORY / "build" / "broken.py"
    source.parent.mkdir(exist_ok=True)
    source.write_text("def f(:\n")
    try:
        with pytest.raises(LayoutError, match=r"build/broken\.py does not compile"):
            compile_module(source, tmp_path / "broken.py")
    finally:
        source.unlink()


def test_unknown_board_is_one_line(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "tools.flash.layout", str(tmp_path), "--board", "NONE"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == "no board 'NONE': known boards are SIM\n"
