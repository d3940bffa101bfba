"""What the firmware may take of the device: docs/budgets.md."""

from tools.flash.layout import FIRMWARE, lay_out, modules

LINES = 3_000
SLOT_BYTES = 64 * 1024


def test_no_wake_imports_more_lines_than_allowed():
    lines = {path: len(path.read_text().splitlines()) for path in modules(FIRMWARE)}
    # A device imports the driver of its own modem.
    drivers = [lines[FIRMWARE / "locator" / "modem" / name] for name in ("bg95.py", "sim7600.py")]
    assert sum(lines.values()) - min(drivers) <= LINES


def test_the_application_fits_its_slot(tmp_path):
    lay_out(tmp_path, "SIM")
    size = sum(path.stat().st_size for path in (tmp_path / "slot_a").rglob("*.mpy"))
    assert 0 < size <= SLOT_BYTES
