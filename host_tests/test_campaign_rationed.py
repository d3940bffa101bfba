"""Processes that get a part of a core each."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tools.campaign.rationed import Rationed, ran_s

SPIN = "while True: pass"


@pytest.fixture
def spinning() -> Iterator[list[subprocess.Popen[bytes]]]:
    running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(2)]
    yield running
    for each in running:
        each.kill()
        each.wait()


def state_of(process: subprocess.Popen[bytes]) -> str:
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def is_rationed() -> bool:
    return any(each.name == "rations" for each in threading.enumerate())


def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_nobody_has_more_than_the_ration(spinning):
    until(lambda: all(ran_s(each.pid) > 0.05 for each in spinning))
    with Rationed(spinning, 0.1):
        before_s, since_s = [ran_s(each.pid) for each in spinning], time.monotonic()
        time.sleep(1)
        had_s = [ran_s(each.pid) - before for each, before in zip(spinning, before_s, strict=True)]
        assert max(had_s) < 0.5 * (time.monotonic() - since_s)
        until(lambda: all(state_of(each) == "T" for each in spinning))
    until(lambda: all(state_of(each) != "T" for each in spinning))


def test_when_one_ends_the_other_is_not_left_stopped(spinning):
    with Rationed(spinning, 0.1):
        until(lambda: state_of(spinning[1]) == "T")
        spinning[0].kill()
        spinning[0].wait()
        until(lambda: state_of(spinning[1]) != "T" and not is_rationed())
    assert spinning[1].poll() is None
