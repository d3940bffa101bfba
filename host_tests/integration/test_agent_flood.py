"""Ingest continues when pages, file descriptors or monitoring fail."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
from landbridge import app as service
from landbridge.config import Watch, Web
from landbridge.core.clock import Clock
from landbridge.events.publisher import Publisher
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.session import Received, Session
from landbridge.operations import health
from landbridge.web import listen, process
from sqlalchemy import Engine, event

from host_tests.support.agent import WAIT_S, pages_as_soon_as_others, point, wait_until
from host_tests.support.fleet import Fleet
from host_tests.support.watched import ask
from tools.verify.harness.ports import free_port

LEAST = 3
"""Descriptors: fewer than are open, so that no other can be had."""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where a service manager listens."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(WAIT_S)
        yield listening


def reported(systemd: socket.socket, what: bytes) -> None:
    """Wait for the notice `what`."""
    while systemd.recv(100) != what:
        pass


def test_pages_that_die_are_started_again_and_ingest_goes_on(installation, monkeypatch):
    monkeypatch.setattr(process, "PAUSE_S", 0.1)
    pages_as_soon_as_others(monkeypatch)
    begun: list[subprocess.Popen[bytes]] = []
    start = process.Keeper.launch

    def seen(keeper: process.Keeper) -> subprocess.Popen[bytes]:
        begun.append(start(keeper))
        return begun[-1]

    monkeypatch.setattr(process.Keeper, "launch", seen)
    port = free_port()
    installation.config = replace(installation.config, web=replace(installation.config.web, port=port))
    installation.start()
    device = installation.device()
    url = f"http://127.0.0.1:{port}/sign-in"
    for life in range(2):
        with urllib.request.urlopen(url, timeout=WAIT_S) as page:
            assert b"Landbridge" in page.read()
        if life == 0:
            os.kill(begun[0].pid, signal.SIGKILL)
            begun[0].wait()
            device.send([point(1)])
    device.send([point(2)])
    assert len(installation.stored()) == 2 and len(begun) == 2
    installation.stop()
    assert begun[1].returncode == 0


def test_pages_that_cannot_be_started_are_a_problem_and_nothing_else_is(installation, monkeypatch, systemd):
    monkeypatch.setattr(service, "WATCH_S", 0.05)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(subprocess, "Popen", fail)
    watch = Watch(port=free_port())
    installation.config = replace(
        installation.config, web=replace(installation.config.web, port=free_port()), watch=watch
    )
    installation.start()
    reported(systemd, b"READY=1")
    wait_until(lambda: "the pages have been away" in ask(installation, "/health")[1], "trouble")
    for _ in range(3):
        reported(systemd, b"WATCHDOG=1")
    installation.device().send([point(1)])


def test_the_pages_end_with_the_process_that_started_them():
    child = subprocess.Popen(process.COMMAND, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdin
    child.stdin.close()
    assert child.wait(WAIT_S) is not None


def test_pages_that_take_too_long_to_end_do_not_keep_the_port(monkeypatch):
    monkeypatch.setattr(process, "ORPHAN_S", 0.0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    stop = threading.Event()
    process.end_with_parent(stop)
    assert stop.is_set() and left == [1]


def test_the_port_of_pages_that_are_about_to_end_is_waited_for(monkeypatch):
    monkeypatch.setattr(listen, "PATIENCE_S", WAIT_S)
    before = socket.create_server(("127.0.0.1", 0))
    web = Web(port=before.getsockname()[1])
    monkeypatch.setattr(time, "sleep", lambda _: before.close())
    with listen.listening(web) as listener:
        assert listener.getsockname()[1] == web.port


def test_a_notification_that_fails_ends_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    health.notify("WATCHDOG=1")
    assert "cannot notify systemd of WATCHDOG=1" in caplog.text


def test_systemd_is_notified_when_no_descriptor_is_left(systemd):
    health.notify("READY=1")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LEAST, limits[1]))
    try:
        health.notify("WATCHDOG=1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert [systemd.recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]


def test_ingest_without_a_descriptor_left_waits_for_one(installation, systemd):
    agent = installation.spawn()
    reported(systemd, b"READY=1")
    device = installation.device()
    device.send([point(1)])
    limits = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (LEAST, limits[1]))
    installation.broker.kill()
    installation.broker.start()
    log = installation.folder / "agent.log"
    # As paho has no descriptor for another connection, the broker is away.
    wait_until(lambda: installation.broker.log().count(" as landbridge-agent ") == 1, "nobody")
    reported(systemd, b"WATCHDOG=1")
    assert agent.poll() is None, log.read_text()
    before = installation.subscriptions()
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, limits)
    wait_until(lambda: installation.subscriptions() > before, "the agent listens again")
    device.send([point(2)])
    assert agent.poll() is None and len(installation.stored()) == 2


def test_silent_health_clients_take_a_few_threads_at_most(monkeypatch):
    monkeypatch.setattr(health, "AT_ONCE", 2)
    watch = Watch(port=free_port())
    where = ("127.0.0.1", watch.port)
    with health.serving(watch, health.Health([])):
        before = threading.active_count()
        silent = [socket.create_connection(where, timeout=WAIT_S) for _ in range(6)]
        for each in silent[2:]:
            assert each.recv(1) == b""
        assert threading.active_count() <= before + 2
        for each in silent:
            each.close()
        asked = f"http://127.0.0.1:{watch.port}/health"

        def answers() -> bool:
            try:
                return bool(urllib.request.urlopen(asked, timeout=WAIT_S).status == 200)
            except OSError:
                return False

        wait_until(answers, "a free place")


def test_junk_of_one_device_makes_room_once_a_transaction(tmp_path, monkeypatch):
    fleet = Fleet(tmp_path)
    monkeypatch.setattr(dead_letters, "MOST_OF_TOPIC", 3)
    session, publisher = create_autospec(Session, instance=True), create_autospec(Publisher, instance=True)
    pipeline = Pipeline(fleet.database, fleet.keyring, Clock(), session, publisher)
    topic = "landbridge/lb-0001/up"
    removals = []

    def seen(_: Any, __: Any, statement: str, *___: Any) -> None:
        removals.extend([statement] if statement.startswith("DELETE FROM dead_letters") else [])

    event.listen(Engine, "before_cursor_execute", seen)
    try:
        pipeline.process_all([Received(topic, b"junk", number, 1, 0) for number in range(40)])
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
    with fleet.database.reading() as connection:
        assert [row.dropped for row in dead_letters.every(connection)] == [0, 0, 37]
    fleet.database.close()
    assert len(removals) == 1


def test_a_service_has_descriptors_to_spare():
    unit = (Path(__file__).parents[2] / "deploy" / "landbridge.service").read_text().splitlines()
    given = int(next(line for line in unit if line.startswith("LimitNOFILE=")).partition("=")[2])
    assert given > 1024
