"""Test files stand alone: what several of them use is a fixture, or stands in `host_tests/support/`."""

import ast
from pathlib import Path

from tools.flash import REPOSITORY

TESTS = REPOSITORY / "host_tests"


def borrowed(text: str) -> list[str]:
    """The imports of `text` that are those of a test file."""
    wanted: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            wanted += [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            wanted += [each.name for each in node.names]
    return [name for name in wanted if any(part.startswith("test_") for part in name.split("."))]


def files() -> list[Path]:
    return sorted(TESTS.rglob("*.py"))


def test_no_file_imports_a_test_file():
    assert {path.name: found for path in files() if (found := borrowed(path.read_text()))} == {}


def test_an_import_from_a_test_file_is_seen():
    assert borrowed("from host_tests.unit.test_arrows import FLOORS\n") == [
        "host_tests.unit.test_arrows.FLOORS"
    ]
    assert borrowed("from host_tests.unit import test_arrows as arrows\n") == ["host_tests.unit.test_arrows"]
    assert borrowed("from host_tests.support.agent import point\nimport json\n") == []


def test_a_file_is_found_by_its_name():
    names = [path.name for path in files() if path.name.startswith("test_")]
    assert len(names) == len(set(names))
