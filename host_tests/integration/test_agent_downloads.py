"""Profiles loaded onto a strict card through the agent, from a scripted SM-DP+."""

import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from landbridge.config import Esim
from landbridge.core.errors import UserError
from landbridge.db.keys import Keyring
from landbridge.features.downloads import queries, rules, trust
from landbridge.features.downloads.rules import Wanted
from landbridge.features.esim import coding
from landbridge.features.esim.queries import policies
from landbridge.features.trips import queries as trips
from landbridge.protocol import der
from landbridge.tracking.trip_end import ON_TRIP_END

from host_tests.support.agent import DEVICE, NOW_S, Installation, wait_until
from host_tests.support.downloads import (
    LOCAL,
    MATCH,
    ROAMING,
    DownloadingAgent,
    LocatorWithCard,
    card,
    ends,
    iccids,
    local,
)
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import TEST
from tools.world.services.smdp.server import Fault, Server


@pytest.fixture
def device(agent: DownloadingAgent, smdp: Server) -> LocatorWithCard:
    """A device for which a download is ordered."""
    smdp.order(MATCH, local())
    agent.order()
    return LocatorWithCard(agent, card())


@pytest.mark.parametrize("size", [12_000, 15_000, 40_000])
def test_a_profile_is_installed_byte_for_byte(agent: DownloadingAgent, smdp: Server, size: int):
    smdp.order(MATCH, local(size))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    shown = agent.shown()
    assert (shown["state"], shown["problem"], shown["iccid"]) == ("installed", None, LOCAL)
    assert (shown["profile"], shown["provider"]) == ("Steppe", "Kazmobile")
    (there,) = [each for each in device.card.profiles if each.iccid == LOCAL]
    assert sha256(there.package).digest() == sha256(local(size).package).digest()
    assert device.card.enabled.iccid != LOCAL
    assert [(each.valid, each.reason) for each in smdp.functions.notified] == [(True, 0)]
    assert device.card.notifications == []


def test_the_same_on_a_server(tmp_path: Path, smdp: Server, postgres: str):
    smdp.order(MATCH, local())
    smdp.faults.append(Fault("getBoundProfilePackage", status="unknown-transaction", times=1))
    agent = DownloadingAgent(tmp_path, smdp, place=postgres)
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert [each.removed_s is None for each in agent.notices()] == [False]
    agent.database.close()


@pytest.mark.parametrize("rule", [0x40, 0x20, 0x60])
def test_a_profile_that_could_not_be_left_again_is_refused(agent, smdp, rule):
    smdp.order(MATCH, replace(local(), rules=rule))
    agent.order()
    assert "disabled or deleted" in ends(agent)[0]
    (transaction,) = smdp.functions.transactions.values()
    assert transaction.closed == "cancelled, reason 3"


def test_a_profile_for_tests_is_refused(agent, smdp):
    smdp.order(MATCH, replace(local(), kind=TEST))
    agent.order()
    assert "for tests" in ends(agent)[0]


def test_a_profile_that_is_there_is_not_loaded_again(agent, smdp):
    smdp.order(MATCH, replace(local(), iccid=ROAMING))
    agent.order()
    assert "already has a profile" in ends(agent)[0]
    assert "getBoundProfilePackage" not in smdp.calls


def test_a_card_with_little_memory_gets_no_package(agent, smdp):
    smdp.order(MATCH, local(15_000))
    agent.order()
    problem, device = ends(agent, memory=15_000 + 20_000)
    assert "20000 bytes free" in problem and device.pulls == 0
    (transaction,) = smdp.functions.transactions.values()
    assert transaction.closed == "cancelled, reason 5"


@pytest.mark.parametrize(
    ("quirk", "word"),
    [("load-iccid", "already"), ("load-memory", "memory"), ("load-interrupted", "interrupted")],
)
def test_the_result_of_a_load_is_shown_and_posted(agent, smdp, quirk, word):
    smdp.order(MATCH, local())
    agent.order()
    problem, device = ends(agent, quirks=frozenset({quirk}))
    assert word in problem
    reasons = {"load-iccid": [9], "load-memory": [10], "load-interrupted": [11, 11]}[quirk]
    assert [each.reason for each in smdp.functions.notified] == reasons
    assert device.card.notifications == []


@pytest.mark.parametrize("tag", [0xBF38, 0xBF21])
def test_a_session_that_is_lost_begins_again(agent, smdp, tag, device):
    device.restart_at = tag
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert agent.row().sessions == 1
    assert [each.reason for each in smdp.functions.notified] == [0]


@pytest.mark.parametrize("segment", [0, 1, 2, 5, 11])
def test_a_power_cut_while_loading_is_detected_and_the_profile_loaded_again(agent, segment, device):
    device.cut_at = segment
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert iccids(device.card).count(LOCAL) == 1
    assert agent.row().loads == 1


def test_an_answer_that_is_lost_though_installed_is_found_on_the_card(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card(quirks=frozenset({"answer-lost"})))
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert iccids(device.card).count(LOCAL) == 1
    assert smdp.calls.count("getBoundProfilePackage") == 1
    assert [each.reason for each in smdp.functions.notified] == [0]


