"""A check that was left out never counts as passed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.flash.layout import REPOSITORY
from tools.verify.benchmarks.agent import benchmark as agent_benchmark

CI = REPOSITORY / ".ci"
TOOLS = ("sh", "dirname", "mkdir", "id", "ls", "env", "echo", "cat", "sed", "head")


def run(
    script: str, folder: Path, programs: tuple[str, ...], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """With nothing on the path but these programs."""
    path = folder / "bin"
    path.mkdir()
    for name in TOOLS:
        (path / name).symlink_to(shutil.which(name) or "")
    for name in programs:
        (path / name).write_text("#!/bin/sh\nexit 1\n")
        (path / name).chmod(0o755)
    # What looks in /usr/sbin by itself would find what is installed here.
    text = (
        (CI / script)
        .read_text()
        .replace('PATH="$PATH:/usr/sbin"', "")
        .replace("/usr/lib/postgresql", "/none")
    )
    (folder / ".ci").mkdir()
    (folder / ".ci" / script).write_text(text)
    (folder / "tools" / "world" / "device" / "on_device").mkdir(parents=True)
    command = [str(path / "sh"), str(folder / ".ci" / script), *arguments]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("programs", "said"), [((), "needs Debian"), (("apt-get", "gcc", "sudo"), "no compiler for 32")]
)
def test_heap32_that_cannot_be_built_exits_with_3(tmp_path, programs, said):
    if not list(Path("/usr/share/keyrings").glob("debian-archive-keyring.*")):
        said = "needs Debian"
    ended = run("heap32.sh", tmp_path, programs, str(tmp_path / "build"))
    assert ended.returncode == 3 and f"left out: {said}" in ended.stderr, ended.stderr


def test_packages_that_are_welcome_and_missing_exit_with_3(tmp_path):
    ended = run("system_packages.sh", tmp_path, ("mosquitto",))
    assert ended.returncode == 3 and "left out, and does not pass" in ended.stderr


def test_a_broker_that_is_missing_exits_with_1(tmp_path):
    assert run("system_packages.sh", tmp_path, ()).returncode == 1


def test_no_target_turns_a_failure_into_success():
    recipes = [line for line in (REPOSITORY / "Makefile").read_text().splitlines() if line.startswith("\t")]
    assert not [line for line in recipes if re.search(r"exit 0|\|\| *true|\|\| *:|^\t@?-", line)]
    assert [line for line in recipes if "heap32.sh" in line] == ["\t@sh .ci/heap32.sh build/heap32"]


def test_a_benchmark_of_which_a_part_is_left_out_has_not_passed(tmp_path, monkeypatch):
    found = agent_benchmark.Found(left_out=["postgresql", "nats"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmark"])
    monkeypatch.setattr(agent_benchmark, "run", lambda folder, given: found)
    assert agent_benchmark.main() == 3
    found.left_out = []
    assert agent_benchmark.main() == 0
