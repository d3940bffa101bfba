"""The `landbridge` command, run in the process of the test."""

import re
from pathlib import Path

import pytest
from landbridge import cli

from host_tests.support.agent import (
    BROKER_HOST,
)
from tools.world.services import certificates

SETTINGS = """
[broker]
host = "localhost"
port = 1
ca_file = "{folder}/ca.pem"
[store]
database = "{folder}/landbridge.sqlite3"
[devices]
directory = "{folder}/devices"
broker_host = "broker.landbridge.example"
"""


class Command:
    """Runs the command in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Configured in `folder`, which is to be the working directory."""
        certificates.make(folder, BROKER_HOST)
        (folder / "landbridge.toml").write_text(SETTINGS.format(folder=folder))
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        """Run to success; returns what was printed."""
        code, out, err = self._run(*arguments)
        assert not code, err
        return out

    def fails(self, *arguments: str) -> str:
        """Run to failure; returns the one line that says why."""
        code, out, err = self._run(*arguments)
        assert code == 2
        assert out == ""
        assert re.fullmatch(r"landbridge: .+\n", err), err
        return err

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.app(arguments)
        captured = self._capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, captured.out, captured.err


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """A command that succeeds; returns what it printed."""
    try:
        cli.app(arguments)
    except SystemExit as end:
        assert not end.code, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """A command that is refused; returns why."""
    with pytest.raises(SystemExit) as end:
        cli.app(arguments)
    assert end.value.code == 2
    return capsys.readouterr().err
