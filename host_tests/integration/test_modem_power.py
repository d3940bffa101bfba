"""Rail, power key, boot, power-down, sleep and PSM, and what the meter gets."""

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


def received(modem: ModemUnderTest) -> list[str]:
    return [text for _, way, text in modem.lines if way == "<"]


def states(modem: ModemUnderTest, part: str = "modem") -> list[str]:
    return [state for _, name, state in modem.states if name == part]


@pytest.fixture(params=DIALECTS)
def modem(request) -> ModemUnderTest:
    return ModemUnderTest(request.param)


def test_boot(modem):
    modem.boot()
    modem.run(6_000)
    assert received(modem) == BOOT[modem.dialect]
    assert states(modem)[:2] == ["boot", "idle"] or states(modem)[:2] == ["boot", "search"]


def test_boot_takes_its_time():
    limits: dict[Dialect, tuple[int, int]] = {"bg95": (2_100, 3_100), "sim7600": (9_900, 14_600)}
    for dialect, (low, high) in limits.items():
        times = set()
        for seed in range(5):
            modem = ModemUnderTest(dialect, seed=seed)
            modem.boot()
            times.add(modem.now())
        assert len(times) > 1 and low <= min(times) and max(times) <= high, dialect


def test_deaf_while_it_boots(modem):
    modem.simulated.rail(True)
    modem.press()
    modem.simulated.receive(b"AT\r")
    modem.run(1_000)
    assert not modem.output


def test_a_short_pulse_does_nothing(modem):
    modem.simulated.rail(True)
    modem.press(400)
    modem.run(30_000)
    assert modem.states == [] and not modem.output


def test_no_supply_no_boot(modem):
    modem.press()
    modem.run(30_000)
    assert modem.states == []


def test_the_key_also_turns_off(modem):
    modem.boot()
    modem.press()
    modem.until(OFF[modem.dialect][1], 10_000)
    assert states(modem)[-1] == "off"


def test_off_by_command(modem):
    modem.boot()
    command, farewell = OFF[modem.dialect]
    assert modem.send(command)[-1] == "OK"
    modem.until(farewell, 10_000)
    modem.simulated.receive(b"AT\r")
    modem.run(1_000)
    assert states(modem)[-1] == "off" and received(modem)[-1] == farewell
    modem.press()
    modem.until("RDY", 20_000)


def test_a_cut_rail_ends_everything(modem):
    modem.boot()
    modem.until_registered()
    said = len(received(modem))
    modem.simulated.rail(False)
    modem.run(3_600_000)
    assert states(modem)[-1] == "off" and len(received(modem)) == said


def test_a_restart_by_command(modem):
    modem.boot()
    modem.until_registered()
    modem.send("AT+CMEE=1")
    registrations = len(modem.air.registrations)
    modem.send("AT+CFUN=1,1")
    modem.until("RDY", 20_000)
    modem.until_registered()
    assert len(modem.air.registrations) == registrations + 1
    assert modem.send("AT+CMEE?")[-2:] == ["+CMEE: 0", "OK"]


def test_sleep_by_dtr(modem):
    modem.boot()
    modem.until_registered()
    modem.send("AT+CFUN=4")
    modem.send("AT+QSCLK=1" if modem.dialect == "bg95" else "AT+CSCLK=1")
    modem.simulated.dtr(True)
    modem.run(30_000)
    assert states(modem)[-1] == "sleep"
    modem.output.clear()
    modem.simulated.receive(b"AT\r")
    modem.run(1_000)
    assert not modem.output
    modem.simulated.dtr(False)
    modem.simulated.receive(b"A")  # lost
    assert modem.send("AT")[-1] == "OK"
    assert states(modem)[-1] == "idle"


@pytest.fixture
def in_psm() -> ModemUnderTest:
    """A BG95 in PSM: T3412 12 h, T3324 20 s."""
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send('AT+QCFG="psm/urc",1')
    modem.send('AT+CPSMS=1,,,"00101100","00001010"')
    modem.until_registered()
    modem.send('AT+QCFG="psm/enter",1')
    modem.until("POWER DOWN", 25_000)
    return modem


def test_psm_at_once(in_psm):
    assert states(in_psm)[-1] == "psm"
    assert "+QPSMTIMER: 43200,20" in received(in_psm)
    in_psm.simulated.receive(b"AT\r")
    in_psm.run(1_000)
    assert not in_psm.output


