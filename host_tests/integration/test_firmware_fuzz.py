"""A seeded part of `make fuzz`: only expected exceptions, and no buffer grows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.verify.fuzz import firmware as fuzz

pytestmark = pytest.mark.slow

BYTES = 60_000
DEVICE_BYTES = 15_000
MICROPYTHON = Path(sys.executable).with_name("micropython")


@pytest.mark.parametrize("target", fuzz.targets())
def test_on_cpython(target):
    result = fuzz.on_cpython(target, "test", BYTES)
    assert result["bytes"] >= BYTES
    assert result["kept"] == []


@pytest.mark.parametrize("target", fuzz.targets())
def test_on_micropython_in_the_heap_of_the_device(target):
    [result] = fuzz.on_micropython(MICROPYTHON, "test", DEVICE_BYTES, [target])
    assert result["bytes"] >= DEVICE_BYTES
    assert result["kept"] == []


def test_a_seed_gives_the_same_bytes_on_both():
    [there] = fuzz.on_micropython(MICROPYTHON, "same", 5_000, ["parse"])
    here = fuzz.on_cpython("parse", "same", 5_000)
    assert (there["executions"], there["bytes"]) == (here["executions"], here["bytes"])


def test_a_crash_is_counted_and_can_be_repeated(monkeypatch):
    class Fragile:
        ours = ()
        seeds = (b"+CEREG: 1",)

        def feed(self, data: bytes) -> None:
            if b"CEREG" in data:
                raise IndexError("fragile")

    monkeypatch.setitem(fuzz.core().TARGETS, "fragile", Fragile)
    result = fuzz.on_cpython("fragile", "test", 20_000)
    assert result["crashes"] > 0
    assert b"CEREG" in bytes.fromhex(result["kept"][0]["input"])
    figures = fuzz.figures([result])
    assert figures["crashes"] == result["crashes"]


def test_a_runtime_that_exits_is_a_crash(tmp_path):
    dying = tmp_path / "micropython"
    dying.write_text("#!/bin/sh\necho 'MemoryError: no heap'; exit 1\n")
    dying.chmod(0o755)
    [result] = fuzz.on_micropython(dying, "test", 1, ["parse"])
    assert result["crashes"] == 1 and "no heap" in result["kept"][0]["error"][0]
