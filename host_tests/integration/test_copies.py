"""A process that begins as a copy is as one that was started: arguments, streams, environment, end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from host_tests.support import copies

LANDBRIDGE = str(Path(sys.executable).with_name("landbridge"))


def test_a_copy_says_and_ends_as_a_process_that_is_started(tmp_path: Path):
    config = tmp_path / "landbridge.toml"
    config.write_text("[broker]\nport = 'none'\n")
    config.chmod(0o600)
    calls = [
        [LANDBRIDGE, "devices", "no-such"],
        [sys.executable, "-m", "landbridge", "devices", "list"],
        [sys.executable, "-m", "landbridge", "--version"],
    ]

    def done(call: list[str]) -> tuple[int, str, str]:
        environment = os.environ | {"LANDBRIDGE_CONFIG": str(config), "A": "b"}
        ended = subprocess.run(
            call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return ended.returncode, ended.stdout, ended.stderr

    copied = [done(call) for call in calls]
    with copies.started_as_usual():
        assert [done(call) for call in calls] == copied
    assert [code for code, _, _ in copied] == [2, 2, 0]
    assert all(out + err for _, out, err in copied)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_copy_that_is_killed_is_gone(number: signal.Signals, tmp_path: Path):
    sinks = [sys.executable, "-m", "tools.verify.notify.sinks", str(tmp_path), "0", "0"]
    with subprocess.Popen(sinks, stdin=subprocess.PIPE) as copy:
        assert copy.poll() is None and copy.pid != os.getpid()
        with pytest.raises(subprocess.TimeoutExpired):
            copy.wait(0.01)
        copy.send_signal(number)
        assert copy.wait(60) == -number
    with pytest.raises(ProcessLookupError):
        os.kill(copy.pid, 0)


def test_a_copy_ends_with_its_standard_input():
    broker = [sys.executable, "-m", "tools.world.services.broker", "--folder", "none"]
    with subprocess.Popen(broker, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as copy:
        assert copy.stderr and b"none" in copy.stderr.read()
    assert copy.returncode == 1


def test_a_shell_has_it_as_its_command(tmp_path: Path):
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **copies.command(tmp_path)}
    script = "landbridge no-such || echo $? $(landbridge --help | head -1 | wc -l)"
    said = subprocess.run(
        ["sh", "-c", script], env=environment, pass_fds=[copies.original().fileno()],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "2 1\n" and "no-such" in said.stderr
