"""A slice of the switches that are disturbed; whole switches on a device with the real wake; and that the
check would notice."""

from __future__ import annotations

import json

import pytest
from locator.esim import memory
from locator.scheduler import profile

from tools.verify.esim import switchcut
from tools.verify.esim.device import CIS, EUROPE, IMSIS, NEVER, ROAMING, Machine, policy
from tools.verify.esim.switchcut import COURSES, Case, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_every_course_ends_where_it_should(course, dialect):
    ended = run(Case(course, dialect, "", NEVER))
    assert 0 < ended.wakes <= 5 and ended.as_meant and not ended.broken


def test_no_device_is_stranded(monkeypatch):
    monkeypatch.setattr(switchcut, "COURSES", COURSES[3::4])
    ended = [run(case) for case in switchcut.cases(1, 241)]
    assert len(ended) > 5
    for each in ended:
        assert each.wakes and not each.broken, each


def test_a_stranded_device_is_found_out_and_keeps_to_its_budgets():
    course = switchcut.Course("nowhere", ROAMING, ROAMING, dead=(ROAMING, CIS, EUROPE))
    ended = run(Case(course, "bg95", "", NEVER))
    assert not ended.wakes and not ended.broken


def with_policy(tmp_path, desired: int, rows: list[list[int]], dialect="bg95") -> Machine:
    """A device that is on the roaming profile, and an agent that sends it a policy."""
    machine = Machine(tmp_path, dialect, ROAMING)
    machine.agent.policy = policy(7, desired, rows)
    return machine


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_switch_from_afar(tmp_path, dialect):
    machine = with_policy(tmp_path, EUROPE, [], dialect)
    assert machine.wake() and machine.used == IMSIS[ROAMING - 1]
    assert machine.wake() and machine.used == IMSIS[EUROPE - 1]
    assert machine.wake()
    report = machine.agent.reports[-1]
    assert (report[0], report[3], report[4]) == (7, EUROPE, profile.IDLE)
    assert report[2] == machine.card.eid and len(report[5]) == 3
    events = [event for each in machine.agent.reports for event in each[6]]
    assert [event[1:4] for event in events][:1] == [[ROAMING, EUROPE, memory.COMMITTED]]
    assert machine.agent.wrong == []


def test_a_desired_profile_that_cannot_connect_is_rolled_back(tmp_path):
    machine = with_policy(tmp_path, CIS, [])
    machine.world.causes = {IMSIS[CIS - 1]: 11}
    for _ in range(6):
        machine.wake()
    assert machine.used == IMSIS[ROAMING - 1]
    events = [event for each in machine.agent.reports for event in each[6]]
    outcomes = [event[3] for event in events]
    assert memory.NO_CONNECTION in outcomes and memory.ROLLED_BACK in outcomes
    assert machine.card.switches.count("8970101000000000012") == 1  # and is not tried again


def test_a_country_decides(tmp_path):
    machine = with_policy(tmp_path, 0, [[262, EUROPE]])
    assert machine.wake()
    assert machine.wake() and machine.used == IMSIS[EUROPE - 1]


def test_a_card_that_returns_to_its_first_profile_is_switched_again(tmp_path):
    machine = with_policy(tmp_path, 0, [[262, EUROPE]])
    for _ in range(2):
        machine.wake()
    machine.card.adopt(machine.card.profiles[0])
    assert machine.used == IMSIS[ROAMING - 1]
    for _ in range(5):  # two switches are two hours apart
        assert machine.wake()
    assert machine.used == IMSIS[EUROPE - 1]
    assert not any(report[3] == ROAMING and report[4] for report in machine.agent.reports)


def test_the_figures_are_written_and_a_stranded_device_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    case = Case(COURSES[0], "bg95", "power", 1)
    good = switchcut.Ended(case, 2, True, "", ("AT",))
    bad = switchcut.Ended(case, 0, False, "11 tries in 3600 s", ("AT",))
    assert switchcut.report([good]) == 0
    assert switchcut.report([good, bad]) == 1
    output = capsys.readouterr().out
    assert "power at 1 'AT'" in output and output.endswith("cases 2; budgets broken 1; stranded 1\n")
    assert json.loads((tmp_path / "out" / "switchcut.json").read_text())["stranded"] == 1
