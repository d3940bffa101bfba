"""The numbers that the commands of tools/ take."""

from __future__ import annotations

import sys

import pytest

from tools.verify.downloads import downloadcut, downloads
from tools.verify.esim import switchcut
from tools.verify.hostile import hostile
from tools.verify.updates import updatecut


@pytest.mark.parametrize(
    ("command", "option", "word"),
    [
        (switchcut, "--every", "0"),
        (updatecut, "--every", "0"),
        (downloads, "--share", "0"),
        (downloadcut, "--share", "x"),
        (hostile, "--seed", "-1"),
    ],
)
def test_a_number_that_no_run_can_have_is_named_with_those_taken(command, option, word, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["check", option, word])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument {option}: '{word}' is no whole number of " in said
