"""Use of the flash in a wake: counted at the block device, by kind of wake."""

from tools.world.device import reads
from tools.world.device.reads import BUDGETS, Counts


def test_a_wake_of_the_real_firmware_stays_within_its_budget():
    found = reads.measure("bg95", 3)
    assert len(found["first"]) == 1 and sum(map(len, found.values())) > 3
    came = {kind for kind, wakes in found.items() if wakes}
    assert [line for line in reads.fell_short(found) if line.split(":")[0] in came] == []
    assert all(
        each.reads > 300 for wakes in found.values() for each in wakes
    )  # the mount alone takes so many


def test_a_wake_beyond_its_budget_or_a_missing_kind_is_named():
    found = {kind: [Counts(100, 1, 0, 0)] for kind in BUDGETS}
    assert reads.fell_short(found) == []
    found["fix"] = [*[Counts(100, 1, 0, 0)] * 99, Counts(1501, 1, 3, 4609)]
    found["timer"] = []
    assert reads.fell_short(found) == [
        "timer: no such wake came",
        "fix: 1,501 reads, 1,500 are allowed; 1 of 100 wakes took more",
        "fix: 3 erases, 2 are allowed; 1 of 100 wakes took more",
        "fix: 4,609 bytes written, 4,608 are allowed; 1 of 100 wakes took more",
    ]


def test_a_wake_that_fell_short_fails_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    kinds = {kind: [Counts(9999, 1, 0, 0)] for kind in BUDGETS}
    monkeypatch.setattr(reads, "measure", lambda modem: kinds)
    assert reads.main() == 1
    assert (
        "bg95, first: 9,999 reads" in capsys.readouterr().err and (tmp_path / "out" / "reads.json").exists()
    )
