"""The page "add a board", as written: its commands in a copy of the repository end in an image."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.flash import REPOSITORY

PAGE = REPOSITORY / "docs" / "guide" / "add-a-board.md"
COPIED = ("boards", "firmware", "tools", "agent", ".ci", "Makefile", "pyproject.toml")
NOT_PASSED_ON = ("MAKEFLAGS", "MFLAGS", "BOARD", "MICROPYTHON")
"""The environment of the test run, perhaps from make."""
PYTHON = f"""#!/bin/sh
[ "$2" != pip ] || {{ echo "a test installs nothing" >&2; exit 1; }}
exec {sys.executable} "$@"
"""


def copy(target: Path) -> None:
    """The repository, set up: its interpreter is that of the tests, and cannot install anything."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)
    python = target / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    for stamp in ("demo.stamp", "flash.stamp"):
        (target / ".venv" / stamp).touch()


def test_the_commands_of_the_page_end_in_an_image_of_a_board_that_was_not_there(tmp_path):
    commands = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)[0]
    (board,) = set(re.findall(r"BOARD=(\w+)", commands))
    assert len(commands.splitlines()) == 10 and not (REPOSITORY / "boards" / board).exists()
    copy(tmp_path)
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    run = subprocess.run(
        ["sh", "-e"],
        input=commands,
        cwd=tmp_path,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert [path.name for path in (tmp_path / "boards" / board).iterdir()] == ["board.toml"]
    out = tmp_path / "build" / "image" / board
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["board"] == board and (out / "files.bin").stat().st_size > 500_000
    assert board.encode() in (out / "files" / "board.mpy").read_bytes()
