"""Whatever the host sends, the modem goes on, and what it says is whole lines."""

from __future__ import annotations

import random

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.link.mqtt import LockStepNetwork
from tools.modem.registry import DIALECTS

COMMANDS = {name: dialect.commands for name, dialect in DIALECTS.items()}
ARGUMENTS = [
    "0",
    "1",
    "2",
    "9",
    "-1",
    "",
    '"a"',
    '"UFS:*"',
    '"26202"',
    '"priority"',
    '"tcp://a:1"',
    "x",
    "4097",
]
LINES = 400


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
@pytest.mark.parametrize("seed", range(3))
def test_any_command_with_any_arguments(dialect, seed):
    rng = random.Random(f"{dialect}/{seed}")
    modem = ModemUnderTest(dialect, LockStepNetwork({}, reachable=lambda: False), seed)
    modem.boot()
    for _ in range(LINES):
        key = rng.choice([key for key in COMMANDS[dialect] if key not in ("Q", "V", "S")])
        arguments = ",".join(rng.choices(ARGUMENTS, k=rng.randint(0, 6))) if key.endswith("=") else ""
        modem.simulated.receive(f"AT{key}{arguments}\r".encode())
        modem.run(rng.choice((20, 500, 20_000)))
        if rng.random() < 0.1:
            modem.simulated.receive(b"\x1a" * 4_200)
    revive(modem)


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_any_bytes(dialect):
    rng = random.Random(dialect)
    modem = ModemUnderTest(dialect)
    modem.boot()
    for _ in range(LINES):
        noise = rng.choice((b"AT", b"AT+", b'"', b"")) + rng.randbytes(rng.randint(0, 40))
        modem.simulated.receive(noise.replace(b"Q", b"") + rng.choice((b"\r", b"\r\n", b"")))
        modem.run(rng.choice((1, 5, 30)))
    revive(modem)


def revive(modem: ModemUnderTest) -> None:
    """It still answers, if need be after a cut of its supply."""
    modem.simulated.rail(False)
    modem.boot()
    assert modem.send("ATE0")[-1] == "OK"
    modem.run(5_000)
    assert modem.send("AT+CFUN?") == ["+CFUN: 1", "OK"]
