"""A slice of the downloads that are measured and disturbed, and that the checks would notice."""

from __future__ import annotations

import pytest
from landbridge.features.downloads import rules

from tools.verify.downloads import downloadcut, downloads
from tools.verify.downloads.answers import ALL
from tools.verify.downloads.device import PIECE, Downloader, Reading, server_of_process
from tools.verify.downloads.downloadcut import MUTANTS, Case, run
from tools.verify.esim.device import NEVER

pytestmark = pytest.mark.slow
UNMARKED, UNVERIFIED = MUTANTS
CODES = {each.name: each for each in ALL}


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_the_notification_of_a_download_is_removed_without_a_policy(tmp_path, dialect):
    machine = Downloader(tmp_path, dialect, server_of_process(), 1_000)
    machine.agent.order()
    for _ in range(3):
        machine.wake()
        machine.agent.works()
    assert machine.copies() == [machine.digest] and machine.is_card_good()
    assert machine.agent.is_over() and machine.card.notifications == []
    machine.agent.database.close()


@pytest.mark.parametrize("name", ["matching-id", "package-mac"])
def test_each_injected_answer_ends_as_expected(name):
    come = downloads.answer("bg95", CODES[name])
    assert not come.short, come


def test_a_profile_download_costs_as_estimated():
    cost = downloads.cost("bg95", "emtc", 12_000)
    assert not cost.short and 60 < cost.counts.apdus < 90 and cost.counts.uplinks > 12


def test_a_package_for_which_the_messages_of_a_day_are_not_enough_is_not_begun(tmp_path):
    for size, outcome in ((52_500, "installed"), (53_000, "failed")):
        folder = tmp_path / outcome
        folder.mkdir()
        machine = Downloader(folder, "bg95", server_of_process(), size)
        machine.agent.order()
        for _ in range(2):
            machine.wake()
            machine.agent.works()
        assert machine.agent.row().outcome == outcome
        assert machine.copies() == [machine.digest] * (outcome == "installed")
        assert outcome == "installed" or "a device takes 54000" in machine.agent.shown()["problem"]
        machine.agent.database.close()


def test_too_many_joules_and_another_end_are_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dear = downloads.Cost("bg95", "emtc", 15_000, True, Reading(1, 1, 1, 1, 1, 1, 1, 1.0), 1.0, 99.0)
    come = downloads.Come("bg95", ALL[0], "", "it ends None")
    assert downloads.report([come], [dear]) == 1
    output = capsys.readouterr().out
    assert "99.0 J, at most 15.6 J" in output and "a part was left out" in output
    assert output.endswith("profiles 1; byte for byte 1; fell short 3\n")


def step(what: str) -> int:
    """The first of a download with this in it."""
    calm = downloadcut.run_case(Case("bg95", "", NEVER))[1]
    return next(at for at, each in enumerate(calm.steps, 1) if what in each)


@pytest.mark.parametrize("kind", ["power", "reset", "modem", "answer"])
def test_a_cut_in_a_load_damages_no_card(kind):
    ended = run(Case("bg95", kind, step("BF36") + 1))
    assert not ended.wrong and ended.outcome == "installed" and ended.loads <= 2, ended


@pytest.mark.parametrize("kind", ["power", "reset"])
@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_nothing_of_a_package_stays_after_a_cut_at_the_last_steps(dialect, kind):
    last = len(downloadcut.run_case(Case(dialect, "", NEVER))[1].steps)
    ended = [run(Case(dialect, kind, at)) for at in (last - 1, last)]
    assert [each.operation for each in ended] == ["remove package", "remove answers"]
    assert [each.wrong for each in ended] == ["", ""]


def test_nothing_of_a_package_stays_if_its_order_ends_while_the_power_is_off(tmp_path):
    after_a_piece = step(PIECE) + 1
    machine = Downloader(tmp_path, "bg95", server_of_process(), 2_500)
    agent = machine.agent
    agent.order()
    machine.at, machine.kind = after_a_piece, "power"
    for _ in range(4):
        machine.wake()
        if (tmp_path / "package").exists():
            break
    assert (tmp_path / "package").exists()
    with agent.database.writing() as connection:
        rules.cancel(connection, agent.row(), "bench", agent.now_s())
    machine.wake()
    assert not (tmp_path / "package").exists() and not (tmp_path / "answers").exists()
    assert machine.copies() == [] and machine.is_card_good()
    agent.database.close()


def test_loads_that_are_always_cut_end_with_a_sentence():
    ended = run(Case("bg95", "power", 3, again=True))
    assert not ended.wrong and ended.outcome == "failed" and ended.problem and ended.loads == 2, ended


def test_a_package_that_is_not_verified_is_found_out():
    piece = step(PIECE)
    ended = run(Case("bg95", "rot", piece))
    assert not ended.wrong and ended.operation == PIECE
    assert run(Case("bg95", "rot", piece, mutant=UNVERIFIED)).wrong


def test_a_load_that_is_not_marked_is_found_out():
    ended = run(Case("bg95", "power", 3, again=True, mutant=UNMARKED))
    assert ended.wrong == "too many loads"
