"""A part of the power cuts, and that they would notice a fault."""

import pytest

from host_tests.support.micropython import compiled_firmware
from tools.verify.powercut import powercut
from tools.verify.powercut.mutants import ALL, lay_down
from tools.verify.powercut.process import run

pytestmark = pytest.mark.slow


def test_nothing_promised_is_lost_in_some_hundred_cuts():
    results = list(powercut.run_all(compiled_firmware(), seed=7, cuts=350))
    assert [result.subject for result in results] == [*powercut.SUBJECTS]
    assert all(result.cuts >= 40 and 10 < result.torn < 110 for result in results)
    assert [violation for result in results for violation in result.violations] == []


FOUND = {
    "numbers are not reserved": (200, "given twice"),
    "a record is cut short": (50, "lost or changed"),
    "thinned records are not counted": (300, "counted"),
    "a command is done before it is noted": (60, "done"),
    "settings are never on trial": (10, "confirmed by the session"),
    "a release is not verified": (10, "half a release"),
    "a release is good as soon as it is there": (10, "does not report"),
}
"""Some of the mutants: how many cuts show each, and what is said then."""


@pytest.mark.parametrize("mutant", [pytest.param(each, id=each.fault) for each in ALL if each.fault in FOUND])
def test_a_mutant_is_found(tmp_path, mutant):
    cuts, said = FOUND[mutant.fault]
    lay_down(mutant, compiled_firmware(), tmp_path)
    result = run(tmp_path, mutant.subject, seed=7, cuts=cuts)
    assert any(said in violation for violation in result.violations), result.violations


def test_every_mutant_can_be_made(tmp_path):
    for mutant in ALL:
        lay_down(mutant, compiled_firmware(), tmp_path / mutant.fault)
