"""Metrics outside ingest, read from the database, and health when only dead letters arrive."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from landbridge.core.clock import CLOCK_FILE_VARIABLE, Clock
from landbridge.db.database import Database, open_database
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import NewMessage
from landbridge.features.alarms import queries as alarms
from landbridge.features.devices import queries as devices
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations.queries import DeliveryRetry, Integration
from landbridge.ingest.queries import dead_letters
from landbridge.operations import metrics as fleet_metrics
from landbridge.operations.metrics import FleetMetrics
from landbridge.operations.queries import figures
from landbridge.protocol.event import Event
from landbridge.tracking import queries as tracking
from landbridge.tracking.silence import GRACE_S
from prometheus_client import REGISTRY
from sqlalchemy import text

from host_tests.support.agent import DEVICE, NOW_S, heard, set_clock

OTHERS = ("lb-0002", "lb-0003", "lb-0004")


@pytest.fixture
def database(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Each test runs on both engines; the clock of the agent is a file."""
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    database = open_database(place)
    with database.writing() as connection:
        for device in (DEVICE, *OTHERS):
            devices.add(connection, device, b"wrapped", NOW_S)
    yield database
    database.close()


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"landbridge_{name}", labels)


def test_the_state_after_ingest_is_shown(database, monkeypatch):
    monkeypatch.setattr(figures, "MOST", 5)
    with database.writing() as connection:
        heard(connection, DEVICE, NOW_S - 9 * 3600, NOW_S - GRACE_S - 1)
        heard(connection, OTHERS[0], NOW_S - 9 * 3600, NOW_S - GRACE_S + 60)
        outbox.post(connection, [NewMessage(f"t/{number}", b"", False) for number in range(7)], NOW_S)
        first = outbox.head(connection, 1)[0].message
        outbox.remove(connection, first)
        for name in ("erp", "map"):
            integration = Integration(
                0, name, "webhook", "http://x", None, ("event",), None, outbox.last(connection)
            )
            integrations.add(connection, integration, "bench", NOW_S)
        outbox.post(connection, [NewMessage("t/8", b"", False, what="event")] * 2, NOW_S)
        erp = integrations.active(connection)[0].integration
        integrations.fail(connection, erp, "no answer", NOW_S)
        integrations.keep_retry(
            connection, erp, DeliveryRetry(DEVICE, first, 0, NOW_S, "it answers 422"), None
        )
        dead_letters.dead_letter(connection, f"landbridge/{DEVICE}/up", b"x", "rubbish", NOW_S)
        tracking.mark(connection, DEVICE, NOW_S)
        event = Event("e/1/alarm-light", DEVICE, "alarm", False, None, 1, NOW_S, {}, None)
        raised = [alarms.raise_(connection, event, "light", "major", NOW_S, NOW_S) for _ in range(3)]
        alarms.clear(connection, raised[0].alarm, "bench", NOW_S, NOW_S)
    looking = FleetMetrics(database, Clock())
    assert (shown("overdue_devices"), shown("pending_recomputes"), shown("dead_letters")) == (1, 1, 1)
    assert shown("outbox_messages") == shown("integration_waiting_messages", integration="broker") == 5
    assert (shown("open_alarms", severity="major"), shown("open_alarms", severity="minor")) == (2, 0)
    assert [shown("integration_waiting_messages", integration=name) for name in ("erp", "map")] == [2, 2]
    assert [shown("integration_failing", integration=name) for name in ("erp", "map")] == [1, 0]
    assert [shown("integration_retrying_devices", integration=name) for name in ("erp", "map")] == [1, 0]
    with database.writing() as connection:
        integrations.remove(connection, erp, "bench", NOW_S)
    looking.turn()
    assert (
        shown("integration_failing", integration="erp") is None
        and shown("integration_failing", integration="map") == 0
    )


def test_only_dead_letters_of_several_devices_are_a_problem(database, tmp_path):
    with database.writing() as connection:
        heard(connection, DEVICE, NOW_S)
        # What came before, or with, the last message that was taken says nothing.
        for device in OTHERS:
            dead_letters.dead_letter(connection, f"landbridge/{device}/up", b"x", "rubbish", NOW_S)
    looking = FleetMetrics(database, Clock())

    def problem(after_s: int, *senders: str) -> str | None:
        set_clock(tmp_path / "clock", NOW_S + after_s)
        with database.writing() as connection:
            for device in senders:
                dead_letters.dead_letter(
                    connection, f"landbridge/{device}/up", b"x", "rubbish", NOW_S + after_s
                )
        looking.turn()
        return looking.problem()

    assert problem(4_000) is None
    assert problem(5_000, *[OTHERS[0]] * 50, OTHERS[1]) is None  # hostile ones alone
    assert "messages of 3 devices" in (problem(5_001, OTHERS[2]) or "")
    # A start is a chance.
    assert FleetMetrics(database, Clock()).problem() is None
    with database.writing() as connection:
        heard(connection, DEVICE, NOW_S + 5_002)
    assert problem(5_003) is None
    assert problem(5_100, *OTHERS) is None  # not for long yet


def test_a_database_that_cannot_be_read_is_a_problem(database, monkeypatch):
    looking = FleetMetrics(database, Clock())
    assert looking.problem() is None
    monkeypatch.setattr(fleet_metrics, "PATIENCE_S", 0.0)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE delivery_retries RENAME TO elsewhere"))
    with pytest.raises(Exception, match="delivery_retries"):
        looking.turn()
    assert "has not been read" in (looking.problem() or "")
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO delivery_retries"))
    looking.turn()
    assert looking.problem() is None