def test_a_result_that_cannot_be_read_is_looked_for_on_the_card(agent, smdp, device):
    device.garbles = True
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert smdp.calls.count("getBoundProfilePackage") == 1
    assert [each.reason for each in smdp.functions.notified] == [0]


def test_a_package_that_arrives_damaged_is_not_loaded(agent, device):
    device.damage = True
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert (agent.row().sessions, agent.row().loads) == (1, 0)


def test_a_device_that_cannot_begin_yet_is_waited_for(agent, device):
    device.postponed = 16
    device.contact()
    shown = agent.shown()
    assert shown["state"] == "ordered"
    assert shown["postponed"] == "battery too weak; next attempt at 3.35 V under load"
    assert device.turns == 2
    device.postponed = 0
    device.until_over()
    assert (agent.shown()["state"], agent.shown()["postponed"]) == ("installed", None)


def test_a_cancelled_download_is_over_for_the_device(agent, device):
    device.contact(most=2)
    cancel(agent)
    device.contact()
    agent.works()
    assert agent.shown()["state"] == "cancelled"
    assert iccids(device.card) == [ROAMING]
    with pytest.raises(UserError, match="has ended"):
        cancel(agent)


def cancel(agent: DownloadingAgent) -> None:
    with agent.database.writing() as connection:
        row = queries.find(connection, 1)
        assert row is not None
        rules.cancel(connection, row, "bench", agent.at_s)


def test_a_download_ends_with_the_trip_of_its_tenant(agent, smdp):
    smdp.order(MATCH, local())
    wanted = Wanted(DEVICE, rules.code_of(agent.code(), "", agent.trusted))
    with agent.database.writing() as connection:
        trip = trips.start(connection, DEVICE, "MSKU1234565", "", "", 3600, agent.at_s)
        rules.order(connection, agent.keyring, wanted, False, "bench", agent.at_s, trip)
        agent_wide = Wanted(DEVICE, wanted.code._replace(matching_id="OTHER"))
        rules.order(connection, agent.keyring, agent_wide, False, "bench", agent.at_s)
        for act in ON_TRIP_END:
            act(connection, DEVICE, trip, agent.at_s)
    assert (agent.shown()["state"], agent.shown()["problem"]) == ("cancelled", "the trip has ended")
    assert agent.row().wrapped_code is None
    assert agent.shown(2)["open"]


def test_a_code_is_used_once(agent, smdp):
    agent.order()
    with pytest.raises(UserError, match="download 1 for lb-0001 uses this activation code"):
        agent.order()


def test_nothing_secret_is_in_database_log_or_audit(agent, smdp, caplog):
    caplog.set_level(logging.DEBUG)
    secret, confirmation = "SECRET-MATCH-77", "CONFIRM-88"
    smdp.order(secret, local(), code=confirmation)
    agent.order(agent.code(secret), confirmation)
    device = LocatorWithCard(agent, card())
    contents = b""
    for _ in range(16):
        device.contact(most=1)
        agent.works()
        contents += b"".join(each.read_bytes() for each in agent.folder.glob("agent.sqlite3*"))
        contents = contents[-50_000_000:]
        assert secret.encode() not in contents and confirmation.encode() not in contents
    assert secret not in caplog.text and confirmation not in caplog.text
    package = local().package
    assert package[200:260] not in contents


def test_a_tag_that_the_device_refuses_ends_the_order(agent, smdp):
    agent.order()
    device = LocatorWithCard(agent, card())
    device.may = ()
    device.until_over()
    assert "the device refuses" in agent.shown()["problem"]


def test_another_card_in_the_device_ends_the_order(agent, device):
    device.restart_at = 0xBF38
    device.contact(most=5)
    other = LocatorWithCard(agent, card(eid="89049032123451234512345678901144"))
    other.until_over()
    assert "another card" in agent.shown()["problem"]


def test_a_server_that_leaves_the_list_is_not_asked(tmp_path, smdp):
    first = DownloadingAgent(tmp_path, smdp)
    first.order()
    first.database.close()
    agent = DownloadingAgent(tmp_path, smdp, servers="elsewhere.example")
    assert "not on the list" in ends(agent)[0]
    agent.database.close()
    assert smdp.calls == []


def test_a_device_that_sends_no_certificates_is_not_asked_without_end(agent, smdp):
    stripped = der.make(0x30, bytes.fromhex(METADATA), der.make(0x5F37, bytes(64)))
    piece = [5, 0x40, iccid_bytes(LOCAL), len(stripped), 0, stripped]
    agent.hears({14: [0, 1, card().eid, 0, 0, [], [], [], piece]})
    asked = 0
    while (row := agent.notices()[0]).posted_s is None:
        agent.works()
        found = agent.hears({14: [0, 1, card().eid, 0, 0, [], []]}).get(12)
        if found and found[2] == bytes.fromhex("BF2B05A003800105"):
            asked += 1
            agent.hears({15: [0, row.notification, 0, der.make(0xBF2B, der.make(0xA0, stripped))]})
        agent.at_s += 60
    assert asked == 3
    assert "certificates" in row.failure


