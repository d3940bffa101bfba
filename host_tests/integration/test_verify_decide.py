"""The heap that a decision occupies, on states of a real trip; time is not checked, as it depends on the
machine."""

import dataclasses
import json

import pytest

from tools.verify.benchmarks import decide
from tools.verify.benchmarks.decide import MOST_LEFT_BYTES, MOST_MS, MOST_STATE_BYTES, fell_short, note, weigh


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """The decisions of two days."""
    return note(tmp_path_factory.mktemp("decide") / "trip", "bg95", 1, 2)


def test_a_decision_leaves_little_on_the_heap_and_is_the_same_again(notes):
    cost = weigh(notes)
    assert cost.decisions > 50
    assert 0 < cost.worst_left_bytes <= MOST_LEFT_BYTES
    assert cost.state_bytes <= MOST_STATE_BYTES
    assert cost.otherwise == 0


def test_a_decision_that_comes_out_otherwise_is_seen(notes, tmp_path):
    lines = notes.read_text().splitlines()[:5]
    result = json.loads(lines[3])
    result[-1][1] += 1
    changed = tmp_path / "decisions.txt"
    changed.write_text("\n".join([*lines[:3], json.dumps(result), lines[4]]) + "\n")
    cost = weigh(changed)
    assert (cost.decisions, cost.otherwise) == (5, 1)


def test_garbage_is_seen(notes, tmp_path, monkeypatch):
    source = decide.ON_DEVICE.read_text()
    wasteful = tmp_path / "decide.py"
    call = "action = decide.next(state, senses, hints)"
    assert source.count(call) == 1
    wasteful.write_text(source.replace(call, f"{call}; bytearray(3000)"))
    monkeypatch.setattr(decide, "ON_DEVICE", wasteful)
    assert [
        line.partition(":")[0] for line in fell_short(dataclasses.replace(weigh(notes), worst_ms=1.0))
    ] == ["the most that one leaves on the heap, bytes"]


def test_each_demand_is_named_when_it_is_missed():
    good = decide.Cost(100, 0.1, MOST_MS, 30.0, 200.0, MOST_LEFT_BYTES, 0, MOST_STATE_BYTES)
    assert fell_short(good) == []
    bads = ({"worst_ms": 5.1}, {"worst_left_bytes": 2_049}, {"otherwise": 1}, {"state_bytes": 580})
    for bad in bads:
        assert len(fell_short(dataclasses.replace(good, **bad))) == 1
