"""Imports between folders of the firmware, and where the agent's SQL is: run by `make lint`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.bench import DRIVERS
from tools.bench.kinds import KINDS
from tools.bench.settings import SETTINGS
from tools.flash import REPOSITORY
from tools.modem.registry import DIALECTS
from tools.verify.harness.port import RATS
from tools.world.radio.sites import read_operators

FIRMWARE = REPOSITORY / "firmware"
AGENT = REPOSITORY / "agent" / "landbridge"
PASSED_ON = {"Connection", "Row"}
"""What code without SQL needs of SQLAlchemy, besides its exceptions."""
START = ("boot", "start")
"""What starts the device, beside `locator`: the lowest floor of all."""
VALUES = ("state", "config", "config_kept", "senses", "settings", "clock")
"""Files of `locator` with what lasts from wake to wake, and what is in force."""

FLOORS = (
    "start",
    "codec",
    "hal",
    "modem",
    "values",
    "journal",
    "scheduler",
    "esim",
    "session",
    "downlink",
    "wake",
)
"""Lowest first; each may import what lies below it. `wake`: main.py, wake.py and `actions`."""


def name_of(file: Path) -> str:
    """The name by which a file of the firmware is imported."""
    return ".".join(file.relative_to(FIRMWARE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file): file for file in FIRMWARE.rglob("*.py")}


MODEMS = {file.parent.name for file in FIRMWARE.glob("locator/modem/*/driver.py")}
OF_VENDORS = (b"+Q", b"+CMQTT", b"+CCHOPEN", b"+CGNSS", b"+CGPS", b"+CPSI", b"+CNTP")
"""How commands begin that are Quectel's or SIMCom's alone."""


def folder(module: str) -> str:
    """The floor that a module belongs to."""
    if module.split(".", maxsplit=1)[0] in START:
        return "start"
    parts = module.split(".")
    if parts == ["locator"]:
        return "codec"
    if parts[1:2] and parts[1] in FLOORS:
        return parts[1]
    return "values" if parts[-1] in VALUES else "wake"


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
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy":
            yield f"locator.{ast.literal_eval(node.args[0])}"


def against(module: str, wanted: str) -> bool:
    """Whether an import of a module of ours goes against the arrows."""
    return FLOORS.index(folder(module)) < FLOORS.index(folder(wanted))


def test_every_import_of_the_firmware_follows_the_arrows():
    found = {
        (module, wanted)
        for module, file in MODULES.items()
        for wanted in imported(file)
        if wanted in MODULES and against(module, wanted)
    }
    assert sorted(found) == [], "an import against the arrows"


def test_the_firmware_imports_neither_agent_nor_tools():
    found = {
        (module, wanted)
        for module, file in MODULES.items()
        for wanted in imported(file)
        if wanted.partition(".")[0] in ("agent", "landbridge", "tools", "host_tests")
    }
    assert found == set()


def of_modems(tree: ast.AST) -> Iterator[str]:
    """What code says that is true of one modem only: its name in a condition, tables that leave one out,
    commands of a vendor."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for each in (node.left, *node.comparators):
                if (isinstance(each, ast.Constant) and each.value in MODEMS) or (
                    isinstance(each, ast.Attribute) and each.attr == "KIND"
                ):
                    yield f"{node.lineno}: a comparison: {ast.unparse(node)}"
        elif isinstance(node, ast.Dict):
            keys = {each.value for each in node.keys if isinstance(each, ast.Constant)}
            if keys & MODEMS and keys != MODEMS:
                yield f"{node.lineno}: a table without {', '.join(sorted(MODEMS - keys))}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            if node.value.startswith(OF_VENDORS):
                yield f"{node.lineno}: a command of one vendor: {node.value!r}"


def test_modem_specific_code_lies_in_the_modem_folders():
    found = [
        f"{file.relative_to(FIRMWARE)}:{each}"
        for module, file in MODULES.items()
        if not module.startswith(tuple(f"locator.modem.{name}" for name in MODEMS))
        for each in of_modems(ast.parse(file.read_text()))
    ]
    assert found == []


def test_each_driver_has_a_simulated_modem_networks_and_a_place_at_the_bench():
    """What docs/guide/add-a-modem.md names outside the firmware."""
    assert set(DIALECTS) == set(RATS) == set(DRIVERS) == set(KINDS) == set(SETTINGS) == MODEMS
    for modem in MODEMS:
        assert read_operators(modem), modem


@pytest.mark.parametrize(
    "code",
    [
        'if modem == "bg95": pass',
        'x = 1 if "sim7600" != modem else 2',
        "if driver.KIND in names: pass",
        'TABLE = {"bg95": 1}',
        'at.command(b"+QIACT=1")',
    ],
)
def test_code_for_one_modem_is_seen(code: str):
    assert len(list(of_modems(ast.parse(code)))) == 1


def test_an_import_against_the_arrows_is_seen():
    assert against("locator.journal.log", "locator.downlink.handlers")
    assert against("start.slots", "locator.wake")
    assert not against("locator.wake", "locator.downlink.handlers")


def sql_of(code: str) -> list[str]:
    """The imports without which a module has no SQL."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.startswith("sqlalchemy")]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {each.name for each in node.names}
            if node.module == "landbridge.db.tables" or (
                node.module == "landbridge.db" and "tables" in names
            ):
                found.append("tables")
            elif node.module.startswith("sqlalchemy") and node.module != "sqlalchemy.exc":
                found += sorted(names - PASSED_ON)
    return found


def test_sql_stands_in_db_and_in_queries():
    found = {
        str(file.relative_to(AGENT)): sql
        for file in AGENT.rglob("*.py")
        if not {"db", "queries"} & set(file.relative_to(AGENT).with_suffix("").parts)
        if (sql := sql_of(file.read_text()))
    }
    assert found == {}, "SQL elsewhere"


@pytest.mark.parametrize(
    "code",
    [
        "from sqlalchemy import Connection, select",
        "import sqlalchemy as sa",
        "from sqlalchemy.dialects.postgresql import insert",
        "from landbridge.db.tables import points",
        "from landbridge.db import order, tables",
    ],
)
def test_sql_is_seen(code: str):
    assert len(sql_of(code)) == 1
