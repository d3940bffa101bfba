"""Budgets of the firmware on the device: docs/reference/budgets.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from landbridge.features.downloads import es10
from landbridge.protocol.limits import RELEASE_BYTES, RELEASE_FILES
from locator import state, wake
from locator.codec import columns as batch
from locator.codec import cose, record
from locator.downlink import release
from locator.esim import apdu, download, policy
from locator.journal import log, rtc, store
from locator.scheduler import profile
from locator.session import session
from start import image

from host_tests.support.budgets import LINES, SLOT_BLOCKS, SLOT_BYTES
from tools.flash.imports import DECIDING, TALKING, together
from tools.flash.layout import FIRMWARE, application, lay_out

_BLOCKS = (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try)
# LittleFS in the OTA layout, in blocks (docs/reference/budgets.md).
BLOCK_BYTES = 4096
FLASH_BLOCKS = 240
OTHER_BLOCKS = 19
SPARE_BLOCKS = 10


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
@pytest.mark.parametrize("doing", [DECIDING, TALKING])
def test_no_ordinary_wake_has_more_lines_imported_than_allowed(modem, doing):
    found = together(modem, doing)
    assert FIRMWARE / "locator" / "state.py" in found
    assert sum(_code_lines(path) for path in found) <= LINES


def test_the_buffer_allocated_early_in_a_wake_fits_a_session():
    assert wake._ROOM_BYTES == session.ROOM_BYTES
    assert session.ROOM_BYTES == session._BESIDE_BYTES + batch.MAX_RECORDS * record.SIZE
    assert session.ROOM_BYTES >= session.UPLINK_BYTES + cose.TAG_SIZE
    assert session.ROOM_BYTES >= rtc.HEAD_SIZE + 4 * state.SIZE + log.MAX_BYTES


def test_constants_repeated_in_two_modules_are_equal():
    assert policy._MOST_PROFILES == profile.MOST
    assert download._TEXT_BYTES == apdu._TEXT_BYTES
    assert download._TEXT_BYTES + es10.MOST_SEGMENT <= session.ROOM_BYTES


def _code_lines(path: Path) -> int:
    """Lines that reach the device: the compiler leaves out docstrings, comments, blank lines and constants
    whose name begins with an underscore."""
    tree = ast.parse(path.read_text())
    lines: set[int] = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not is_text and not _is_private_constant(node):
            body = node.body[0].lineno if isinstance(node, _BLOCKS) else (node.end_lineno or 0) + 1
            lines.update(range(node.lineno, body))
    return len(lines)


def _is_private_constant(node: ast.stmt) -> bool:
    """Whether it is `_NAME = const(...)`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    name, call = node.targets[0], node.value.func
    return isinstance(call, ast.Name) and call.id == "const" and ast.unparse(name).startswith("_")


def test_two_slots_and_a_full_journal_fit_in_the_flash(tmp_path):
    lay_out(tmp_path, "SIM")
    assert 0 < (tmp_path / "slots/a").stat().st_size <= SLOT_BYTES
    most = image.HEAD_BYTES + release.MOST_FILES * image.ITEM_BYTES + release.MOST_BYTES + len(image.END)
    assert most <= SLOT_BYTES  # what a device takes over the air finds room
    assert (release.MOST_FILES, release.MOST_BYTES) == (RELEASE_FILES, RELEASE_BYTES)


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
def test_a_device_takes_the_application_over_the_air(modem):
    files = application(modem=modem)
    assert {Path(name).parent.name for name in files if Path(name).stem == "driver"} == {modem, "modem"}
    assert len(files) <= RELEASE_FILES and sum(map(len, files.values())) <= RELEASE_BYTES


def test_all_of_a_slot_and_the_journal_find_blocks_in_the_flash():
    assert SLOT_BYTES < (SLOT_BLOCKS - 1) * BLOCK_BYTES  # each block has pointers to others
    assert 2 * SLOT_BLOCKS + store.MAX_FILES + OTHER_BLOCKS + SPARE_BLOCKS <= FLASH_BLOCKS
    assert store.PER_SEGMENT * record.SIZE <= BLOCK_BYTES
