"""Lock files: versions with hashes, of the map library, too."""

import hashlib
import json
import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from landbridge.web.assets import MAPLIBRE, PMTILES
from packaging.requirements import Requirement

from host_tests.support.locks import extras, locked, normal
from tools.flash import REPOSITORY

CI = REPOSITORY / ".ci"
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
WANTED = {
    "agent": PROJECT["project"]["dependencies"] + GROUPS["build"],
    "demo": PROJECT["project"]["dependencies"] + GROUPS["build"] + GROUPS["demo"],
} | {name: GROUPS[name] for name in ("bench", "dev", "flash", "typings")}


def test_there_is_a_lock_for_each_group():
    assert {file.stem.removeprefix("lock-") for file in CI.glob("lock-*.txt")} == set(WANTED)
    assert PROJECT["build-system"]["requires"] == GROUPS["build"]


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_file_has_the_wanted_packages_with_hashes(name):
    lock = locked(CI / f"lock-{name}.txt")
    assert [package for package, (_, hashes) in lock.items() if not hashes] == []
    wanted = [each.split("==") for each in WANTED[name] if isinstance(each, str)]
    assert {normal(package): version for package, version in wanted}.items() <= {
        package: version for package, (version, _) in lock.items()
    }.items()


def test_locks_that_are_laid_over_each_other_agree():
    said: dict[str, tuple[str, set[str]]] = {}
    for name in WANTED:
        for package, found in locked(CI / f"lock-{name}.txt").items():
            assert said.setdefault(package, found) == found, (name, package)


def required_with_extras() -> list[Requirement]:
    """What the installed packages require here and name with extras."""
    found = [Requirement(line) for package in distributions() for line in package.requires or ()]
    here = [each for each in found if not each.marker or each.marker.evaluate({"extra": ""})]
    return [each for each in here if each.extras]


@pytest.mark.parametrize("name", ["agent", "demo", "dev", "flash"])
def test_a_lock_names_the_extras_that_its_packages_require(name):
    # pip looks up pwdlib[argon2] apart from pwdlib, and takes a newer release, which has no hash here.
    named, lock = extras(CI / f"lock-{name}.txt"), locked(CI / f"lock-{name}.txt")
    asked = [each for each in required_with_extras() if normal(each.name) in lock]
    assert asked
    assert [str(each) for each in asked if not each.extras <= named.get(normal(each.name), set())] == []


def test_nothing_is_installed_without_hashes():
    files = [
        REPOSITORY / "Makefile",
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/**/*.md"),
        *filter(Path.is_file, CI.iterdir()),
    ]
    for file in files:
        text = re.sub(r"\$\(LOCKED\)", "pip install --require-hashes --no-build-isolation", file.read_text())
        for line in re.findall(r"^.*(?:pip install|\$\(INSTALL\)).*$", text, re.M):
            of_lock = "--require-hashes" in line and ("--only-binary :all:" in line or "isolation" in line)
            whole = of_lock or ("--no-deps" in line and "--no-build-isolation" in line)
            assert whole or line.startswith("INSTALL :=") or "`pip install`" in line, (file, line)


def test_the_library_of_the_tiles_is_the_one_that_is_named():
    said = json.loads((PMTILES / "package.json").read_text())
    assert (said["name"], said["license"]) == ("pmtiles", "BSD-3-Clause")
    assert re.fullmatch(r"4\.\d+\.\d+", said["version"]) and said["integrity"].startswith("sha512-")
    sums = dict(line.split()[::-1] for line in (PMTILES / "SHA256SUMS").read_text().splitlines())
    files = {"pmtiles.js", "LICENSE.txt"}
    assert sums == {name: hashlib.sha256((PMTILES / name).read_bytes()).hexdigest() for name in files}


def test_the_library_of_the_map_is_the_one_that_is_named():
    said = json.loads((MAPLIBRE / "package.json").read_text())
    assert (said["name"], said["license"]) == ("maplibre-gl", "BSD-3-Clause")
    assert re.fullmatch(r"6\.\d+\.\d+", said["version"]) and said["integrity"].startswith("sha512-")
    assert f"/blob/v{said['version']}/LICENSE" in (MAPLIBRE / "maplibre-gl.mjs").read_text()[:300]
    sums = dict(line.split()[::-1] for line in (MAPLIBRE / "SHA256SUMS").read_text().splitlines())
    files = {"maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css", "LICENSE.txt"}
    assert sums == {name: hashlib.sha256((MAPLIBRE / name).read_bytes()).hexdigest() for name in files}
