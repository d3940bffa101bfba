"""Rail, power key, boot, power-down, sleep and PSM, and what the meter is told."""

from __future__ import annotations

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.registry import Dialect

DIALECTS = ["bg95", "sim7600"]
BOOT = {
    "bg95": ["RDY", "APP RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"],
    "sim7600": ["RDY", "+CPIN: READY", "SMS DONE", "PB DONE"],
}
OFF = {"bg95": ("AT+QPOWD=1", "POWERED DOWN"), "sim7600": ("AT+CPOF", "NORMAL POWER DOWN")}


def told(bench: ModemUnderTest) -> list[str]:
    return [text for _, way, text in bench.lines if way == "<"]


def states(bench: ModemUnderTest, part: str = "modem") -> list[str]:
    return [state for _, name, state in bench.states if name == part]


@pytest.fixture(params=DIALECTS)
def bench(request) -> ModemUnderTest:
    return ModemUnderTest(request.param)


def test_boot(bench):
    bench.boot()
    bench.run(6_000)
    assert told(bench) == BOOT[bench.dialect]
    assert states(bench)[:2] == ["boot", "idle"] or states(bench)[:2] == ["boot", "search"]


def test_boot_takes_its_time():
    limits: dict[Dialect, tuple[int, int]] = {"bg95": (2_100, 3_100), "sim7600": (9_900, 14_600)}
    for dialect, (low, high) in limits.items():
        times = set()
        for seed in range(5):
            bench = ModemUnderTest(dialect, seed=seed)
            bench.boot()
            times.add(bench.now())
        assert len(times) > 1 and low <= min(times) and max(times) <= high, dialect


def test_deaf_while_it_boots(bench):
    bench.modem.rail(True)
    bench.press()
    bench.modem.receive(b"AT\r")
    bench.run(1_000)
    assert not bench.output


def test_a_short_pulse_does_nothing(bench):
    bench.modem.rail(True)
    bench.press(400)
    bench.run(30_000)
    assert bench.states == [] and not bench.output


def test_no_supply_no_boot(bench):
    bench.press()
    bench.run(30_000)
    assert bench.states == []


def test_the_key_also_turns_off(bench):
    bench.boot()
    bench.press()
    bench.until(OFF[bench.dialect][1], 10_000)
    assert states(bench)[-1] == "off"


def test_off_by_command(bench):
    bench.boot()
    command, farewell = OFF[bench.dialect]
    assert bench.send(command)[-1] == "OK"
    bench.until(farewell, 10_000)
    bench.modem.receive(b"AT\r")
    bench.run(1_000)
    assert states(bench)[-1] == "off" and told(bench)[-1] == farewell
    bench.press()
    bench.until("RDY", 20_000)


def test_a_cut_rail_ends_everything(bench):
    bench.boot()
    bench.until_registered()
    said = len(told(bench))
    bench.modem.rail(False)
    bench.run(3_600_000)
    assert states(bench)[-1] == "off" and len(told(bench)) == said


def test_a_restart_by_command(bench):
    bench.boot()
    bench.until_registered()
    bench.send("AT+CMEE=1")
    registrations = len(bench.air.registrations)
    bench.send("AT+CFUN=1,1")
    bench.until("RDY", 20_000)
    bench.until_registered()
    assert len(bench.air.registrations) == registrations + 1
    assert bench.send("AT+CMEE?")[-2:] == ["+CMEE: 0", "OK"]


def test_sleep_by_dtr(bench):
    bench.boot()
    bench.until_registered()
    bench.send("AT+CFUN=4")
    bench.send("AT+QSCLK=1" if bench.dialect == "bg95" else "AT+CSCLK=1")
    bench.modem.dtr(True)
    bench.run(30_000)
    assert states(bench)[-1] == "sleep"
    bench.output.clear()
    bench.modem.receive(b"AT\r")
    bench.run(1_000)
    assert not bench.output
    bench.modem.dtr(False)
    bench.modem.receive(b"A")  # lost
    assert bench.send("AT")[-1] == "OK"
    assert states(bench)[-1] == "idle"


@pytest.fixture
def parked() -> ModemUnderTest:
    """A BG95 in PSM: T3412 12 h, T3324 20 s."""
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send('AT+QCFG="psm/urc",1')
    bench.send('AT+CPSMS=1,,,"00101100","00001010"')
    bench.until_registered()
    bench.send('AT+QCFG="psm/enter",1')
    bench.until("POWER DOWN", 25_000)
    return bench


def test_psm_at_once(parked):
    assert states(parked)[-1] == "psm"
    assert "+QPSMTIMER: 43200,20" in told(parked)
    parked.modem.receive(b"AT\r")
    parked.run(1_000)
    assert not parked.output


