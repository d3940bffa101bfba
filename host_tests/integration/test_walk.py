"""The page of walks is what the running code prints, and two runs print the same."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from tools.flash import REPOSITORY
from tools.walk.__main__ import compare
from tools.walk.page import first_sentence
from tools.walk.tracer import Leg, Step, Tracer

BEGIN, HELP = Step("shop.py", "begin"), Step("shop.py", "help_out")
SHOP = '''"""A shop. It has one till."""
import threading

def begin():
    help_out()
    aside = threading.Thread(target=elsewhere)
    aside.start()
    aside.join()
    Till().ring(sorted([2, 1], key=lambda each: each))
    help_out()

def help_out():
    class Apron:
        pass

def elsewhere():
    pass

class Till:
    def ring(self, sums):
        return [each for each in sums]
'''


@pytest.fixture
def shop(tmp_path: Path) -> ModuleType:
    """Code to trace."""
    (tmp_path / "shop.py").write_text(SHOP)
    spec = importlib.util.spec_from_file_location("shop", tmp_path / "shop.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_walks_is_up_to_date() -> None:
    command = [sys.executable, "-m", "tools.walk", "--check"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_stale_page_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("one\ntwo\n", "one\ntwo\n") == 0
    assert compare("one\ntwo\n", "one\n2\n") == 1
    printed = capsys.readouterr()
    assert "-two\n+2\n" in printed.out and "make walk" in printed.err


def test_a_leg_has_each_named_function_of_its_thread_once_in_order(shop: ModuleType, tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, [BEGIN, HELP])
    with tracer.here():
        shop.begin()
        shop.elsewhere()
    steps = [BEGIN, HELP, Step("shop.py", "Till.ring")]
    assert tracer.legs == [Leg(HELP, [HELP]), Leg(HELP, [HELP]), Leg(BEGIN, steps)]


def test_threads_have_legs_of_their_own(shop: ModuleType, tmp_path: Path) -> None:
    entry = Step("shop.py", "elsewhere")
    tracer = Tracer(tmp_path, [entry])
    tracer.follow_threads()
    try:
        shop.begin()
    finally:
        threading.setprofile(None)
    assert tracer.legs == [Leg(entry, [entry])]


class Aside(threading.Thread):
    """Threads without a part in a walk."""


def test_threads_without_a_part_are_left_out(shop: ModuleType, tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, [])
    tracer.follow_threads()
    try:
        with tracer.everything(but=Aside) as steps:
            for kind in (Aside, threading.Thread):
                thread = kind(target=shop.elsewhere)
                thread.start()
                thread.join()
                assert bool(steps) is (kind is threading.Thread)
    finally:
        threading.setprofile(None)


def test_the_tracer_records_the_calls_of_all_traced_threads(shop: ModuleType, tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, [])
    tracer.follow_threads()
    try:
        with tracer.here(), tracer.everything(but=Aside) as steps:
            shop.begin()
    finally:
        threading.setprofile(None)
    assert list(steps) == [BEGIN, HELP, Step("shop.py", "elsewhere"), Step("shop.py", "Till.ring")]


def test_a_file_describes_itself_by_its_first_sentence(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    assert first_sentence(tmp_path / "shop.py") == "A shop."
