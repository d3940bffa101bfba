"""The soak: what counts as what, budgets that break, and a slice of it with everything."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import simpy
from rich.console import Console

from host_tests.support.figures import GOOD
from host_tests.support.simulated_modem import HOST, TestAir
from tools.modem import Modem
from tools.modem.link.mqtt import LockStepNetwork
from tools.modem.registry import Dialect
from tools.verify.soak import budgets, soak
from tools.verify.soak.budgets import DAY, HOUR, MIN, Row, hasty, least_apart_s, most
from tools.verify.soak.soak import Soaked
from tools.verify.soak.watch import Passed, Try, Watch

pytestmark = pytest.mark.slow


class Rig:
    """A simulated modem under watch; its board is `awake` or not."""

    def __init__(self, dialect: Dialect) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.air = TestAir(self.env, dialect)
        network: Any = LockStepNetwork({HOST: ("127.0.0.1", 1)}, lambda: False)
        self.modem = Modem(self.env, dialect, self.air, network, random.Random(1), lambda part, state: None)
        self.awake = True
        self.counters = SimpleNamespace(wakes=1)
        self.watch = Watch()
        stage: Any = SimpleNamespace(
            modem=self.modem,
            network=network,
            device=SimpleNamespace(counters=self.counters),
            trip=SimpleNamespace(
                env=self.env, meter=SimpleNamespace(state_of=lambda part: "active" if self.awake else "sleep")
            ),
        )
        self.watch.follow(stage)

    def pass_s(self, seconds: int) -> None:
        self.env.run(self.env.now + 1_000 * seconds)

    def press(self) -> None:
        self.modem.key(True)
        self.pass_s(1)
        self.modem.key(False)
        self.pass_s(20)

    def say(self, line: str, wait_s: int = 60) -> None:
        self.modem.receive(f"{line}\r".encode())
        self.pass_s(wait_s)

    def start(self) -> None:
        self.modem.rail(True)
        self.press()


def test_the_worst_window_slides() -> None:
    times = [0, 10, 20, 59, 61, 70]
    assert most(times, 60) == 4
    assert most(times, 61) == 5  # 10 to 70
    assert most([5, 5, 5], 1) == 3
    assert most([0, 60], 60) == 1
    assert most([], 60) == 0
    assert most([20, 0, 70], 60, [7, 1, 9]) == 16


def test_the_least_time_between_two() -> None:
    assert least_apart_s([90_000, 0, 61_000]) == 29
    assert least_apart_s([5]) is None


def refusal(ms: int, cause: int) -> Try:
    return Try(ms, True, "26201", "lte", cause, accepted=False)


def test_an_attempt_too_soon_after_a_permanent_refusal() -> None:
    tries = [refusal(0, 8), refusal(HOUR, 8), refusal(5 * HOUR - 1, 22)]
    assert hasty(tries) == [5 * HOUR - 1]
    assert hasty([refusal(0, 8), refusal(HOUR, 8), refusal(5 * HOUR, 8), refusal(13 * HOUR, 8)]) == []
    assert hasty([refusal(0, 15), refusal(1, 22), refusal(2, 11)]) == []


def test_a_registration_resets_the_back_off() -> None:
    taken = Try(HOUR, True, "26201", "lte", 0, accepted=True)
    assert hasty([refusal(0, 3), taken, refusal(2 * HOUR, 3), refusal(3 * HOUR, 3)]) == []
    assert hasty([refusal(0, 3), refusal(HOUR, 3), refusal(3 * HOUR, 3)]) == [3 * HOUR]


@pytest.mark.parametrize(
    ("what", "watch"),
    [
        ("attaches, hour", Watch(attaches=[i * 5 * MIN for i in range(11)])),
        ("attaches, day", Watch(attaches=[i * 50 * MIN for i in range(26)])),
        ("seconds between two attaches", Watch(attaches=[0, 59_000])),
        ("registrations tried, day", Watch(tries=[refusal(i, 0) for i in range(721)])),
        (
            "LTE-M, NB-IoT attaches tried, day",
            Watch(tries=[refusal(i, 0)._replace(rat="emtc") for i in range(25)]),
        ),
        ("PDP contexts asked for, hour", Watch(contexts=[i * 59_000 for i in range(61)])),
        ("modem resets, hour", Watch(resets=[0, HOUR - 1])),
        ("messages, day", Watch(messages=[i * 10 * MIN for i in range(121)])),
        ("too soon after a permanent refusal", Watch(tries=[refusal(0, 6), refusal(1, 6)])),
    ],
)
def test_each_budget_can_break(what: str, watch: Watch) -> None:
    broken = [row.what for row in budgets.table(watch) if not row.kept]
    assert broken == [what]


def test_bytes_of_a_month_can_break_their_budget() -> None:
    watch = Watch()
    watch.passed = [Passed(day * DAY, 340_000) for day in range(45)]
    (row,) = [row for row in budgets.table(watch) if not row.kept]
    assert (row.what, row.worst) == ("MB in 30 days", 10.2)


def test_a_quiet_trip_breaks_nothing() -> None:
    assert all(row.kept for row in budgets.table(Watch()))


def test_missed_requirements_of_a_run_are_named() -> None:
    rows = [Row("attaches, day", 25, 24, "N11"), Row("messages", 3, 120)]
    done = Soaked("bg95", 7, rows, {}, replace(GOOD, lost=1, points_a_day=3.5, longest_silence_h=300.0))
    assert done.violations() == 1
    assert done.short() == [
        "bg95 seed 7: attaches, day 25, allowed 24",
        "bg95 seed 7: lost 1, must be 0",
        "bg95 seed 7: points a day 3.5, must be at least 12",
    ]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_each_time_the_radio_goes_on_is_one_attach(dialect: Dialect) -> None:
    rig = Rig(dialect)
    rig.start()
    rig.pass_s(120)
    assert (len(rig.watch.attaches), len(rig.watch.own_attaches)) == (1, 0)
    assert [each.accepted for each in rig.watch.tries] == [True]
    rig.say("AT+CFUN=4")
    rig.say("AT+CFUN=1", 120)
    assert len(rig.watch.attaches) == 2
    assert rig.watch.resets == []


def test_a_search_without_a_request_is_no_attach() -> None:
    rig = Rig("bg95")
    rig.air.audible = []
    rig.start()
    rig.pass_s(600)
    assert rig.watch.attaches == [] == rig.watch.tries


def test_each_network_that_refuses_is_a_try_with_its_cause() -> None:
    rig = Rig("sim7600")
    rig.air.causes = {"26201": 11, "26202": 15, "26203": 13}
    rig.start()
    rig.pass_s(300)
    assert len(rig.watch.attaches) == 1
    assert {each.plmn: each.cause for each in rig.watch.tries} == rig.air.causes
    assert not any(each.accepted for each in rig.watch.tries)


def test_attempts_of_the_modem_itself_are_counted_apart() -> None:
    rig = Rig("bg95")
    rig.start()
    rig.pass_s(120)
    audible, rig.air.audible = rig.air.audible, []
    rig.pass_s(60)
    rig.air.audible = audible
    rig.pass_s(300)
    assert (len(rig.watch.attaches), len(rig.watch.own_attaches)) == (1, 1)
    (row,) = [row for row in budgets.table(rig.watch) if row.what.startswith("LTE-M")]
    assert row.worst == 2  # begun by either side


def test_messages_through_a_socket_are_counted() -> None:
    rig = Rig("bg95")
    observer = rig.modem.unit.observer
    publish = b"\x32\xc8\x01" + bytes(200)
    sent = b"\x10\x02ab" + publish + b"\xc0\x00" + publish + b"\x40\x02\x00\x01"
    for i in range(len(sent)):
        observer.sends(sent[i : i + 1], i == 0)
    assert len(rig.watch.messages) == 2
    observer.sends(publish[:7], first=True)
    observer.sends(publish, first=True)
    assert len(rig.watch.messages) == 3


def test_contexts_asked_for_are_counted_granted_or_not() -> None:
    rig = Rig("bg95")
    rig.start()
    rig.pass_s(120)
    rig.say('AT+QICSGP=1,1,"iot"')
    rig.say("AT+QIACT=1")
    rig.say("AT+QIDEACT=1")
    rig.modem.unit.pdp.refusal = 27
    rig.say("AT+QIACT=1")
    assert len(rig.watch.contexts) == 2


def test_service_that_is_gone_when_gnss_gives_the_receiver_back_is_the_modem_s_own_matter() -> None:
    rig = Rig("bg95")
    rig.start()
    rig.pass_s(120)
    rig.say("AT+QGPS=1", 60)
    home = rig.watch.tries[-1].plmn
    rig.air.audible = [cell for cell in rig.air.audible if cell.plmn != home]
    rig.say("AT+QGPSEND", 300)
    assert (len(rig.watch.attaches), len(rig.watch.own_attaches)) == (1, 1)


def test_resets_are_cuts_commands_and_second_starts() -> None:
    rig = Rig("sim7600")
    rig.start()
    rig.modem.rail(False)
    assert len(rig.watch.resets) == 1
    rig.counters.wakes = 2
    rig.start()
    rig.say("AT+CRESET")
    assert len(rig.watch.resets) == 2
    rig.counters.wakes = 3
    rig.say("AT+CPOF")
    rig.press()
    assert len(rig.watch.resets) == 2  # goodbye, and the first start of the next wake
    rig.say("AT+CPOF")
    rig.press()
    assert len(rig.watch.resets) == 3


def test_two_days_of_each_trip(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    monkeypatch.setattr(soak, "TRIPS", (("bg95", ()), ("sim7600", soak.NOT_PACED)))
    done = soak.soak(tmp_path, 2, 1, Console(quiet=True))
    # Two days hold too few points to carry the bytes of their first sessions, and too few wakes for
    # their costs to be those of the mean.
    long_term = ("bytes a point", "account percent")
    short = [line for each in done for line in each.short() if not any(what in line for what in long_term)]
    assert short == []
    for each in done:
        rows = {row.what: row.worst for row in each.rows}
        assert rows["attaches, day"] > 0
        assert rows["messages, day"] > 0
        assert rows["MB in 30 days"] > 0
        assert 0 < each.figures.radio_waits_percent < 5
        assert 85 <= each.figures.account_percent <= 115
