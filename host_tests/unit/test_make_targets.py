"""Targets of the Makefile: each installs, by its stamps, the packages that its command imports."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from host_tests.support.locks import locked, normal
from tools.flash import REPOSITORY

FOLDERS = {"tools": REPOSITORY, "landbridge": REPOSITORY / "agent"}
DISTRIBUTIONS = packages_distributions()


def targets() -> Iterator[tuple[str, list[str], str]]:
    """(target, its stamps, a module that it runs)."""
    text = (REPOSITORY / "Makefile").read_text().replace("\\\n", " ")
    for name, needs, recipe in re.findall(r"^([\w-]+):(.*)\n((?:\t.*\n)+)", text, re.M):
        stamps = re.findall(r"\.venv/(\w+)\.stamp", needs)
        for module in re.findall(r"python -m ((?:tools|landbridge)[\w.]*)", recipe):
            yield name, stamps, module


def installed(stamps: Iterable[str]) -> set[str]:
    """The packages of these stamps; that of `demo` comes before each."""
    locks = (REPOSITORY / ".ci" / f"lock-{name}.txt" for name in {"demo", *stamps})
    return {package for lock in locks for package in locked(lock)}


def source(module: str) -> Path | None:
    """The file of a module of this repository."""
    folder = FOLDERS.get(module.partition(".")[0])
    if folder is None:
        return None
    path = folder.joinpath(*module.split("."))
    return next((each for each in (path / "__init__.py", path.with_suffix(".py")) if each.exists()), None)


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that a file imports, anywhere but for its types."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from imported(ast.iter_child_nodes(node))


@cache
def names_in(path: Path) -> tuple[str, ...]:
    """The same of a file."""
    return tuple(imported(ast.parse(path.read_text()).body))


def packages_of(module: str) -> set[str]:
    """The top-level packages of others that a module of this repository imports, by whatever way."""
    found: set[str] = set()
    known: set[str] = set()
    waiting = [f"{module}.__main__", module]
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        room, _, _ = name.rpartition(".")
        waiting += [room] if room else []
        path = source(name)
        if path:
            waiting += names_in(path)
        elif name.partition(".")[0] not in FOLDERS:
            found.add(name.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("name", "stamps", "module"), [pytest.param(*each, id=f"{each[0]}-{each[2]}") for each in targets()]
)
def test_a_make_target_installs_the_packages_it_imports(name, stamps, module):
    there = installed(stamps)
    missing = {
        package
        for package in packages_of(module)
        if not {normal(each) for each in DISTRIBUTIONS.get(package, ())} & there and package in DISTRIBUTIONS
    }
    assert missing == set(), f"{name} needs another stamp"
