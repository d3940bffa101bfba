"""The list of quirks and the tests agree: each has a test or a reason, each test has a row."""

from __future__ import annotations

import re
from pathlib import Path

from tools.flash.layout import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "quirks.md"
OPEN = "## Without a test of their own"
TESTS = REPOSITORY / "host_tests"
ALL = set(range(1, 51))


def listed(text: str) -> list[int]:
    """The quirks at the beginning of items: `- Q1, Q2: `, `- Q37-Q40: `."""
    numbers: list[int] = []
    for cell in re.findall(r"^- (Q[Q\d, -]+): ", text, re.MULTILINE):
        for first, last in re.findall(r"Q(\d+)(?:-Q(\d+))?", cell):
            numbers += range(int(first), int(last or first) + 1)
    return numbers


def with_a_test(folder: Path) -> set[int]:
    """The quirks that names of tests speak of, as in `test_q28_q29_...`."""
    names = [
        name
        for path in folder.rglob("test_*.py")
        for name in re.findall(r"^def (test_q\w+)", path.read_text(), re.MULTILINE)
    ]
    return {int(number) for name in names for number in re.findall(r"_q(\d\d)(?=_)", name)}


def test_each_quirk_is_listed_once():
    numbers = listed(PAGE.read_text())
    assert sorted(numbers) == sorted(ALL)


def test_each_quirk_that_a_driver_meets_has_a_test_and_the_others_a_reason():
    met, _, reasons = PAGE.read_text().partition(OPEN)
    assert set(listed(met)) == with_a_test(TESTS)
    assert set(listed(reasons)) == ALL - with_a_test(TESTS)


def test_rows_and_names_are_read():
    assert listed("- modem\n- Q1, Q12: x\n- Q37-Q39: Q5\n") == [1, 12, 37, 38, 39]


def test_names_are_read(tmp_path):
    (tmp_path / "test_x.py").write_text("def test_q03_q14_echo(): ...\ndef test_other_q15_(): ...\n")
    assert with_a_test(tmp_path) == {3, 14}
