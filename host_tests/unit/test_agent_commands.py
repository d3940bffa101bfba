"""Commands on the agent: sent until there is a result, cancelled, expired; what a person reads of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landbridge.core.durations import seconds
from landbridge.core.errors import UserError
from landbridge.db import tables
from landbridge.db.database import open_database
from landbridge.downlinks import registry as downlinks
from landbridge.features.commands import coding as wire
from landbridge.features.commands import handler as commands
from landbridge.features.commands import queries as stored
from landbridge.features.commands.coding import VERBS
from landbridge.features.devices import queries as devices
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink
from landbridge.tracking import battery
from sqlalchemy import insert

from host_tests.support.agent import DEVICE, heard
from host_tests.support.handled import Handled

COMMANDS = downlinks.Handler(commands.on_report, pending=commands.pending)
NOW_S = 850_000_000
HOUR_S = 3600
OTHER = "lb-0002"
WHO = "operator"


class Agent(Handled):
    """A database with two devices, and their conversations."""

    def send(self, verb: str, argument: int = 0, device: str = DEVICE) -> int:
        with self.database.writing() as connection:
            expires_s = self.now_s + HOUR_S
            return stored.give(connection, device, verb, argument, expires_s, WHO, self.now_s)

    def hears(self, *results: list[int], device: str = DEVICE) -> Any:
        """The device speaks; the commands it gets, or why its report was refused."""
        uplink = Uplink(reports={wire.REPORT_KEY: list(results)} if results else {})
        refused, pending = self.answer(uplink, device)
        return refused or pending.get(wire.DOWNLINK_KEY, [])

    def state(self, command: int, device: str = DEVICE) -> str:
        with self.database.reading() as connection:
            row = stored.find(connection, device, command)
        assert row is not None
        return commands.state(row, self.now_s)

    def cancel(self, command: int) -> None:
        with self.database.writing() as connection:
            commands.cancel(connection, DEVICE, command, WHO, self.now_s)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    database = open_database(tmp_path / "landbridge.sqlite3")
    yield Agent(database, COMMANDS, NOW_S, (DEVICE, OTHER))
    database.close()


def test_a_command_is_sent_until_its_result_is_known(agent):
    command = agent.send("dense", 7200)
    assert "waiting" in agent.state(command)
    order = [[command, NOW_S + HOUR_S, 2, 7200]]
    assert agent.hears() == order
    assert agent.state(command) == "sent, no result yet"
    assert agent.hears() == order
    assert agent.hears([command, 1]) == []
    assert agent.state(command) == "done"


def test_ids_rise_and_start_from_the_clock(agent):
    first, second = agent.send("log"), agent.send("log")
    agent.now_s += 100
    third = agent.send("log")
    assert (first, second, third) == (NOW_S, NOW_S + 1, NOW_S + 100)


def test_commands_go_to_their_device_alone_and_in_order(agent):
    ids = [agent.send("log") for _ in range(6)]
    assert agent.hears(device=OTHER) == []
    assert [each[0] for each in agent.hears()] == ids[: wire.MOST_AT_ONCE]
    assert [each[0] for each in agent.hears(*([i, 1] for i in ids[:3]))] == ids[3:]
    # The other device cannot speak for this one.
    agent.hears([ids[3], 1], device=OTHER)
    assert agent.state(ids[3]) == "sent, no result yet"


def test_the_first_result_counts(agent):
    command = agent.send("reboot")
    agent.hears()
    agent.hears([command, 1])
    agent.hears([command, wire.REPEATED])
    assert agent.state(command) == "done"


def test_an_expired_command_is_not_sent(agent):
    never, once = agent.send("log"), 0
    agent.now_s += HOUR_S
    assert agent.hears() == []
    assert agent.state(never) == "expired, never sent"
    once = agent.send("log")
    agent.hears()
    agent.now_s += HOUR_S
    assert agent.hears() == []
    assert agent.state(once) == "sent, expired, no result"
    agent.hears([once, 1])  # it was in time, and tells it late
    assert agent.state(once) == "done"


def test_a_cancelled_command_is_not_sent(agent):
    command = agent.send("log")
    agent.cancel(command)
    assert agent.hears() == []
    assert agent.state(command) == "cancelled by operator"
    with pytest.raises(UserError, match="has ended: cancelled"):
        agent.cancel(command)
    with pytest.raises(UserError, match="has no command 5"):
        agent.cancel(5)


def test_nothing_is_expected_of_a_device_in_shipping_mode(agent):
    with agent.database.writing() as connection:
        heard(connection, DEVICE, NOW_S, NOW_S + 14400)
    command = agent.send("shipping")
    agent.hears()
    agent.hears([command, 1])
    with agent.database.reading() as connection:
        row = devices.find(connection, DEVICE)
    assert row is not None and row.next_session_s is None


def test_a_battery_that_is_new_ends_later(agent):
    def left_days(day: int) -> float | None:
        """At the earliest."""
        with agent.database.reading() as connection:
            end = battery.battery_end(connection, DEVICE, NOW_S + 86400 * day)
        return None if end is None or end.earliest_s is None else (end.earliest_s - NOW_S) / 86400 - day

    wakes_of(agent, range(300), 650.0)
    worn = left_days(300)
    agent.now_s = NOW_S + 86400 * 300
    command = agent.send("new-battery")
    agent.hears([command, 2])
    assert left_days(300) == worn, "cut short"
    command = agent.send("new-battery")
    agent.hears([command, 1])
    assert left_days(300) is None
    wakes_of(agent, range(300, 310), 650.0)
    new = left_days(310)
    assert worn is not None and new is not None and worn < 100 and 217 < new - worn < 251


def test_the_end_of_a_battery_is_a_range_and_unknown_beyond_a_year(agent):
    def left_days(now_day: int) -> list[Any]:
        now_s = NOW_S + 86400 * now_day
        with agent.database.reading() as connection:
            end = battery.battery_end(connection, DEVICE, now_s)
        return [each and round((each - now_s) / 86400) for each in end or ()]

    assert left_days(0) == []
    wakes_of(agent, range(2), 1300.0)
    assert left_days(2) == [], "not yet two days"
    wakes_of(agent, range(2, 11), 1300.0)
    earliest, latest = left_days(10)
    assert 1.3 * earliest < latest < 365, "a steady device is no measurement either"
    assert left_days(14) == [earliest - 4, latest - 4], "not heard of since: nothing was spent less for that"
    wakes_of(agent, range(11, 15), 5.0)
    assert left_days(14) == [earliest, None], "with the least of these two weeks it lasts longer than a year"
    wakes_of(agent, range(15, 40), 5.0)
    assert left_days(39) == [None, None]


def wakes_of(agent: Agent, days: range, joules: float) -> None:
    """A wake a day."""
    rows = [
        {"device": DEVICE, "boot": 1, "clock_min": 1440 * day, "at_s": NOW_S + 86400 * day, "did": 0,
         "rest": 0, "joules": joules}
        for day in days
    ]  # fmt: skip
    with agent.database.writing() as connection:
        connection.execute(insert(tables.wakes), rows)


@pytest.mark.parametrize(
    "item", [[], 5, {}, [[1]], [[0, 1]], [[1, 0]], [[1, 99]], [[True, 1]], [[1, 1.0]], [[1 << 31, 1]],
             [[1, 1]] * 9, [[1, 1], None]]
)  # fmt: skip
def test_an_invalid_report_is_refused_and_changes_nothing(agent, item):
    command = agent.send("log")
    agent.hears()
    refused, _ = agent.answer(Uplink(reports={wire.REPORT_KEY: item}))
    assert refused and refused[0].startswith("command results")
    assert agent.state(command) == "sent, no result yet"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.integers(0, 10) | st.none(), max_size=3), max_size=10))
def test_reports_of_any_kind_are_read_or_refused(item):
    try:
        assert sorted(wire.decode_results(item)) == sorted({each[0] for each in item})
    except WireError:
        pass


def test_arguments():
    assert commands.argument("dense", 0) == 0
    assert commands.argument("locate", None) == 0
    for verb, given_value, line in (
        ("fly", None, "choose from locate"),
        ("locate", 5, "takes no argument"),
        ("dense", None, "from 0 to 86400: seconds"),
        ("dense", 86401, "from 0 to 86400"),
        ("dense", -1, "from 0 to 86400"),
    ):
        with pytest.raises(UserError, match=line):
            commands.argument(verb, given_value)


def test_times():
    assert [seconds(text, 30 * 86400, "") for text in ("30m", "24h", "7d")] == [1800, 86400, 604800]
    for text in ("", "0h", "31d", "24", "h", "-1h", "1.5h", "1h ", "9999999m", "１h"):
        with pytest.raises(UserError, match="30m, 24h, 7d"):
            seconds(text, 30 * 86400, "")


def test_verbs_have_codes_of_their_own():
    assert len({verb.code for verb in VERBS.values()}) == len(VERBS)
