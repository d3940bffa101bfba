"""The fault injector, and a part of the fault injection: every command of a wake with every fault."""

from __future__ import annotations

import random
import types

import pytest
from locator.modem import ModemSilent, make

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.faults import KINDS, LATE_MS, LONG_LINE, SILENCE_MS, Fault, FaultKind, FaultyLine
from tools.verify.faults import at_faults
from tools.verify.faults.wakes import Device

SLICE = 40
"""One cell in so many; `make at-faults` runs them all."""


class FaultyModem(ModemUnderTest):
    """A modem with the fault injector in its serial line."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__("bg95", seed=seed)
        self.line = FaultyLine(self.env, self.simulated, random.Random(seed))
        self.line.on_output = self.output.extend
        self.line.on_line = lambda direction, text: self.lines.append((self.now(), direction, text))
        self.simulated = self.line  # type: ignore[assignment]
        self.boot()
        self.send("ATE0")
        self.run(5_000)

    def answer(self, kind: FaultKind, command: str = "AT+CSQ", ms: int = 1_000) -> bytes:
        """What comes within `ms` when the fault strikes at `command`."""
        self.line.arm(Fault(kind, command))
        self.output.clear()
        self.line.receive(command.encode() + b"\r")
        self.run(ms)
        return bytes(self.output)


@pytest.fixture
def modem() -> FaultyModem:
    return FaultyModem()


WHOLE = b"\r\n+CSQ: 99,99\r\n\r\nOK\r\n"


def test_no_fault_changes_nothing(modem):
    assert modem.answer("garbage", "AT+CFUN?").count(b"OK") == 1
    assert modem.line.struck == 1
    modem.output.clear()
    modem.line.receive(b"AT+CSQ\r")
    modem.run(1_000)
    assert bytes(modem.output) == WHOLE


def test_split_into_single_bytes(modem):
    pieces: list[bytes] = []
    modem.line.on_output = pieces.append
    modem.answer("split")
    assert b"".join(pieces) == WHOLE
    assert {len(piece) for piece in pieces} == {1}


def test_unsolicited_lines_between_and_within(modem):
    between = modem.answer("interleaved")
    assert b"\r\n+CSQ: 99,99\r\n" in between and between.count(b"\r\n\r\n") > WHOLE.count(b"\r\n\r\n")
    assert len(modem.answer("torn")) > len(WHOLE)


def test_bytes_that_do_not_belong(modem):
    assert b"\x00" in modem.answer("nul")
    assert modem.answer("nul").replace(b"\x00", b"") == WHOLE
    assert len(modem.answer("garbage")) > len(WHOLE)
    assert modem.answer("long line") == b"\r\n" + LONG_LINE * b"x" + b"\r\n" + WHOLE
    assert b"OK" not in modem.answer("baud")


def test_final_results(modem):
    assert modem.answer("refused") == b"\r\nERROR\r\n"
    assert modem.answer("lost OK") == b"\r\n+CSQ: 99,99\r\n"
    assert modem.answer("late OK") == b"\r\n+CSQ: 99,99\r\n"
    modem.run(LATE_MS)
    assert bytes(modem.output) == WHOLE


def test_final_results_and_unsolicited_lines(modem):
    assert modem.answer("doubled final") == WHOLE + b"\r\nOK\r\n"
    assert modem.answer("ended call") == b"\r\nRING\r\n\r\nNO CARRIER\r\n" + WHOLE
    chatter = modem.answer("chatter")
    assert b"\r\n+CSQ: 99,99\r\n" in chatter and chatter.count(b"\r\n\r\n") >= 5


def test_the_line_that_follows_ok_is_lost(modem):
    modem.until_registered()
    assert modem.send('AT+QICSGP=1,1,"iot","","",0')[-1] == "OK"
    assert modem.send("AT+QIACT=1")[-1] == "OK"
    assert modem.answer("lost outcome", 'AT+QMTOPEN=0,"nowhere",1', 150_000).endswith(b"\r\nOK\r\n")


def test_silence_ends_by_itself_and_a_hang_with_the_supply(modem):
    assert modem.answer("silence") == b""
    modem.run(SILENCE_MS)
    assert modem.send("AT") == ["OK"]
    assert modem.answer("hang") == b""
    modem.press()
    modem.run(120_000)
    assert not modem.output
    modem.simulated.rail(False)
    modem.boot()
    assert modem.send("AT")[-1] == "OK"


def test_a_late_result_comes_after_the_answer(modem):
    assert modem.answer("hang later") == WHOLE
    modem.run(2_000)
    assert modem.answer("hang later", ms=5_000) == b""


def test_echo_until_it_is_turned_off(modem):
    assert modem.answer("echo") == b"AT+CSQ\r" + WHOLE
    assert modem.send("ATE0")[-1] == "OK"
    modem.output.clear()
    modem.line.receive(b"AT\r")
    modem.run(1_000)
    assert bytes(modem.output) == b"\r\nOK\r\n"


@pytest.mark.parametrize("kind", ["reboot", "baud", "babble"])
def test_all_is_well_after_a_boot(modem, kind):
    modem.answer(kind)
    if kind != "reboot":
        modem.simulated.rail(False)
        modem.simulated.rail(True)
        modem.press()
    modem.until("RDY", 20_000)
    assert modem.send("ATE0")[-1] == "OK"
    modem.output.clear()
    modem.line.receive(b"AT+CFUN?\r")
    modem.run(100)
    assert b"\r\n+CFUN: 1\r\n" in modem.output


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_line(kind):
    answers = []
    for _ in range(2):
        modem = FaultyModem(seed=7)
        answers.append(modem.answer(kind, ms=3_000))
    assert answers[0] == answers[1]


def test_strikes_the_nth_time_only(modem):
    modem.line.arm(Fault("refused", "AT+CSQ", nth=3))
    assert [modem.send("AT+CSQ")[-1] for _ in range(4)] == ["OK", "OK", "ERROR", "OK"]


def test_faults_are_in_the_transcript(modem):
    modem.answer("lost OK")
    assert ("!", "lost OK") in [line[1:] for line in modem.lines]


def test_a_slice_of_all_commands_with_all_faults():
    cells = at_faults.cells(seed=1)
    assert len({cell.command for cell in cells}) > 80
    outcomes = at_faults.run_all(cells[::SLICE] + cells[3::SLICE], seed=1)
    assert [outcome for outcome in outcomes if outcome.failure] == []


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_modem_that_hangs_at_power_on_is_cut_and_started_again(dialect):
    device = Device(dialect, "hang")
    device.port.line.arm(Fault("hang", "AT"))
    result = device.wake("first")
    assert result.registered and result.echoed and not result.errors


def test_a_modem_that_never_answers_does_not_drain_the_battery_through_the_pause():
    device = Device("bg95", "dead")
    rails: list[bool] = []
    device.port.line.receive = lambda data: None  # type: ignore[method-assign]
    device.port.line.rail = rails.append  # type: ignore[method-assign, assignment]
    result = device.wake("next")
    assert result.errors and rails[-1] is False


@pytest.mark.parametrize("wait", ["sleeps", "reads", "asks"])
def test_a_driver_that_waits_for_ever_is_found(monkeypatch, wait):
    def cell(driver):
        while True:
            if wait == "sleeps":
                driver.port.sleep_ms(1_000)
            elif wait == "asks":
                driver.channel.command(b"+CSQ", 1_000)
            else:
                driver.port.uart_readinto(bytearray(1), 0)

    monkeypatch.setattr("locator.modem.bg95.driver.Modem.cell", cell)
    result = Device("bg95", "slow").wake("next")
    assert result.hang == "cell"


def test_an_exception_that_is_not_ours_is_found(monkeypatch):
    def cell(driver):
        return b"".decode("ascii")[3]

    monkeypatch.setattr("locator.modem.bg95.driver.Modem.cell", cell)
    outcome = at_faults.run(at_faults.Cell("bg95", "next", "AT+CEREG?", "split"), seed=1)
    assert outcome.failure == "struck wake: IndexError: string index out of range"
    assert at_faults.figures([outcome])["failures"] == 1


def test_a_hang_ends_with_a_reset_of_the_right_length(modem):
    assert modem.answer("hang") == b""
    for ms, answers in ((1_000, False), (4_500, False), (2_500, True)):
        modem.line.reset(True)
        modem.run(ms)
        modem.line.reset(False)
        modem.output.clear()
        modem.run(5_000)
        assert (b"RDY" in modem.output) is answers
    assert modem.send("AT")[-1] == "OK"


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_modem_that_hangs_on_a_board_without_a_rail_is_reset_and_powered_off(dialect):
    device = ModemUnderTest(dialect, has_lines=True)
    line = FaultyLine(device.env, device.simulated, random.Random(1))
    line.on_output = device.output.extend
    device.simulated = line  # type: ignore[assignment]
    line.rail(True)
    device.modem_rail = lambda on: False  # type: ignore[assignment, method-assign]
    driver = make(types.SimpleNamespace(MODEM=dialect, apn=b"iot"), device)
    driver.start(False, False)
    line.arm(Fault("hang", "AT+CGSN"))
    with pytest.raises(ModemSilent):
        driver.identity()
    driver.start(False, False)
    driver.await_card()
    assert driver.identity()[0].isdigit()
    line.arm(Fault("hang", "AT+CPOF" if dialect == "sim7600" else "AT+QPOWD=1"))
    with pytest.raises(ModemSilent):
        driver.stop(False)
    driver.cut_supply()  # as the wake does
    device.run(30_000)
    assert not line.status() and not driver.on
