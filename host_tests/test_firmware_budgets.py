"""What the firmware may take of the device: docs/budgets.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from locator.journal import record, store

from tools.flash.layout import FIRMWARE, lay_out

LINES = 2_850
_BLOCKS = (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try)
SLOT_BYTES = 96 * 1024
# LittleFS in the OTA layout, in blocks (docs/budgets.md).
BLOCK_BYTES = 4096
FLASH_BLOCKS = 240
SLOT_BLOCKS = 80
OTHER_BLOCKS = 18
SPARE_BLOCKS = 10
INLINE_BYTES = 128
ORDINARY = ("boot", "main", "locator.wake", "locator.modem.at", "locator.contact", "locator.link.extras")
"""Where a wake begins, and what the one that reports imports besides; the rest follows by itself."""


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
def test_no_ordinary_wake_imports_more_lines_than_allowed(modem):
    found: set[Path] = set()
    for name in (*ORDINARY, f"locator.modem.{modem}"):
        _follow(_file(name), found)
    assert FIRMWARE / "locator" / "plan" / "decide.py" in found
    assert sum(_code_lines(path) for path in found) <= LINES


def _code_lines(path: Path) -> int:
    """Lines that reach the device: the compiler leaves out docstrings, comments and blank lines."""
    tree = ast.parse(path.read_text())
    lines: set[int] = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not is_text:
            body = node.body[0].lineno if isinstance(node, _BLOCKS) else (node.end_lineno or 0) + 1
            lines.update(range(node.lineno, body))
    return len(lines)


def _follow(path: Path | None, found: set[Path]) -> None:
    """Add a module and what it imports at once; imports within functions are for seldom needs."""
    if path is None or path in found:
        return
    found.add(path)
    for node in ast.parse(path.read_text()).body:
        for name in _names(node):
            _follow(_file(name), found)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(name: str) -> Path | None:
    """The firmware's file of that module; None when it is not the firmware's."""
    path = FIRMWARE.joinpath(*name.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def test_the_application_fits_its_slot(tmp_path):
    lay_out(tmp_path, "SIM")
    size = sum(path.stat().st_size for path in (tmp_path / "slot_a").rglob("*.mpy"))
    assert 0 < size <= SLOT_BYTES


def test_two_slots_and_a_full_journal_fit_in_the_flash(tmp_path):
    lay_out(tmp_path, "SIM")
    assert 0 < _blocks(tmp_path / "slot_a") <= SLOT_BLOCKS
    assert 2 * SLOT_BLOCKS + store.MAX_FILES + OTHER_BLOCKS + SPARE_BLOCKS <= FLASH_BLOCKS
    assert store.PER_SEGMENT * record.SIZE <= BLOCK_BYTES


def _blocks(folder: Path) -> int:
    """What LittleFS takes for `folder`: two blocks a folder; the smallest files stand in these."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    folders = 1 + sum(path.is_dir() for path in folder.rglob("*"))
    return 2 * folders + sum(-(-size // BLOCK_BYTES) for size in sizes if size > INLINE_BYTES)
