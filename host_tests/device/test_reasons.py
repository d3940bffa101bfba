"""The whole decision table: each reason and each rule has a wake of its own."""

from locator import state as st
from locator.scheduler import decide
from reasons import CASES


def rule_of(state, senses, hints):
    """The first rule that applies, its place in the table; -1 when none does."""
    state[st.WAITING] = hints[0] + (1 if state[st.DID_FIX] and not state[st.DID_RECORD] else 0)
    for i in range(len(decide.RULES)):
        if decide.RULES[i](state, senses, hints):
            return i
    return -1


def test_each_reason_is_given_where_it_applies():
    for reason, kind, _, wake in CASES:
        action = decide.next(*wake())
        assert (action.reason, action.kind) == (reason, kind), (reason, action.reason, action.kind)


def test_each_rule_of_the_table_has_its_turn():
    for reason, _, rule, wake in CASES:
        assert rule_of(*wake()) == rule, (reason, rule)
    assert {rule for _, _, rule, _ in CASES} == set(range(-1, len(decide.RULES)))
