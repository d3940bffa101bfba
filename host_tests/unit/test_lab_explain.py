from importlib import import_module

from tools.lab import explain
from tools.lab.plan import decide


def test_the_page_shows_the_decision_table_of_the_firmware():
    assert explain.BEGIN + explain.markdown() + explain.END in explain.PAGE.read_text(encoding="utf-8")


def test_every_rule_and_every_reason_is_explained():
    assert len(explain.rules()) == len(decide.RULES) and all(words for _, words in explain.rules())
    numbers = [number for number, _, _ in explain.reasons()]
    assert numbers == sorted(set(numbers)) and len(numbers) > 25


def test_every_reason_has_a_wake_in_the_tests():
    """host_tests/device/test_reasons.py lives through them."""
    cases = import_module("reasons").CASES
    assert {case[0] for case in cases} == {number for number, _, _ in explain.reasons()}
