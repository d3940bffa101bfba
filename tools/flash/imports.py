"""Lists the firmware modules that a wake imports: those at its beginning, and their own imports.

Imports within functions are for seldom needs, and left out.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.flash import FIRMWARE

ALWAYS = ("boot", "main", "locator.wake", "locator.modem.at")
"""Where a wake begins; the modem's driver comes to it."""
DECIDING = ("locator.scheduler.decide", "locator.scheduler.alarms")
PARTS = ("gnss", "mqtt")
"""Parts of a driver that are imported with the first of their verbs (modem/driver.py)."""
TALKING = ("locator.actions.session", "locator.session.extras")
"""Modules that are imported for decisions, and for a session: wake.py unloads the ones before the others."""


def ordinary(modem: str) -> set[Path]:
    """The files that an ordinary wake imports, one time or other, with that modem."""
    found = together(modem, DECIDING) | together(modem, TALKING)
    for part in PARTS:
        _follow(_file(f"locator.modem.{modem}.{part}"), found)
    return found


def together(modem: str, doing: tuple[str, ...]) -> set[Path]:
    """Those that are there at the same time, while it does that."""
    found: set[Path] = set()
    for name in (*ALWAYS, *doing, f"locator.modem.{modem}.driver"):
        _follow(_file(name), found)
    return found


def _follow(path: Path | None, found: set[Path]) -> None:
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