def test_psm_keeps_the_registration(parked):
    registrations = len(parked.air.registrations)
    parked.run(3_600_000)
    parked.press()
    parked.until("RDY", 5_000)
    parked.until_registered(10_000)
    assert len(parked.air.registrations) == registrations
    assert "search" in states(parked) and parked.time_in("modem")["psm"] >= 3_600_000


def test_psm_is_left_for_the_periodic_update_and_entered_again(parked):
    parked.run(43_100_000)
    assert states(parked)[-1] == "psm"
    parked.run(200_000)
    assert states(parked)[-1] == "psm"
    assert states(parked).count("boot") == 2
    spent = parked.time_in("modem")
    assert spent["idle"] + spent["connected"] + spent["search"] < 90_000


def test_psm_after_the_active_time():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send('AT+CPSMS=1,,,"00101100","00001010"')
    bench.until_registered()
    since = bench.now()
    while states(bench)[-1] != "psm":
        assert bench.now() < since + 60_000
        bench.run(500)
    assert bench.now() - since > 20_000


def test_gnss_defers_psm():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send('AT+CPSMS=1,,,"00101100","00000001"')
    bench.send("AT+QGPS=1")
    bench.until_registered()
    bench.run(600_000)
    assert "psm" not in states(bench)
    bench.send("AT+QGPSEND")
    bench.run(5_000)
    assert states(bench)[-1] == "psm"


def test_no_psm_without_service():
    bench = ModemUnderTest("bg95")
    bench.air.audible = []
    bench.boot()
    bench.send('AT+CPSMS=1,,,"00101100","00000001"')
    assert bench.send('AT+QCFG="psm/enter",1')[-1] == "OK"
    bench.run(300_000)
    assert "psm" not in states(bench)


def test_no_psm_on_gsm():
    bench = ModemUnderTest("bg95")
    bench.air.audible = [cell for cell in bench.air.audible if cell.rat == "gsm"]
    bench.boot()
    bench.send('AT+CPSMS=1,,,"00101100","00000001"')
    deadline = bench.now() + 300_000
    while bench.send("AT+CREG?")[-2] != "+CREG: 0,5":
        assert bench.now() < deadline
        bench.run(1_000)
    bench.run(60_000)
    assert "psm" not in states(bench)


STATUS_LAG_MS = {"bg95": 0, "sim7600": 25_000}
"""STATUS of a SIM7600 falls long after its last line."""


def reset(bench: ModemUnderTest, ms: int) -> None:
    bench.modem.reset(True)
    bench.run(ms)
    bench.modem.reset(False)


def test_status_is_high_while_the_modem_is_on(bench):
    bench.modem.rail(True)
    assert not bench.modem.status()
    bench.press()
    assert not bench.modem.status()  # it rises when the firmware is ready
    bench.until("RDY", 20_000)
    assert bench.modem.status()
    order, line = OFF[bench.dialect]
    ordered = bench.now()
    bench.send(order)
    assert bench.modem.status()
    bench.until(line, 65_000)
    assert bench.modem.status() is bool(STATUS_LAG_MS[bench.dialect])
    bench.run(max(1, ordered + STATUS_LAG_MS[bench.dialect] + 100 - bench.now()))
    assert not bench.modem.status()


def test_status_is_low_in_psm(parked):
    assert not parked.modem.status()


@pytest.mark.parametrize(
    ("dialect", "ms", "resets"),
    [
        ("bg95", 300, False),
        ("bg95", 2_500, True),
        ("bg95", 4_500, False),
        ("sim7600", 50, False),
        ("sim7600", 300, True),
        ("sim7600", 2_500, False),
    ],
)
def test_only_a_pulse_of_the_right_length_resets(dialect, ms, resets):
    bench = ModemUnderTest(dialect)
    bench.boot()
    bench.run(10_000)
    bench.lines.clear()
    reset(bench, ms)
    assert bench.modem.status() is not resets
    bench.run(20_000)
    assert bench.modem.status() and ("RDY" in told(bench)) is resets


def test_a_bg95s_reset_line_is_its_power_key():
    bench = ModemUnderTest("bg95")
    bench.modem.rail(True)
    reset(bench, 2_500)
    bench.until("RDY", 5_000)
    reset(bench, 700)
    bench.until("POWERED DOWN", 10_000)
    assert not bench.modem.status()


def test_a_reset_does_not_turn_on_a_sim7600_that_is_off():
    bench = ModemUnderTest("sim7600")
    bench.modem.rail(True)
    reset(bench, 300)
    bench.run(20_000)
    assert not bench.modem.status() and states(bench) == []