METADATA = "BF2F21800105810204400C0C736D64702E6578616D706C655A0A989430000000000000F1"


def test_a_card_that_is_no_euicc_gets_no_order(agent):
    agent.hears({14: [0, 4, "", 0, 0, [], []]})
    with pytest.raises(UserError, match="not an eUICC"):
        agent.order()


def test_a_result_that_comes_after_the_order_was_cancelled_is_kept_nevertheless(agent, smdp, device):
    device.before_result = lambda: cancel(agent)
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert agent.shown()["problem"] == "installed although the order had ended"
    assert iccids(device.card) == [ROAMING, LOCAL]
    assert [each.reason for each in smdp.functions.notified] == [0]


def test_a_profile_is_enabled_where_the_policy_has_it(agent, smdp):
    smdp.order(MATCH, local())
    profile = coding.Profile(LOCAL, "local.example", "", "")
    first = coding.Profile(ROAMING, "iot", "", "")
    policy = coding.Policy({"roaming": first, "local": profile}, "roaming", {0: ("roaming",)})
    with agent.database.writing() as connection:
        policies.set_desired(connection, DEVICE, policy, "auto", "bench", agent.at_s)
    agent.order(then_enable=True)
    device = LocatorWithCard(agent, card())
    device.until_over()
    with agent.database.reading() as connection:
        desired = policies.desired(connection, DEVICE)
    assert desired is not None and desired.profile == "local"
    assert (agent.shown()["state"], agent.shown()["problem"]) == ("installed", None)
    with agent.database.writing() as connection:
        policies.keep_identity(connection, DEVICE, {"iccid": LOCAL}, agent.at_s + 60)
    assert agent.shown()["state"] == "enabled"


def test_a_profile_that_no_policy_has_stays_disabled(agent, smdp):
    smdp.order(MATCH, local())
    agent.order(then_enable=True)
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert LOCAL in agent.shown()["problem"] and "not enabled" in agent.shown()["problem"]


def test_progress_is_shown_in_pieces(agent, smdp):
    smdp.order(MATCH, local(15_000))
    agent.order()
    device = LocatorWithCard(agent, card())
    seen: list[tuple[int, int]] = []
    device.watch = lambda: seen.append((agent.shown()["loaded"], agent.shown()["pieces"]))
    device.contact()
    assert seen[:3] == [(1, 13), (2, 13), (3, 13)] and seen[-1] == (13, 13)
    assert len(seen) == 13


def test_a_device_asks_less_often_the_longer_the_server_takes(agent, smdp):
    agent.order()
    device = LocatorWithCard(agent, card())
    device.contact(most=1)
    step = agent.row().step
    waits, elapsed = [], 0
    found = agent.hears({15: [1, step, 0, device.collected()]})[12][2]
    while elapsed < 60:
        waits.append(found)
        seconds = -(-found // 4)
        elapsed += seconds
        agent.at_s += seconds
        found = agent.hears({15: [1, step, 0, b""]})[12][2]
    assert waits == [1, 4, 8, 16, 32, 64, 120]


def test_the_agent_can_start_while_the_device_is_away(agent, smdp):
    """An order without its device costs nothing, and what comes late of it changes nothing."""
    smdp.order(MATCH, local())
    agent.order()
    agent.works()
    assert smdp.calls == []
    assert agent.hears({15: [1, 5, 0, b"\x30\x00"]}) is not None  # of a step that was never asked for
    assert agent.hears({15: [77, 5, 0, b"\x30\x00"]})[12] is not None
    assert agent.row().answered is False


class Served:
    """An agent that runs, with its broker, as `LocatorWithCard` wants it."""

    def __init__(self, installation: Installation, smdp: Server) -> None:
        (installation.folder / "ci.pem").write_text(smdp.ca_pem)
        esim = Esim(smdp.address, str(installation.folder / "ci.pem"))
        installation.config = replace(installation.config, esim=esim)
        self.database = installation.database()
        self.keyring = Keyring(self.database.place)
        wanted = Wanted(DEVICE, rules.code_of(f"LPA:1${smdp.address}${MATCH}", "", trust.load(esim)))
        with self.database.writing() as connection:
            rules.order(connection, self.keyring, wanted, False, "bench", NOW_S)
        installation.start()
        self._device = installation.device()

    def hears(self, reports: dict[int, Any], device: str = DEVICE) -> dict[int, Any]:
        return {key: item for key, item in self._device.send([], reports=reports).items() if key >= 4}

    def row(self) -> Any:
        with self.database.reading() as connection:
            return queries.find(connection, 1)

    def works(self) -> None:
        wait_until(lambda: not self.row().answered, "the agent goes on")


def test_an_agent_that_runs_loads_a_profile(installation: Installation, smdp: Server):
    smdp.order(MATCH, local())
    agent: Any = Served(installation, smdp)
    device = LocatorWithCard(agent, card())
    device.contact()
    agent.works()
    assert agent.row().outcome == "installed"
    assert iccids(device.card) == [ROAMING, LOCAL]
    wait_until(lambda: smdp.functions.notified, "the server is notified")
