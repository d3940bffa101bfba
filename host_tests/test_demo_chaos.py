"""The schedule of the demo's chaos."""

from tools.world.chaos import AGENT_CONVERSATION, BROKER_CONVERSATION, POINTS, Chaos

HOUR_MS = 3_600_000


def spring(folder):
    """What a process does that dies in its trap."""
    (folder / "armed").rename(folder / "sprung")


def test_each_point_is_armed_until_somebody_has_died_of_it(tmp_path):
    chaos = Chaos(tmp_path, 15 * HOUR_MS, {}, rounds=2)
    seen: list[str] = []
    for hour in range(1, 40):
        died = chaos.after_wake(hour * HOUR_MS)
        assert died == (bool(seen) and hour % 2 == 0)
        armed = (tmp_path / "armed").read_text()
        if hour % 2 == 1 and len(seen) < 2 * len(POINTS):
            seen.append(armed)
            spring(tmp_path)
        if len(seen) == 2 * len(POINTS):
            break
    chaos.after_wake(40 * HOUR_MS)
    assert seen == list(POINTS) * 2
    assert chaos.missed() == []
    assert set(chaos.kills.values()) == {2}


def test_a_point_nobody_died_of_is_missed(tmp_path):
    chaos = Chaos(tmp_path, HOUR_MS, {})
    assert not chaos.after_wake(HOUR_MS)
    assert chaos.missed() == list(POINTS)


def test_in_mid_conversation_the_world_kills(tmp_path):
    killed = []
    kill = {
        AGENT_CONVERSATION: lambda: killed.append("agent"),
        BROKER_CONVERSATION: lambda: killed.append("broker"),
    }
    chaos = Chaos(tmp_path, 8 * HOUR_MS, kill, rounds=1)
    for hour in range(1, 20):
        chaos.after_wake(hour * HOUR_MS)
        if not (tmp_path / "armed").exists():
            break
        chaos.before_publish()
        chaos.before_publish()
        if (tmp_path / "armed").exists():
            spring(tmp_path)
    assert killed == ["agent", "broker"]
    assert chaos.missed() == []
