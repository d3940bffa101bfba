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


def test_the_changelog_has_its_versions_newest_first_with_changes():
    head, *parts = re.split(r"^(?=## )", (REPOSITORY / "CHANGELOG.md").read_text(), flags=re.M)
    assert head.startswith("# Changelog\n") and parts
    versions, days = [], []
    for part in parts:
        heading, _, text = part.partition("\n")
        found = re.fullmatch(r"## (Unreleased|\d{4}-\d\d-\d\d) \((\d+)\.(\d+)\.(\d+)\)", heading)
        assert found, f"{heading}: write ## Unreleased (1.2.3), or ## 2026-10-01 (1.2.3)"
        days.append(found[1])
        versions.append(tuple(map(int, found.groups()[1:])))
        lines = [line for line in text.splitlines() if line]
        assert lines and all(line.startswith(("- ", "  ")) for line in lines), heading
    assert versions == sorted(set(versions), reverse=True)
    assert "Unreleased" not in days[1:] and days[1:] == sorted(days[1:], reverse=True)
