"""A small killtest loses nothing, and its count would see it."""

import pytest
from sqlalchemy import text

from tools.verify.kill import killtest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_nothing_is_lost_and_a_loss_would_be_seen(engine, tmp_path, monkeypatch, request):
    ours = None
    if engine == "postgresql":
        request.getfixturevalue("postgres")
        ours = request.getfixturevalue("server")
    for name in ("LANDBRIDGE_CONFIG", "LANDBRIDGE_BROKER_PORT"):
        monkeypatch.setenv(name, "1")  # what the kill test sets is taken back
    monkeypatch.setattr(killtest, "HELD_UP_S", 1.0)
    kill_test = killtest.run(tmp_path, devices=2, kills=1, statements=2, broker_kills=1, seed=1, server=ours)
    found = kill_test.found
    assert (found.agent_kills, found.kills_at_statements, found.broker_kills) == (1, 2, 1)
    assert found.records > 0
    # How soon it stores again depends on the machine.
    assert [each for each in found.short() if not each.startswith("late_again")] == []

    with kill_test.fleet.database.writing() as connection:
        of_one = "FROM points WHERE device = 'lb-0001'"
        first, second = connection.execute(text(f"SELECT seq {of_one} ORDER BY seq LIMIT 2")).scalars()
        connection.execute(text(f"DELETE {of_one} AND seq = :seq"), {"seq": first})
        changed = "UPDATE points SET lat = lat + 1 WHERE device = 'lb-0001' AND seq = :seq"
        connection.execute(text(changed), {"seq": second})
    kill_test.count()
    assert (found.lost, found.changed) == (1, 1)
    assert found.stored_twice == 1
