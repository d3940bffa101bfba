"""A slice of the power cuts; and that the campaign would notice."""

from tools.campaign import powercut
from tools.flash.layout import FIRMWARE, copy_module, modules


def test_nothing_promised_is_lost_in_two_hundred_cuts():
    (result,) = powercut.campaign(seed=7, cuts=200)
    assert result.cuts == 200
    assert 50 < result.torn < 150
    assert result.violations == []


def test_a_ledger_that_reserves_nothing_is_found_out(tmp_path):
    for source in modules(FIRMWARE / "locator"):
        copy_module(source, tmp_path / source.relative_to(FIRMWARE))
    ledger = tmp_path / "locator" / "journal" / "ledger.py"
    ledger.write_text(ledger.read_text().replace("_RESERVE = const(64)", "_RESERVE = const(0)"))
    result = powercut.run(tmp_path, seed=7, cuts=200)
    assert any("given twice" in violation for violation in result.violations)


def test_an_append_that_only_remembers_is_found_out(tmp_path):
    for source in modules(FIRMWARE / "locator"):
        copy_module(source, tmp_path / source.relative_to(FIRMWARE))
    store = tmp_path / "locator" / "journal" / "store.py"
    text = store.read_text()
    assert "f.write(self._buf)" in text
    store.write_text(text.replace("f.write(self._buf)", "f.write(self._buf[:40])"))
    result = powercut.run(tmp_path, seed=7, cuts=50)
    assert any("lost or changed" in violation for violation in result.violations)


def test_a_thinning_that_is_not_counted_is_found_out(tmp_path):
    for source in modules(FIRMWARE / "locator"):
        copy_module(source, tmp_path / source.relative_to(FIRMWARE))
    thinning = tmp_path / "locator" / "journal" / "thinning.py"
    text = thinning.read_text()
    assert "thinned += len(good) - len(chosen)" in text
    thinning.write_text(text.replace("thinned += len(good) - len(chosen)", "thinned += 0"))
    result = powercut.run(tmp_path, seed=7, cuts=200)
    assert any("counted" in violation for violation in result.violations)
