"""The self-test and the engineer's prompt, on a simulated modem."""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.flash import selftest
from tools.flash.layout import REPOSITORY
from tools.world.device import firmware

ON_DEVICE = REPOSITORY / "tools" / "flash" / "on_device"


class Port(ModemUnderTest):
    """A simulated modem, with what else the self-test touches."""

    rtc_memory = b""
    reset_cause = 1
    wake_reason = 0
    lid = 0
    _uart = None

    def senses(self) -> tuple[int, ...]:
        return (3600, 215, 1, 300, 0, 0, self.lid)

    def feed(self) -> None:
        """Nothing bites."""

    def clock_s(self) -> int:
        return self.now() // 1000


def board(dialect: str) -> Any:
    return types.SimpleNamespace(MODEM=dialect, apn=b"iot", BATTERY_ADC=34)


def tried(port: Port, tmp_path: Path, capsys) -> tuple[dict[str, tuple[bool, str]], list[int], bool]:
    """What each part said, the lamp's doings, the verdict."""
    port.data_dir = str(tmp_path)  # type: ignore[attr-defined]
    lamp: list[int] = []
    run = runpy.run_path(str(ON_DEVICE / "selftest.py"))["run"]
    good = run(port, board(port.dialect), lamp.append)
    rows = selftest.parse(capsys.readouterr().out)
    return {part: (fine, found) for part, fine, found in rows}, lamp, good


class Uncalibrated(Port):
    """A chip that cannot measure its battery."""

    uncalibrated = True

    def senses(self) -> tuple[int, ...]:
        return (0, *super().senses()[1:])


def test_a_battery_that_the_chip_cannot_measure_is_reported_and_is_good(tmp_path, capsys):
    said, _, good = tried(Uncalibrated("bg95"), tmp_path, capsys)
    assert good and said["sensors"][0] and "battery not measured" in said["sensors"][1]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_every_part_of_a_sound_tracker_is_good(dialect, tmp_path, capsys):
    said, lamp, good = tried(Port(dialect), tmp_path, capsys)
    assert good and all(fine for fine, _ in said.values())
    assert list(said) == ["flash", "sensors", "rail", "modem", "card", "network", "GNSS", "off", "lid"]
    assert "ICCID 8" in said["card"][1] and "dBm" in said["network"][1] and "satellites" in said["GNSS"][1]
    assert lamp.count(1) == 1 + 2 + 3 + 1
    assert not list(tmp_path.iterdir())


class StaysOn(Port):
    """A board without a rail, whose modem takes the order to power off and does not go."""

    def modem_rail(self, on: bool) -> None:
        super().modem_rail(True)

    def uart_write(self, data: bytes) -> None:
        super().uart_write(bytes(data).replace(b"+CPOF", b"").replace(b"+QPOWD=1", b""))


@pytest.mark.parametrize("has_lines", [False, True])
@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_modem_that_stays_on_is_found_bad(dialect, has_lines, tmp_path, capsys):
    said, _, good = tried(StaysOn(dialect, has_lines=has_lines), tmp_path, capsys)
    assert not good and not said["off"][0] and "still on" in said["off"][1]
    assert all(fine for part, (fine, _) in said.items() if part != "off")


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_modem_is_off_when_its_status_pin_is_low(dialect, tmp_path, capsys):
    port = Port(dialect, has_lines=True)
    said, _, good = tried(port, tmp_path, capsys)
    assert good and said["off"] == (True, "the modem is off") and not port.simulated.status()


class Inverted(Port):
    """STATUS over a transistor that the board's configuration does not name."""

    def modem_status(self) -> bool:
        return not self.simulated.status()


def test_a_wrong_status_line_fails_the_self_test(tmp_path, capsys):
    said, _, good = tried(Inverted("bg95"), tmp_path, capsys)
    assert not good and not said["off"][0] and "status_on" in said["off"][1]


def test_failed_parts_are_reported_and_the_rest_is_tested(tmp_path, capsys):
    port = Port("bg95")
    port.air.audible.clear()
    port.lid = 1
    said, lamp, good = tried(port, tmp_path, capsys)
    assert not good and not said["network"][0] and "antenna" in said["network"][1]
    assert said["card"][0] and said["GNSS"][0] and said["lid"] == (False, "open")
    assert lamp.count(1) == 1 + 3


def test_a_modem_that_is_dead_ends_it(tmp_path, capsys):
    port = Port("bg95")
    port.simulated.receive = lambda data: None  # type: ignore[method-assign]
    said, _, good = tried(port, tmp_path, capsys)
    assert not good and not said["modem"][0] and "card" not in said


def test_the_engineers_prompt(tmp_path, capsys, monkeypatch):
    port = Port("bg95")
    port.data_dir = str(tmp_path / "data")  # type: ignore[attr-defined]
    (tmp_path / "data").mkdir()
    firmware.fill(tmp_path, 5)
    made = board("bg95")
    made.make_port = lambda: port
    monkeypatch.setitem(sys.modules, "board", made)
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(WDT=lambda timeout: None))
    shell = runpy.run_path(str(ON_DEVICE / "shell.py"))
    shell["status"]()
    assert "battery mV   3600" in capsys.readouterr().out
    shell["journal"](2)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "5 wait for the agent" and len(said) == 3
    shell["plan"]()
    assert "kind" in capsys.readouterr().out
    shell["at"]("+CGMM")
    assert "BG95" in capsys.readouterr().out
