"""A few days through the default rules, the agent and the receivers killed; a verdict that can fail."""

import json
from pathlib import Path

import pytest

from tools.verify.notify import notify, verdict

pytestmark = pytest.mark.slow


def test_nothing_is_lost_or_sent_twice_over_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notify, "_ANSWER_S", 600)
    out = tmp_path / "notify.json"
    arguments = ["--days", "4", "--trackers", "24", "--seed", "12", "--out", str(out)]
    code = notify.main(arguments)
    figures = json.loads(out.read_text())
    assert code == bool(figures["wrong"])
    # How soon a critical alarm comes depends on the machine.
    assert [each for each in figures["wrong"] if not each.startswith("a critical alarm took")] == []
    assert figures["critical"] > 0 and figures["killed"]["agent"] > 1 and figures["messages"]["mail"] > 0


def test_the_verdict_names_what_fell_short():
    good = {
        "messages_a_container_and_week": 2, "digests_a_container_and_week": 1,
        "slowest_critical_s": 60, "critical": 1, "lost": [], "unexpected": [], "twice": [],
    }  # fmt: skip
    assert verdict.wrong(good) == []
    bad: dict[str, object] = {"messages_a_container_and_week": 3, "slowest_critical_s": 61, "critical": 0}
    bad |= {"digests_a_container_and_week": 2}
    bad |= {"lost": ["mail: alarm 1"], "unexpected": ["mail: alarm 2"], "twice": ["x"]}
    for name, value in bad.items():
        assert len(verdict.wrong(good | {name: value})) == 1
