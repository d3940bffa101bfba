"""A small fleet from nothing delivers everything, and what is short would be said."""

from dataclasses import replace

import pytest

from tools.verify.fleet import fleet
from tools.verify.fleet.fleet import Found


def test_a_small_fleet_delivers_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_CLOCK_FILE", "")  # undone at the end
    found = fleet.run(tmp_path / "fleet", 3, 1)
    found.import_s = 0.0  # how soon depends on the machine
    assert found.short(3, 1) == []
    assert found.records == found.stored > 2 * 96 and found.records_of_firmware > 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": 1}, "missing 1, not 0"),
        ({"broker_users": 2}, "broker_users 2, not 3"),
        ({"retired_refused": 0}, "retired_refused 0, not 1"),
        ({"stored": 9}, "stored 9, not 10"),
        ({"import_s": 31.0}, "31.0 s for the devices"),
        ({"records_of_firmware": 0}, "the firmware recorded hardly anything"),
    ],
)
def test_each_unmet_expectation_is_reported(changes, said):
    good = Found(3, 1.0, 3, 3, 10, 5, 10, retired_refused=1)
    assert good.short(3, 1) == []
    assert replace(good, **changes).short(3, 1) == [said]
