"""The commands of the vendors' manuals: the modem has them all."""

from __future__ import annotations

import pytest

from tools.flash.layout import REPOSITORY
from tools.modem.alone import commands
from tools.modem.registry import DIALECTS


def test_no_command_of_the_manuals_is_missing(capsys):
    assert len(commands.load(commands.COMMANDS)) > 300
    assert commands.main([]) == 0
    assert capsys.readouterr().out.endswith("missing 0\n")


def test_the_page_shows_how_many_commands_there_are():
    page = (REPOSITORY / "docs" / "reference" / "simulated-modem.md").read_text()
    counts = {name: len({key.rstrip("=?") for key in DIALECTS[name].commands}) for name in DIALECTS}
    assert f"{counts['bg95']} commands by name on the BG95, {counts['sim7600']} on the SIM7600" in page


def test_missing_commands_are_named(tmp_path, capsys):
    path = tmp_path / "list"
    path.write_text("both | AT+NOSUCH? | +NOSUCH: 1\nbg95 | AT+CMEE? | +CMEE: 7\nbg95 | AT+CMEE? | absent\n")
    assert commands.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert (
        output.count("AT+NOSUCH?") == 2 and output.count("AT+CMEE?") == 2 and output.endswith("missing 4\n")
    )


@pytest.mark.parametrize("text", ["AT\n", "sim800 | AT | OK\n", "both | AT\n"])
def test_a_list_that_is_none(text, tmp_path, capsys):
    path = tmp_path / "list"
    path.write_text(text)
    assert commands.main([str(path)]) == 2
    error = capsys.readouterr().err
    assert f"{path}:1:" in error and error.count("\n") == 1


def test_a_list_that_is_not_there(tmp_path, capsys):
    assert commands.main([str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
