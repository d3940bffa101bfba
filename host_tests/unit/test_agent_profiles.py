"""The agent and the profiles of cards: policies that people write, orders, reports, history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as some
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.downlinks import registry as downlinks
from landbridge.features.esim import coding as wire
from landbridge.features.esim import handler as cards
from landbridge.features.esim import policy
from landbridge.features.esim.queries import policies as stored
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink
from locator.downlink import profiles as obeyed
from locator.esim import iccid_bytes, iccid_text, memory
from locator.esim import policy as policies

from host_tests.support.agent import DEVICE
from host_tests.support.command import Command
from host_tests.support.handled import Handled
from host_tests.support.policies import CIS, NOW_S, ROAMING, TEXT, report

CARDS = downlinks.Handler(cards.on_report, pending=cards.pending)


class Agent(Handled):
    """A database with one device, and its conversations."""

    def sets(self, text: str = TEXT, profile: str = policy.AUTOMATIC) -> int:
        with self.database.writing() as connection:
            return stored.set_desired(connection, DEVICE, policy.parse(text), profile, "who", NOW_S)

    def hears(self, report: Any = None, **identity: str) -> Any:
        """The device speaks; what the reply orders, or why the report was refused."""
        uplink = Uplink(identity=dict(identity), reports={} if report is None else {wire.REPORT_KEY: report})
        refused, pending = self.answer(uplink)
        order = pending.get(wire.DOWNLINK_KEY)
        if order:
            assert obeyed.is_policy(order)
            revision, policy = order
            order = cbor2.loads(policy)
            assert order[0] == revision
        return refused or order

    def state(self) -> str:
        with self.database.reading() as connection:
            return cards.state(connection, DEVICE)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    database = open_database(tmp_path / "landbridge.sqlite3")
    yield Agent(database, CARDS, NOW_S)
    database.close()


def test_a_policy_is_sent_until_it_is_reported(agent):
    assert agent.hears() is None and agent.state() == "no policy"
    revision = agent.sets()
    order = agent.hears()
    assert order == [
        revision,
        0,
        1,
        [[iccid_bytes(ROAMING), "iot.example", "", ""], [iccid_bytes(CIS), "cis.example", "u", "p"]],
        [[0, 1], [250, 2, 1], [401, 2]],
    ]
    assert policies.is_policy(order)
    assert agent.state() == "waiting for the device's next session"
    assert agent.hears(report(1)) == order
    assert agent.hears(report(revision, 2, 1)) is None
    assert agent.state() == "on trial, cis"


def test_a_policy_that_the_device_refuses_is_not_sent_again_but_a_damaged_one_is(agent):
    agent.hears(report(agent.sets()))
    refused = agent.sets(profile="cis")
    event = [NOW_S, 1, 0, memory.REFUSED_POLICY, refused]
    assert agent.hears(report(refused - 1, events=[event])) is None
    assert agent.hears() is None
    assert agent.state() == "refused by the device, roaming"
    newer = agent.sets()
    assert agent.hears()[0] == newer
    assert agent.hears(report(newer)) is None
    assert agent.hears(report(0))[0] == newer


def test_a_profile_is_chosen_and_the_policy_decides_again(agent):
    with agent.database.writing() as connection, pytest.raises(UserError, match="no policy"):
        cards.switch(connection, DEVICE, "cis", "who", NOW_S)
    first = agent.sets()
    with agent.database.writing() as connection:
        with pytest.raises(UserError, match="choose from roaming, cis and auto"):
            cards.switch(connection, DEVICE, "moon", "who", NOW_S)
        revision = cards.switch(connection, DEVICE, "cis", "who", NOW_S)
    assert revision > first and agent.hears()[:2] == [revision, 2]
    with agent.database.writing() as connection:
        cards.switch(connection, DEVICE, "auto", "who", NOW_S)
    assert agent.hears()[1] == 0


def test_events_come_once_and_changes_of_identity_are_kept(agent):
    revision = agent.sets()
    event = [850_000_100, 1, 2, 1, 0]
    for _ in range(3):
        agent.hears(report(revision, events=[event]), imei="86", iccid=ROAMING, imsi="204")
    later = [850_000_200, 2, 1, 5, 11]
    agent.hears(report(revision, events=[event, later]), imei="86", iccid=CIS, imsi="250")
    with agent.database.reading() as connection:
        assert [row.outcome for row in stored.events(connection, DEVICE)] == [1, 5]
        assert [row.imsi for row in stored.identities(connection, DEVICE)] == ["204", "250"]


BAD_REPORTS = [
    7,
    [],
    [1, 5, "", 0, 0, [], []],
    [1, 0, "", 9, 0, [], []],
    [1, 0, "", 0, 4, [], []],
    [1, 0, 3, 0, 0, [], []],
    [-1, 0, "", 0, 0, [], []],
    [1, 0, "", 0, 0, [[b"short", 2]], []],
    [1, 0, "", 0, 0, [], [[1, 2, 3, 4]]],
    [1, 0, "", 0, 0, [], [[1, 2, 3, 4, "cause"]]],
    [1, 0, "", 0, 0, [], [], 5],
    [1, 0, "", 0, 0, [], [], [1, [b"short", 2, 3]]],
    [1, 0, "", 0, 0, [], [], [1, [bytes(10), -2, 3]]],
    [1, 0, "", 0, 0, [], [], ["month"]],
    [1, 0, "", 0, 0, [], [[1, 99, 3, 4, 0]]],
]


@pytest.mark.parametrize("item", BAD_REPORTS)
def test_reports_that_are_none(agent, item):
    with pytest.raises(WireError):
        wire.decode_report(item)
    assert agent.hears(item)[0].startswith("card report")


@given(some.recursive(some.integers() | some.text() | some.binary(), some.lists))
def test_any_report_is_read_or_refused(item):
    try:
        wire.decode_report(item)
    except WireError:
        pass


ANYTHING = some.recursive(some.integers() | some.text() | some.binary(), some.lists)


@given(some.lists(ANYTHING, min_size=5, max_size=5))
def test_the_device_takes_no_policy_that_is_none(item):
    assert policies.is_policy(item) in (False, True) and obeyed.is_policy(item) in (False, True)


@given(some.text("0123456789", min_size=18, max_size=20))
def test_device_and_agent_write_an_iccid_alike(iccid):
    assert wire.to_bytes(iccid) == iccid_bytes(iccid)
    assert wire.to_text(iccid_bytes(iccid)) == iccid_text(wire.to_bytes(iccid)) == iccid


BAD_POLICIES = [
    ("fallback =", "not TOML"),
    ('x = 1\nfallback = "a"', "x: write fallback"),
    ('fallback = "a"', "there are 0 tables"),
    (TEXT.replace('fallback = "roaming"', 'fallback = "moon"'), "not a profile; choose from roaming, cis"),
    (TEXT.replace(CIS, ROAMING), "the same ICCID"),
    (TEXT.replace(CIS, "12"), "18 to 20 digits"),
    (TEXT.replace("cis.example", 'a\\"b'), "without quotes"),
    (TEXT.replace("apn =", "apm ="), "no apm"),
    (TEXT.replace("401 =", "1401 ="), "200 to 799"),
    (TEXT.replace("401 =", "nowhere ="), "200 to 799"),
    (TEXT.replace('["cis"]', '["moon"]'), "a list of profiles"),
    (TEXT.replace('["cis"]', "[]"), "a list of profiles"),
    (TEXT.replace("profile.cis", "profile.auto"), "another name"),
    (TEXT + "".join(f"{mcc} = ['cis']\n" for mcc in range(500, 540)), "too long"),
    ("blocked = [401]\n" + TEXT, r"blocked = \[401\]"),
    ("blocked = [0]\n" + TEXT, "200 to 799"),
    ("blocked = [432, 432]\n" + TEXT, "blocked"),
    ("blocked = 432\n" + TEXT, "blocked"),
    (TEXT.replace('user = "u"', "quota_mb = -1"), "megabytes a month"),
    (TEXT.replace('user = "u"', "quota_mb = true"), "megabytes a month"),
    (TEXT + '\n[profile.""]\niccid = "8944000000000000001"\napn = "x"\n', "of at least one character"),
    (TEXT + '\n[profile."a\\nb"]\niccid = "8944000000000000001"\napn = "x"\n', "on one line"),
]


@pytest.mark.parametrize(("text", "said"), BAD_POLICIES)
def test_policies_that_are_none(text, said):
    with pytest.raises(UserError, match=said):
        policy.parse(text)


def test_a_policy_there_and_back():
    found = policy.parse(TEXT)
    assert wire.restored(found.stored()) == found
    assert (found.number("cis"), found.number("moon"), found.name(2), found.name(0)) == (2, 0, "cis", None)


DIRECTED = """
hosts = ["broker.example:8883", "time.example:123"]

