"""What the contracts of lint-imports do not see."""

import subprocess
import sys
import tomllib
from pathlib import Path

import landbridge.cli
import pytest
from landbridge.core.hooks import Hook

from tools.flash import REPOSITORY

AGENT = Path(landbridge.cli.__file__).parent


def test_init_files_of_the_agent_are_empty():
    assert [str(file) for file in AGENT.rglob("__init__.py") if file.stat().st_size] == []


@pytest.mark.parametrize("module", sorted({"cli", *landbridge.cli.GROUPS.values()}))
def test_a_command_loads_no_fastapi(module: str):
    code = f"import sys, landbridge.{module}\nassert 'fastapi' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_import_is_an_exception_from_the_contracts():
    """What they leave out is a rule for all features, never one of their files."""
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    left_out = [each for contract in contracts for each in contract.get("ignore_imports", ())]
    assert left_out and [each for each in left_out if "*" not in each] == []


def test_a_change_that_nobody_was_registered_for_fails():
    hook: Hook[str] = Hook()
    with pytest.raises(RuntimeError, match=r"landbridge\.app"):
        list(hook)
    hook.register("a", "b")
    assert list(hook) == ["a", "b"]


@pytest.mark.parametrize("module", ["cli", "pages"])
def test_each_process_registers_the_hooks(module: str):
    code = (
        f"import landbridge.{module}\nfrom landbridge.downlinks.registry import HANDLERS\n"
        "from landbridge.events.publish import ON_EVENT\nassert [*HANDLERS] and [*ON_EVENT]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
