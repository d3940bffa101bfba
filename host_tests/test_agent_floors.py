"""What the contracts of lint-imports do not see."""

import subprocess
import sys
from pathlib import Path

import landbridge.cli
import pytest

AGENT = Path(landbridge.cli.__file__).parent


def test_init_files_of_the_agent_are_empty():
    assert [str(file) for file in AGENT.rglob("__init__.py") if file.stat().st_size] == []


@pytest.mark.parametrize("module", sorted({"cli", *landbridge.cli.GROUPS.values()}))
def test_a_command_loads_no_fastapi(module: str):
    code = f"import sys, landbridge.{module}\nassert 'fastapi' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