[profile.cis.updates]
apn = "updates.example"
host = "updates.example:443"
"""


def directed(old: str = "", new: str = "") -> str:
    """The policy with hosts and an access point for updates, with a change."""
    return TEXT.replace('apn = "cis.example"\n', 'apn = "cis.example"\n' + DIRECTED.replace(old, new))


def test_hosts_and_the_access_point_for_updates():
    found = policy.parse(directed())
    assert wire.restored(json.loads(json.dumps(found.stored()))) == found
    listed = cbor2.loads(found.encode(7, "cis")[10][1])[3]
    assert listed[0][4:] == []
    assert listed[1][4:] == [
        ["broker.example", 8883, "time.example", 123],
        ["updates.example", "u", "p", "updates.example", 443],
    ]
    for old, new, said in (
        (":8883", "", "name and port"),
        (":123", ":99999", "name and port"),
        ('["broker', '["","broker', "name and port"),
        ("hosts", "hostz", "no hostz"),
        ('host = "', 'hast = "', "no hast"),
        ('host = "updates.example:443"', "", "name and port"),
        (DIRECTED[1:52], "hosts = 5", "a list of up to 4"),
    ):
        with pytest.raises(UserError, match=said):
            policy.parse(directed(old, new))


def test_blocked_countries_and_quotas(agent):
    limited = TEXT.replace('user = "u"', "quota_mb = 10")
    found = policy.parse("blocked = [432]\n" + limited)
    assert wire.restored(json.loads(json.dumps(found.stored()))) == found
    revision = agent.sets("blocked = [432]\n" + limited)
    order = agent.hears()
    assert policies.is_policy(order)
    assert [432] in order[4] and order[3][1][4:] == [[], [], 10240] and len(order[3][0]) == 4
    said = [*report(revision), [300, [iccid_bytes(CIS), 5_300_000, 50]]]
    assert agent.hears(said) is None
    with agent.database.reading() as connection:
        kept = stored.report(connection, DEVICE)
    assert kept
    assert (kept.month, json.loads(kept.used_kb)) == (300, [[CIS, 5175]])


def test_an_event_in_words():
    assert wire.describe(wire.Event(1, 1, 1, memory.QUOTA, 80)) == "80 % of the month's data used"
    assert wire.describe(wire.Event(1, 1, 1, memory.BLOCKED, 432)).startswith("radio off")
    assert wire.describe(wire.Event(1, 1, 2, memory.NO_CONNECTION, 11)) == "no connection, cause 11"
    assert wire.describe(wire.Event(1, 1, 2, 99, 0)) == "outcome 99"


def test_the_commands(landbridge: Command, tmp_path):
    command = landbridge
    file = tmp_path / "policy.toml"
    file.write_text(TEXT)
    for number in (1, 2, 3):
        command("devices", "add", f"lb-000{number}")
    assert "2 of 3 devices" in command("esim", "set-policy", str(file), "--all", "--most", "2")
    assert "1 of 3 devices" in command("esim", "set-policy", str(file), "--all")
    assert "0 of 1 devices" in command("esim", "set-policy", str(file), "lb-0001")
    assert "revision" in command("esim", "switch", "lb-0001", "cis")
    assert "waiting for the device" in command("esim", "list")
    shown = command("esim", "show", "lb-0001")
    assert "cis, revision" in shown and "cis.example" in shown and "elsewhere" in shown
    history = command("esim", "history", "lb-0001")
    assert history.count("request by") == 2 and "cis" in history
    assert "not TOML" in command.fails("esim", "set-policy", __file__, "lb-0001")
    assert "cannot read none.toml: it is missing" in command.fails(
        "esim", "set-policy", "none.toml", "lb-0001"
    )
    assert "--all or --tag" in command.fails("esim", "set-policy", str(file))
    assert "no device" in command.fails("esim", "switch", "lb-0009", "cis")
