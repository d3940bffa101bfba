"""A slice of the power cuts; and that the campaign would notice."""

import pytest

from tools.campaign import powercut
from tools.flash.layout import FIRMWARE, copy_module, modules


def test_nothing_promised_is_lost_in_three_hundred_cuts():
    results = list(powercut.campaign(seed=7, cuts=310))
    assert [result.subject for result in results] == [*powercut.SUBJECTS]
    assert all(result.cuts >= 40 and 10 < result.torn < 110 for result in results)
    assert [violation for result in results for violation in result.violations] == []


CARELESS = [
    ("journal", 200, "journal/ledger.py", "_RESERVE = const(64)", "_RESERVE = const(0)", "given twice"),
    ("journal", 50, "journal/store.py", "f.write(self._buf)", "f.write(self._buf[:40])", "lost or changed"),
    ("journal", 300, "journal/thinning.py", "thinned += len(good) - len(chosen)", "thinned += 0", "counted"),
    ("commands", 60, "orders/commands.py", " entry = [n", " _DO[verb](desk, 0)\n    entry = [n", "done"),
]
"""(subject, cuts, module, what stands there, what a careless one has in its place, what is said)"""


@pytest.mark.parametrize(("subject", "cuts", "module", "careful", "careless", "said"), CARELESS)
def test_a_careless_firmware_is_found_out(tmp_path, subject, cuts, module, careful, careless, said):
    for source in modules(FIRMWARE):
        copy_module(source, tmp_path / source.relative_to(FIRMWARE))
    path = tmp_path / "locator" / module
    text = path.read_text()
    assert careful in text
    path.write_text(text.replace(careful, careless))
    result = powercut.run(tmp_path, subject, seed=7, cuts=cuts)
    assert any(said in violation for violation in result.violations), result.violations
