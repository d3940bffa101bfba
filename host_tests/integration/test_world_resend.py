"""The agent's database is restored from a backup in mid-trip, and the device fills the gap."""

from tools.world import stage
from tools.world.demo.diary import Diary
from tools.world.oracle import delivered
from tools.world.oracle.records import Oracle
from tools.world.trip_run import Demo

HOUR_MS = 3_600_000


def restore(agent, copy):
    """As the manual describes it; the agent is stopped meanwhile."""
    agent.stop()
    for suffix in ("-wal", "-shm"):
        agent.database.with_name(agent.database.name + suffix).unlink(missing_ok=True)
    copy.rename(agent.database)


def test_after_a_restore_in_mid_trip_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    built = stage.build(tmp_path / "out", stage.Scenario("bg95", 6, 2))
    try:
        agent = built.services.agent
        agent.do("settings", "set", stage.DEVICE, "paced=0")  # a point an hour at least
        demo = Demo(built, Oracle(built.flash, built.trip, built.network.traffic), Diary(built.trip), None)
        built.device.run(14 * HOUR_MS, demo.after_wake)
        agent.do("backup", str(tmp_path / "copy.sqlite3"))
        before = {each.point.seq for each in delivered.read(agent.database, stage.DEVICE).points}
        built.device.run(30 * HOUR_MS, demo.after_wake)
        forgotten = {each.point.seq for each in delivered.read(agent.database, stage.DEVICE).points} - before
        restore(agent, tmp_path / "copy.sqlite3")
        built.services.start()
        built.device.run(built.trip.end_ms + 12 * HOUR_MS, demo.after_wake)
        delivered.await_outbox(agent.database)
        built.services.stop()
        had = delivered.read(agent.database, stage.DEVICE)
        counts = demo.oracle.count(had.points)
    finally:
        built.close()
    assert len(forgotten) > 10
    assert forgotten <= {each.point.seq for each in had.points}
    assert counts.wrong == []
    assert counts.lost == 0
    assert counts.in_flash < 10  # taken since the last report
    assert had.dead_letters == 0