def test_psm_keeps_the_registration(in_psm):
    registrations = len(in_psm.air.registrations)
    in_psm.run(3_600_000)
    in_psm.press()
    in_psm.until("RDY", 5_000)
    in_psm.until_registered(10_000)
    assert len(in_psm.air.registrations) == registrations
    assert "search" in states(in_psm) and in_psm.time_in("modem")["psm"] >= 3_600_000


def test_psm_is_left_for_the_periodic_update_and_entered_again(in_psm):
    in_psm.run(43_100_000)
    assert states(in_psm)[-1] == "psm"
    in_psm.run(200_000)
    assert states(in_psm)[-1] == "psm"
    assert states(in_psm).count("boot") == 2
    times_ms = in_psm.time_in("modem")
    assert times_ms["idle"] + times_ms["connected"] + times_ms["search"] < 90_000


def test_psm_after_the_active_time():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send('AT+CPSMS=1,,,"00101100","00001010"')
    modem.until_registered()
    since = modem.now()
    while states(modem)[-1] != "psm":
        assert modem.now() < since + 60_000
        modem.run(500)
    assert modem.now() - since > 20_000


def test_gnss_defers_psm():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send('AT+CPSMS=1,,,"00101100","00000001"')
    modem.send("AT+QGPS=1")
    modem.until_registered()
    modem.run(600_000)
    assert "psm" not in states(modem)
    modem.send("AT+QGPSEND")
    modem.run(5_000)
    assert states(modem)[-1] == "psm"


def test_no_psm_without_service():
    modem = ModemUnderTest("bg95")
    modem.air.audible = []
    modem.boot()
    modem.send('AT+CPSMS=1,,,"00101100","00000001"')
    assert modem.send('AT+QCFG="psm/enter",1')[-1] == "OK"
    modem.run(300_000)
    assert "psm" not in states(modem)


def test_no_psm_on_gsm():
    modem = ModemUnderTest("bg95")
    modem.air.audible = [cell for cell in modem.air.audible if cell.rat == "gsm"]
    modem.boot()
    modem.send('AT+CPSMS=1,,,"00101100","00000001"')
    deadline = modem.now() + 300_000
    while modem.send("AT+CREG?")[-2] != "+CREG: 0,5":
        assert modem.now() < deadline
        modem.run(1_000)
    modem.run(60_000)
    assert "psm" not in states(modem)


STATUS_LAG_MS = {"bg95": 0, "sim7600": 25_000}
"""STATUS of a SIM7600 falls long after its last line."""


def reset(modem: ModemUnderTest, ms: int) -> None:
    modem.simulated.reset(True)
    modem.run(ms)
    modem.simulated.reset(False)


def test_status_is_high_while_the_modem_is_on(modem):
    modem.simulated.rail(True)
    assert not modem.simulated.status()
    modem.press()
    assert not modem.simulated.status()  # it rises when the firmware is ready
    modem.until("RDY", 20_000)
    assert modem.simulated.status()
    order, line = OFF[modem.dialect]
    ordered = modem.now()
    modem.send(order)
    assert modem.simulated.status()
    modem.until(line, 65_000)
    assert modem.simulated.status() is bool(STATUS_LAG_MS[modem.dialect])
    modem.run(max(1, ordered + STATUS_LAG_MS[modem.dialect] + 100 - modem.now()))
    assert not modem.simulated.status()


def test_status_is_low_in_psm(in_psm):
    assert not in_psm.simulated.status()


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
    modem = ModemUnderTest(dialect)
    modem.boot()
    modem.run(10_000)
    modem.lines.clear()
    reset(modem, ms)
    assert modem.simulated.status() is not resets
    modem.run(20_000)
    assert modem.simulated.status() and ("RDY" in received(modem)) is resets


def test_a_bg95s_reset_line_is_its_power_key():
    modem = ModemUnderTest("bg95")
    modem.simulated.rail(True)
    reset(modem, 2_500)
    modem.until("RDY", 5_000)
    reset(modem, 700)
    modem.until("POWERED DOWN", 10_000)
    assert not modem.simulated.status()


def test_a_reset_does_not_turn_on_a_sim7600_that_is_off():
    modem = ModemUnderTest("sim7600")
    modem.simulated.rail(True)
    reset(modem, 300)
    modem.run(20_000)
    assert not modem.simulated.status() and states(modem) == []
