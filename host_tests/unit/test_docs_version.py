"""There is one version: of the package, the command, the firmware and the changelog."""

import re
from importlib.metadata import version

import locator
import pytest
from landbridge import cli

from tools.flash.layout import REPOSITORY


def test_package_firmware_and_changelog_have_one_version():
    (said,) = re.findall(r'^version = "(.*)"$', (REPOSITORY / "pyproject.toml").read_text(), re.M)
    assert locator.VERSION == said == version("landbridge")
    assert re.findall(r"^## .*\((.*)\)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.M)[0] == said


def test_the_command_prints_it(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.app(["--version"])
    assert not ended.value.code
    assert capsys.readouterr().out == f"landbridge {version('landbridge')}\n"
