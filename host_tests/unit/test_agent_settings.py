"""Settings on the agent: a user's change, its downlink, and the device's report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.downlinks import registry as downlinks
from landbridge.features.settings import handler as settings
from landbridge.features.settings import queries as stored
from landbridge.protocol import settings as wire
from landbridge.protocol.limits import WireError
from landbridge.protocol.settings import SETTINGS, values_hash
from landbridge.protocol.uplink import Uplink

from host_tests.support.agent import DEVICE
from host_tests.support.handled import Handled

HANDLER = downlinks.Handler(settings.on_report, pending=settings.pending)
NOW_S = 850_000_000
FIRST = NOW_S  # revisions come from the clock
WHO = "operator"
SET, TRIAL = 1, 3


class Agent(Handled):
    """A database with one device, and its conversations."""

    def change(self, *assignments: str) -> int | None:
        with self.database.writing() as connection:
            return stored.change(connection, DEVICE, settings.parse(assignments), WHO, NOW_S)

    def hears(self, report: Any = None) -> Any:
        """The device speaks; what the reply orders, or why the report was refused."""
        refused, pending = self.answer(Uplink(reports={} if report is None else {wire.REPORT_KEY: report}))
        return refused or pending.get(wire.DOWNLINK_KEY)

    def state(self) -> str:
        with self.database.reading() as connection:
            said = stored.report(connection, DEVICE)
            return settings.state(stored.desired(connection, DEVICE), said[0] if said else None)


def report(
    revision: int, changes: dict[str, int], source: int = SET, refused: int = 0, why: int = 0
) -> list[int]:
    return [revision, values_hash(changes), source, refused, why]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    database = open_database(tmp_path / "landbridge.sqlite3")
    yield Agent(database, HANDLER, NOW_S)
    database.close()


def test_a_device_without_settings_gets_nothing(agent):
    assert agent.hears() is None
    assert agent.hears(report(0, {}, 0)) is None


def test_settings_are_sent_until_the_device_applies_them(agent):
    assert agent.change("interval_s=900", "temperature_low_dc=-350") == FIRST
    order = [FIRST, {0: 900, 7: -350}]
    assert agent.hears() == order
    assert agent.hears(report(0, {}, 0)) == order
    assert "waiting" in agent.state()
    changes = {"interval_s": 900, "temperature_low_dc": -350}
    assert agent.hears(report(FIRST, changes, TRIAL)) is None
    assert agent.state() == "applied"
    assert agent.hears() is None


def test_a_device_that_applies_other_values_under_the_revision_gets_it_again(agent):
    agent.change("interval_s=900")
    assert agent.hears(report(FIRST, {"interval_s": 1000})) == [FIRST, {0: 900}]


@pytest.mark.parametrize(
    ("why", "words"), [(1, "upload_every_s"), (77, "key 77"), (-1, "could not reach"), (-2, "could not read")]
)
def test_a_refused_setting_is_not_sent_again_until_it_is_set_again(agent, why, words):
    agent.change("interval_s=900")
    assert agent.hears(report(0, {}, 2, FIRST, why)) is None
    assert words in agent.state()
    assert agent.change("interval_s=900") == FIRST + 1
    assert agent.hears() == [FIRST + 1, {0: 900}]


def test_settings_under_which_the_agent_was_not_reached_are_sent_again_a_few_times(agent):
    revision, sent = agent.change("interval_s=900"), []
    for _ in range(60):
        order = agent.hears(report(0, {}, 2, revision, wire.UNREACHED))
        if order:
            revision = order[0]
            sent.append((agent.now_s - NOW_S) // 3600)
            assert order == [agent.now_s, {0: 900}] and agent.hears(report(0, {}, 2, 1, -1)) == order
        agent.now_s += 3600
    assert sent == [8, 16, 24]
    assert agent.change("interval_s=900") > revision  # a person may begin again


def test_a_revision_set_after_a_restore_is_none_that_was_refused_before(agent):
    refused = NOW_S - 5
    agent.change("interval_s=900")
    assert agent.hears(report(0, {}, 2, refused, 1)) == [FIRST, {0: 900}]


def test_an_older_firmware_with_fewer_settings_applies_them(agent, monkeypatch):
    agent.change("interval_s=900")
    applied = report(FIRST, {"interval_s": 900})
    monkeypatch.setitem(SETTINGS, "later", wire.Setting(len(SETTINGS), "later", 5, 0, 9, ""))
    assert agent.hears(applied) is None and agent.state() == "applied"
    assert agent.hears(report(FIRST, {"interval_s": 900})) is None
    agent.change("later=7")
    assert agent.hears(applied) == [FIRST + 1, {0: 900, len(SETTINGS) - 1: 7}]
    assert agent.hears([FIRST + 1, *applied[1:]]) == [FIRST + 1, {0: 900, len(SETTINGS) - 1: 7}]


def test_the_same_settings_make_no_new_revision_and_default_takes_one_back(agent):
    assert agent.change("interval_s=3600") is None
    assert agent.change("interval_s=900", "light_lux=50") == FIRST
    assert agent.change("light_lux=50") is None
    assert agent.change("interval_s=default") == FIRST + 1
    assert agent.hears() == [FIRST + 1, {4: 50}]


def test_every_revision_stays_with_who_and_when(agent):
    agent.change("interval_s=900")
    agent.change("interval_s=1800")
    with agent.database.reading() as connection:
        history = stored.history(connection, DEVICE)
    assert history == [
        stored.Desired(FIRST, {"interval_s": 900}, WHO, NOW_S, None, {"interval_s": 900}),
        stored.Desired(FIRST + 1, {"interval_s": 1800}, WHO, NOW_S, None, {"interval_s": 1800}),
    ]


@pytest.mark.parametrize(
    "item",
    [None, 5, [], [1, 2, 3, 4], [1, 2, 0, 0, 0, 0], [-1, 0, 0, 0, 0], [1, 1 << 32, 0, 0, 0], [1, 0, 4, 0, 0],
     [1, 0, 0, 0, "1"], [True, 0, 0, 0, 0]],
)  # fmt: skip
def test_an_invalid_report_is_refused_and_changes_nothing(agent, item):
    agent.hears(report(0, {}, 0))
    (reason,) = agent.hears(item if item is not None else {})
    assert reason.startswith("settings report")
    with agent.database.reading() as connection:
        said = stored.report(connection, DEVICE)
    assert said is not None and said[0] == wire.Report(*report(0, {}, 0))


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.integers(), st.integers() | st.text()) | st.lists(st.integers() | st.binary()))
def test_reports_of_any_kind_are_read_or_refused(item):
    try:
        assert list(wire.decode_report(item)) == item
    except WireError:
        pass


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("interval_s", "name=value"),
        ("speed=3", "choose from interval_s"),
        ("upload_every_s=86401", "a number from 3600 to 86400, or default (14400)"),
        ("interval_s=1e3", "out of range"),
        ("interval_s=", "out of range"),
        ("interval_s=" + "9" * 5000, "out of range"),
        ("temperature_low_dc=--5", "out of range"),
        ("interval_s=٣٠٠٠", "out of range"),
    ],
)
def test_an_invalid_setting_is_reported_with_its_name_and_range(text, line):
    with pytest.raises(UserError) as refused:
        settings.parse([text])
    assert line in str(refused.value)


def test_a_name_that_is_there_twice_is_refused():
    with pytest.raises(UserError, match="twice"):
        settings.parse(["interval_s=900", "interval_s=1000"])


def test_the_schema_keeps_its_word():
    assert [setting.key for setting in SETTINGS.values()] == list(range(len(SETTINGS)))
    for setting in SETTINGS.values():
        assert setting.lowest <= setting.default <= setting.highest
    # Whatever is set, a device is heard at least once a day.
    assert SETTINGS["upload_every_s"].highest <= 86400


def test_the_shortest_interval_between_sessions_is_not_above_the_longest(agent):
    why = "the shortest interval between sessions, 1440 minutes, is above the longest, 60 minutes"
    with pytest.raises(UserError, match=why):
        agent.change("report_least_s=86400", "report_most_s=3600")
    assert agent.change("report_most_s=3600") == FIRST
    with pytest.raises(UserError, match=why):
        agent.change("report_least_s=86400")
    assert agent.change("report_least_s=3600") == FIRST + 1
