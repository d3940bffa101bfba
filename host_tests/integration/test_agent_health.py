"""Monitoring of the agent: health, metrics, logs, and systemd."""

import json
import logging
import math
import os
import queue
import socket
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from landbridge import app as service
from landbridge import config
from landbridge.core import checks, logs, metrics
from landbridge.core.clock import from_epoch_s
from landbridge.core.errors import UserError
from landbridge.core.parts import Part
from landbridge.core.priority import IngestPriority
from landbridge.ingest import session, worker
from landbridge.ingest.session import Received
from landbridge.operations import health
from landbridge.operations import metrics as fleet_metrics
from sqlalchemy.exc import OperationalError

from host_tests.support.agent import NOW_S, Installation, point, set_clock, wait_until
from host_tests.support.watched import ask


@pytest.fixture
def watched(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A bench whose agent is watched on a port, and has no patience."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    installation.config = replace(installation.config, watch=config.Watch(port=port))
    monkeypatch.setattr(worker, "PATIENCE_S", 0.0)
    monkeypatch.setattr(session, "PATIENCE_S", 0.0)
    return installation


def begin(it: Installation) -> None:
    """Start the agent, and wait until it can be asked."""
    it.start()
    with socket.socket() as probe:
        wait_until(lambda: probe.connect_ex(("127.0.0.1", it.config.watch.port)) == 0, "the port")


def sick(it: Installation) -> str:
    status, text = ask(it, "/health")
    assert status == 503 or json.loads(text) == {"healthy": True, "problems": []}
    return "" if status == 200 else " ".join(json.loads(text)["problems"])


def test_garbage_is_not_taken_for_messages_nor_a_start_for_an_outage(watched, monkeypatch):
    monkeypatch.setattr(fleet_metrics, "POLL_S", 0.05)
    name = "landbridge_last_stored_timestamp_seconds"
    metrics.LAST_STORED.set(float("nan"))
    begin(watched)
    device = watched.device()
    device.publish(b"rubbish")
    wait_until(watched.dead_letters, "a dead letter")
    assert math.isnan(counted(watched, name))
    device.send([point(1)])
    at_s = from_epoch_s(NOW_S).timestamp()
    wait_until(lambda: counted(watched, name) == at_s, "the time of the message")
    watched.stop()
    metrics.LAST_STORED.set(0)
    set_clock(watched.folder / "clock", NOW_S + 500)
    begin(watched)
    assert counted(watched, name) == at_s


def counted(it: Installation, name: str) -> float:
    _, text = ask(it, "/metrics")
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")))


def test_health_fails_while_messages_are_not_stored_or_the_broker_is_away(watched):
    begin(watched)
    device = watched.device()
    device.send([point(1)])
    assert sick(watched) == "" and ask(watched, "/elsewhere")[0] == 404
    with sqlite3.connect(watched.config.store.database, isolation_level=None) as held:
        held.execute("PRAGMA busy_timeout = 30000")
        # A table that is gone is trouble at once; a lock would be one after half a minute.
        held.execute("ALTER TABLE uplinks RENAME TO elsewhere")
        device.publish(device.seal([point(2)]))
        wait_until(lambda: "not been stored" in sick(watched), "trouble")
        held.execute("ALTER TABLE elsewhere RENAME TO uplinks")
    wait_until(lambda: sick(watched) == "", "health")
    watched.broker.kill()
    wait_until(lambda: "broker has been away" in sick(watched), "trouble")
    watched.broker.start()
    wait_until(lambda: sick(watched) == "", "health")


def test_a_database_that_does_not_answer_is_a_problem(monkeypatch):
    monkeypatch.setattr(worker, "LONGEST_S", 0.05)
    waiting: queue.Queue[Received] = queue.Queue()
    begun, ends = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        begun.set()
        assert ends.wait(60)

    thread = worker.Worker(waiting, cast(Any, SimpleNamespace(process_all=hang)), IngestPriority())
    thread.start()
    waiting.put(Received("landbridge/lb-0001/up", b"", 1, 1, 1))
    assert begun.wait(60)
    wait_until(lambda: "the database has not answered" in (thread.problem() or ""), "trouble")
    ends.set()
    wait_until(lambda: thread.problem() is None, "health")
    thread.stop()


def test_outcomes_of_messages_are_counted_once(watched):
    begin(watched)
    names = ("stored", "again", "refused", "unreadable", "unknown")
    series = [f'landbridge_messages_total{{outcome="{name}"}}' for name in names]
    series += ["landbridge_points_total"]
    before = [counted(watched, name) for name in series]
    device = watched.device()
    uplink = device.seal([point(1), point(2)])
    device.exchange(uplink)
    device.exchange(uplink)
    device.publish(b"rubbish")
    watched.device(bytes(32), "lb-unknown").publish(b"who")
    after = [1, 1, 0, 1, 1, 2]
    wait_until(lambda: [counted(watched, n) - b for n, b in zip(series, before, strict=True)] == after, "all")
    assert counted(watched, "landbridge_broker_connected") == 1
    assert counted(watched, "landbridge_waiting_messages") == 0


def test_a_thread_that_ends_is_a_problem():
    thread = threading.Thread(target=lambda: None, name="publisher")
    thread.start()
    thread.join()
    assert health.Health([checks.of_thread(thread)]).problems() == ["the thread publisher has died"]


def test_an_agent_with_pages_alone_ends_with_their_thread(watched, monkeypatch):
    monkeypatch.setattr(service, "WATCH_S", 0.05)
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        pages = config.Web(port=probe.getsockname()[1])
    stop = threading.Event()
    late = threading.Timer(120, stop.set)
    late.start()
    with pytest.raises(UserError, match="thread web has died"):
        service.run(replace(watched.config, web=pages), stop, only=Part.WEB)
    late.cancel()


def test_a_port_that_is_taken_is_reported():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        watch = config.Watch(port=taken.getsockname()[1])
        with pytest.raises(UserError, match="set another"), health.serving(watch, health.Health([])):
            pass


def test_systemd_is_notified(tmp_path, monkeypatch):
    health.notify("READY=1")  # nobody asks
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        health.notify("WATCHDOG=1")
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_logs_can_be_objects(capsys):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.begin(as_json=True)
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("x").exception("what %d", 1)
        line: dict[str, Any] = json.loads(capsys.readouterr().err)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert (line["level"], line["logger"], line["message"]) == ("error", "x", "what 1")
    assert "ValueError: why" in line["trace"] and line["time"].endswith("Z")
    assert os.linesep not in line["message"]


def test_a_database_that_is_there_again_is_found_within_a_second(monkeypatch):
    waits: list[float] = []

    class Away:
        """As long as a server takes to start."""

        def process_all(self, batch: Sequence[Received]) -> None:
            if sum(waits) < 10:
                raise OperationalError("SELECT", {}, Exception("the database system is starting up"))

    feeder = worker.Worker(queue.Queue(), cast(Any, Away()), IngestPriority())
    monkeypatch.setattr(feeder, "stopping", SimpleNamespace(is_set=lambda: False, wait=waits.append))
    feeder.insist([Received("landbridge/lb-1/up", b"", 1, 1, 0)])
    assert 10 <= sum(waits)
    assert max(waits) <= 1
