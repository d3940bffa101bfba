"""Imports of the agent that lint-imports does not see."""

import functools
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import landbridge.cli
import pytest
from floors import Floors
from grimp import ImportGraph
from landbridge.core.hooks import Hook

from tools.flash import REPOSITORY

AGENT = Path(landbridge.cli.__file__).parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_init_files_of_the_agent_are_empty():
    assert [str(file) for file in AGENT.rglob("__init__.py") if file.stat().st_size] == []


COMMANDS = sorted({"cli", *chain(*landbridge.cli.GROUPS.values())})


@functools.cache
def loading_fastapi() -> str:
    """The modules of commands, imported one after the other, up to the first that brings it along."""
    code = (
        f"import importlib, sys\nfor module in {COMMANDS}:\n"
        "    importlib.import_module(f'landbridge.{module}')\n"
        "    if 'fastapi' in sys.modules:\n        print(module)\n        break"
    )
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_loads_no_fastapi(module: str):
    assert loading_fastapi().split() != [module]


def test_the_command_line_does_not_import_slow_packages_at_start():
    slow = {"shapely", "numpy", "pyarrow", "apprise", "reportlab", "fastapi", "pydantic", "alembic"}
    code = f"import sys, landbridge.cli\nfound = {slow} & set(sys.modules)\nassert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_help_of_all_commands_loads_no_fastapi():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom landbridge.cli import commands\n"
        "assert CliRunner().invoke(commands, ['--help']).exit_code == 0\nassert 'fastapi' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_import_is_left_out_of_a_contract():
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    assert contracts and [each["name"] for each in contracts if "ignore_imports" in each] == []


def test_the_map_of_the_docs_has_the_floors_in_their_order():
    text = (REPOSITORY / "docs" / "explanation" / "agent.md").read_text()
    _, _, table = text.partition("| layer | what it does |")
    rows = [line.split("|")[1] for line in table.partition("\n\n")[0].splitlines()[2:]]
    names = [name for row in rows for name in re.findall("`([^`]+)`", row)]
    patterns = [name.removesuffix(".py").rstrip("/").replace("/", ".") for name in names]
    floors = options_of_floors()["floors"]
    assert sorted(patterns) == sorted(" ".join(floors).split())
    numbers = [next(i for i, floor in enumerate(floors) if each in floor.split()) for each in patterns]
    assert numbers == sorted(numbers, reverse=True)


def broken(*imports: tuple[str, str]) -> list[str]:
    """What the contract of the agent says of a graph with these imports."""
    graph = ImportGraph()
    for importer, imported in imports:
        graph.add_import(importer=f"landbridge.{importer}", imported=f"landbridge.{imported}")
    check = Floors("floors", {}, options_of_floors()).check(graph, verbose=False)
    assert check.kept == (not check.metadata["broken"])
    return list(check.metadata["broken"])


def options_of_floors() -> dict[str, Any]:
    """The contract as pyproject.toml has it."""
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (found,) = (each for each in contracts if each["type"] == "floors")
    return dict(found)


@pytest.mark.parametrize(
    "importer, imported",
    [
        ("db.tables", "points.queries"),
        ("features.trips.queries", "tracking.worker"),
        ("features.trips.queries", "features.trips.start"),
        ("features.commands.coding", "features.commands.queries"),
        ("tracking.worker", "features.alarms.engine"),
        ("features.alarms.engine", "web.serialize"),
        ("features.alarms.engine", "features.alarms.page"),
        ("web.pages", "features.alarms.page"),
        ("web.services", "web.app"),
        ("web.server", "app"),
        ("app", "cli"),
    ],
)
def test_an_import_of_a_higher_floor_is_seen(importer: str, imported: str):
    (found,) = broken((importer, imported))
    assert "higher floor" in found and f"landbridge.{importer} -> landbridge.{imported}" in found
    assert broken((imported, importer)) == []


@pytest.mark.parametrize(
    "importer",
    ["features.alarms.engine", "features.alarms.api", "ingest.pipeline", "features.alarms.queries.old"],
)
def test_of_another_feature_only_its_queries_are_imported(importer: str):
    assert broken((importer, "features.trips.queries.old")) == []
    (found,) = broken((importer, "features.trips.coding"))
    assert "features.*.queries" in found


def test_modules_above_the_features_may_import_all_of_them():
    assert broken(("web.actions", "features.trips.start"), ("app", "features.trips.coding")) == []


def test_a_module_without_a_floor_is_seen():
    (found,) = broken(("fleet.board", "core.clock"))
    assert "fleet.board has no floor" in found


def test_a_change_without_a_callback_fails():
    hook: Hook[str] = Hook()
    with pytest.raises(RuntimeError, match=r"landbridge\.app"):
        list(hook)
    hook.register("a", "b")
    assert list(hook) == ["a", "b"]


@pytest.mark.parametrize("module", ["cli", "pages"])
def test_each_process_registers_the_hooks(module: str):
    code = (
        f"import landbridge.{module}\nfrom landbridge.downlinks.registry import HANDLERS\n"
        "from landbridge.events.publishing import ON_EVENT\nassert [*HANDLERS] and [*ON_EVENT]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
