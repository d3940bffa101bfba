"""What the firmware may take of the device: docs/budgets.md."""

import ast

from tools.flash.layout import FIRMWARE, lay_out, modules

LINES = 3_000
SLOT_BYTES = 96 * 1024
NOW_AND_THEN = ("locator/orders/",)
"""Modules and folders that an ordinary wake, one without orders or recovery, does not import."""


def is_ordinary(path):
    return not path.relative_to(FIRMWARE).as_posix().startswith(NOW_AND_THEN)


def test_no_ordinary_wake_imports_more_lines_than_allowed():
    lines = {path: len(path.read_text().splitlines()) for path in modules(FIRMWARE) if is_ordinary(path)}
    # A device imports the driver of its own modem.
    drivers = [lines[FIRMWARE / "locator" / "modem" / name] for name in ("bg95.py", "sim7600.py")]
    assert sum(lines.values()) - min(drivers) <= LINES


def test_what_is_needed_now_and_then_is_imported_where_it_is_used():
    rare = {path for path in modules(FIRMWARE) if not is_ordinary(path)}
    names = {path.relative_to(FIRMWARE).with_suffix("").as_posix().replace("/", ".") for path in rare}
    names |= {name.removesuffix(".__init__") for name in names}
    for path in modules(FIRMWARE):
        if path not in rare:
            imported = {name for node in ast.parse(path.read_text()).body for name in imports(node)}
            assert not imported & names, path


def imports(node):
    """Full names of the modules that a statement may import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def test_the_application_fits_its_slot(tmp_path):
    lay_out(tmp_path, "SIM")
    size = sum(path.stat().st_size for path in (tmp_path / "slot_a").rglob("*.mpy"))
    assert 0 < size <= SLOT_BYTES
