"""A few days through the default rules, the agent and the receivers killed; a verdict that can fail."""

import json
from pathlib import Path

import pytest

from tools.verify.notify import notify, verdict
from tools.verify.notify.month import DAY_S

pytestmark = pytest.mark.slow


def test_nothing_is_lost_or_sent_twice_over_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notify, "ANSWER_S", 600)
    out = tmp_path / "notify.json"
    arguments = ["--days", "4", "--trackers", "24", "--seed", "12", "--out", str(out)]
    code = notify.main(arguments)
    figures = json.loads(out.read_text())
    assert code == bool(figures["wrong"])
    # How soon a critical alarm comes depends on the machine.
    assert [each for each in figures["wrong"] if not each.startswith("a critical alarm took")] == []
    assert figures["critical"] > 0 and figures["killed"]["agent"] > 1 and figures["messages"]["mail"] > 0


def test_the_verdict_names_each_unmet_expectation():
    good = {
        "weeks_over_by_others": [], "slowest_critical_s": 60, "critical": 1,
        "lost": [], "unexpected": [], "twice": [],
    }  # fmt: skip
    assert verdict.wrong(good) == []
    bad: dict[str, object] = {"weeks_over_by_others": ["lb-0001"], "slowest_critical_s": 61, "critical": 0}
    bad |= {"lost": ["mail: alarm 1"], "unexpected": ["mail: alarm 2"], "twice": ["x"]}
    for name, value in bad.items():
        assert len(verdict.wrong(good | {name: value})) == 1


def test_a_week_is_counted_whole_and_over_by_critical_alarms_only():
    monday_s = verdict.MONDAY_S + 1_000 * 7 * DAY_S

    def weeks(*messages: tuple[int, str]) -> list[verdict.Week]:
        received = [
            {"sink": "mail", "id": str(number), "at_s": monday_s + at_s, "text": f"{title}\nDevice: lb-0001"}
            for number, (at_s, title) in enumerate(messages)
        ]
        return list(verdict.weeks_of(received).values())

    first, second, third = ((day * DAY_S, "[critical] tampering") for day in (0, 3, 6))
    digest = 7 * DAY_S + 2, "Landbridge: 3 notifications"
    assert weeks(first, digest) == [verdict.Week(1, 1)]
    assert weeks(first, second, third, digest) == [verdict.Week(3, 1)]
    assert weeks(digest, (digest[0] + 1, first[1])) == [verdict.Week(0, 1), verdict.Week(1, 0)]
