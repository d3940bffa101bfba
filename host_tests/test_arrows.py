"""Which folder of the firmware may import which: run by `make lint`, as lint-imports is for the agent."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.flash import REPOSITORY

FIRMWARE = REPOSITORY / "firmware"
START = ("boot", "bundle", "inplace", "slots", "trials")
"""Files beside `locator` that start the device: the lowest floor of all."""
FLOOR = ("config", "config_kept", "settings")
"""Files of `locator` that every folder may use."""

ALLOWED: dict[str, set[str]] = {
    "start": set(),
    "floor": set(),
    "port": {"floor"},
    "modem": {"floor", "port"},
    "journal": {"floor", "port"},
    "plan": {"floor", "port", "modem", "journal"},
    "link": {"floor", "port", "modem", "journal", "plan"},
    "card": {"floor", "port", "modem", "journal", "plan", "link"},
    "orders": {"start", "floor", "port", "modem", "journal", "plan", "link", "card"},
    "wake": {"start", "floor", "port", "modem", "journal", "plan", "link", "card", "orders"},
}
"""Folder -> what its files may import. `wake`: main.py, and what of `locator` is in no folder."""

EXCEPTIONS = {
    ("locator.card.access", "locator.orders.sealed"),
    ("locator.card.files", "locator.orders.sealed"),
    ("locator.card.limits", "locator.orders.sealed"),
    ("locator.card.notices", "locator.orders.sealed"),
    ("locator.card.switch", "locator.orders.sealed"),
    ("locator.journal.copy", "locator.plan.state"),
    ("locator.link.epochs", "locator.orders.sealed"),
    ("locator.link.keys", "locator.orders.sealed"),
    ("locator.link.talk", "locator.orders.desk"),
    ("locator.orders.commands", "locator.timing"),
}
"""Imports against the arrows that are still there. None is added."""


def name_of(file: Path) -> str:
    """The name by which a file of the firmware is imported."""
    return ".".join(file.relative_to(FIRMWARE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file): file for file in FIRMWARE.rglob("*.py")}


def folder(module: str) -> str:
    """The row of ALLOWED that a module belongs to."""
    if module in START:
        return "start"
    parts = module.split(".")
    if len(parts) > 1 and parts[1] in ALLOWED:
        return parts[1]
    return "floor" if parts[-1] in (*FLOOR, "locator") else "wake"


def imported(file: Path) -> Iterator[str]:
    """The names of all modules that a file imports, also within functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}: {node.lineno}: write the module's whole name"
            for each in node.names:
                whole = f"{node.module}.{each.name}"
                yield whole if whole in MODULES else node.module


def against(module: str, wanted: str) -> bool:
    """Whether an import of a module of ours goes against the arrows."""
    here, there = folder(module), folder(wanted)
    return here != there and there not in ALLOWED[here]


def test_every_import_of_the_firmware_follows_the_arrows():
    found = {
        (module, wanted)
        for module, file in MODULES.items()
        for wanted in imported(file)
        if wanted in MODULES and against(module, wanted)
    }
    assert sorted(found - EXCEPTIONS) == [], "an import against the arrows"
    assert sorted(EXCEPTIONS - found) == [], "an exception that is not needed any more"


def test_the_firmware_imports_neither_agent_nor_tools():
    found = {
        (module, wanted)
        for module, file in MODULES.items()
        for wanted in imported(file)
        if wanted.partition(".")[0] in ("agent", "landbridge", "tools", "host_tests")
    }
    assert found == set()


def test_an_import_against_the_arrows_is_seen():
    assert against("locator.journal.log", "locator.orders.desk")
    assert against("slots", "locator.wake")
    assert not against("locator.wake", "locator.orders.desk")
