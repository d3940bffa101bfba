"""Profiles loaded onto a strict card through the agent, from a scripted SM-DP+."""

import json
import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from landbridge.config import Esim
from landbridge.core.errors import UserError
from landbridge.db.keys import Keyring
from landbridge.db.tables import euicc_certificates
from landbridge.features.downloads import queries, rules, trust
from landbridge.features.downloads.es9 import ERRORS
from landbridge.features.downloads.rules import Wanted
from landbridge.features.esim import coding
from landbridge.features.esim.queries import policies
from landbridge.features.trips import queries as trips
from landbridge.protocol import der
from landbridge.tracking.trip_end import ON_TRIP_END

from host_tests.support.agent import DEVICE, NOW_S, Installation, wait_until
from host_tests.support.downloads import (
    IMSI,
    LOCAL,
    MATCH,
    ROAMING,
    DownloadingAgent,
    LocatorWithCard,
    card,
    local,
)
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import ENABLE, TEST, Profile
from tools.modem.card.rsp import chain
from tools.world.services.smdp.binding import DAMAGES as PACKAGE_DAMAGES
from tools.world.services.smdp.codes import STATUS
from tools.world.services.smdp.damage import DAMAGES
from tools.world.services.smdp.server import Fault, Server


def iccids(euicc: Euicc) -> list[str]:
    return [each.iccid for each in euicc.profiles]


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


def ends(agent: DownloadingAgent, **card_has: Any) -> tuple[str, LocatorWithCard]:
    """Why an order has failed, and the device; its card is as it was."""
    device = LocatorWithCard(agent, card(**card_has))
    before = iccids(device.card)
    device.until_over()
    shown = agent.shown()
    assert shown["state"] == "failed" and shown["problem"]
    assert iccids(device.card) == before
    assert agent.row().wrapped_code is None and agent.row().wrapped_session is None
    return str(shown["problem"]), device


AT_CLIENT = [name for name in STATUS if name not in ("address", "unknown-ci", "unknown-transaction")]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("initiateAuthentication", "address"),
        ("initiateAuthentication", "unknown-ci"),
        *(("authenticateClient", name) for name in AT_CLIENT),
        *(("getBoundProfilePackage", name) for name in AT_CLIENT if name.startswith("confirmation")),
        ("getBoundProfilePackage", "no-rebinding"),
    ],
)
def test_each_refusal_of_the_server_ends_the_order_with_a_sentence(agent, smdp, function, name):
    smdp.order(MATCH, local())
    smdp.faults.append(Fault(function, status=name))
    agent.order()
    problem, device = ends(agent)
    code = "/".join(STATUS[name])
    assert agent.shown()["refusal"] == code
    assert problem == ERRORS[code]
    assert device.sessions == 1


def test_an_unknown_code_is_shown_by_its_number(agent, smdp):
    data = {"subjectCode": "8.9.9", "reasonCode": "7.7"}
    status = {"status": "Failed", "statusCodeData": data}
    body = json.dumps({"header": {"functionExecutionStatus": status}}).encode()
    smdp.faults.append(Fault("initiateAuthentication", body=body))
    agent.order()
    assert "8.9.9/7.7" in ends(agent)[0]


@pytest.mark.parametrize("fault", [{"http": 500}, {"http": 503}, {"cut": 20}, {"body": b"[" * 100}])
@pytest.mark.parametrize(
    "function", ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage"]
)
def test_a_temporary_error_is_retried_within_the_session(agent, smdp, fault, function):
    smdp.order(MATCH, local())
    smdp.faults.append(Fault(function, times=2, **fault))
    agent.order()
    device = LocatorWithCard(agent, card(), passing=True)
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert smdp.calls.count(function) == 3
    assert agent.row().sessions == 0


def test_a_server_that_is_away_is_asked_again_later_and_later(agent, smdp):
    smdp.order(MATCH, local())
    smdp.faults.append(Fault("authenticateClient", http=500, times=8))
    agent.order()
    device = LocatorWithCard(agent, card(), passing=True)
    device.contact()
    row = agent.row()
    assert (row.stage, row.sessions, row.outcome) == ("ordered", 1, None)
    assert row.next_s - agent.at_s == 300
    assert agent.shown()["problem"] == f"{smdp.address} answers with status 500"
    turns = device.turns
    device.contact()
    assert device.turns == turns + 1  # before that time nothing is asked of the device
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert [each.reason for each in smdp.functions.notified] == [0]


def test_a_server_that_stays_away_ends_the_order(agent, smdp):
    smdp.faults.append(Fault("initiateAuthentication", http=500))
    agent.order()
    device = LocatorWithCard(agent, card(), passing=True)
    device.until_over(most=40)
    assert agent.shown()["state"] == "failed"
    assert "given up after 10 sessions" in agent.shown()["problem"]


def test_a_forgotten_transaction_brings_another_session(agent, smdp):
    smdp.order(MATCH, local())
    smdp.faults.append(Fault("getBoundProfilePackage", status="unknown-transaction", times=1))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert (agent.row().sessions, device.sessions) == (1, 2)  # the second one removes the notification


def test_a_redirect_is_not_followed(agent, smdp):
    smdp.faults.append(Fault("initiateAuthentication", redirect=f"https://{smdp.address}/elsewhere"))
    agent.order()
    assert "302" in ends(agent)[0]
    assert smdp.calls == ["initiateAuthentication"]


def test_an_answer_without_end_is_not_read(agent, smdp):
    smdp.faults.append(Fault("initiateAuthentication", body=b'{"a": "' + b"x" * 300_000 + b'"}'))
    agent.order()
    assert "too long" in ends(agent)[0]


@pytest.mark.parametrize("value", [{"transactionId": "zz"}, {}, {"transactionId": "00" * 17}, {"x": 1}])
def test_an_answer_without_its_fields_ends_the_order(agent, smdp, value):
    smdp.faults.append(Fault("initiateAuthentication", body=json.dumps(value).encode()))
    agent.order()
    assert "transactionId" in ends(agent)[0]


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_what_the_server_has_signed_wrongly_is_refused(agent, smdp, damage):
    smdp.order(MATCH, local())
    smdp.functions.damage = (damage,)
    agent.order()
    problem, _ = ends(agent)
    wanted = "card does not know the server's certificate authority" if damage == "server-root" else "server"
    assert wanted in problem
    if damage.startswith("server"):
        assert smdp.calls == ["initiateAuthentication"]
    else:
        assert smdp.calls == ["initiateAuthentication", "authenticateClient", "cancelSession"]
        (transaction,) = smdp.functions.transactions.values()
        assert transaction.closed == "cancelled, reason 4"


@pytest.mark.parametrize("damage", sorted(PACKAGE_DAMAGES))
def test_a_package_that_is_wrong_is_not_installed(agent, smdp, damage):
    smdp.order(MATCH, local())
    smdp.functions.damage = (damage,)
    agent.order()
    ends(agent)


@pytest.mark.parametrize(("oid", "state"), [(chain.SMDP_OID, "installed"), ("2.999.11", "failed")])
def test_the_server_is_the_one_that_the_code_names(agent, smdp, oid, state):
    smdp.order(MATCH, local())
    agent.order(f"{agent.code()}${oid}")
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.shown()["state"] == state
    if state == "failed":
        assert smdp.calls == ["initiateAuthentication"]
        assert "not the one that the activation code names" in agent.shown()["problem"]


def test_a_notification_goes_to_no_server_that_is_not_listed(tmp_path, smdp):
    first = DownloadingAgent(tmp_path, smdp)
    smdp.order(MATCH, local())
    first.order()
    device = LocatorWithCard(first, card())
    device.contact()
    first.database.close()
    agent = DownloadingAgent(tmp_path, smdp, servers="elsewhere.example")
    agent.works()
    (row,) = agent.notices()
    assert row.posted_s is None and "not on the list" in row.failure
    assert row.next_s > agent.at_s + 3_600
    assert "handleNotification" not in smdp.calls
    agent.database.close()


def test_a_tls_certificate_of_others_is_not_trusted(tmp_path):
    others = chain.server(chain.ROLE_TLS, root="CI of others", hosts=("localhost",))
    with Server(tls=others) as smdp:
        agent = DownloadingAgent(tmp_path, smdp)
        agent.order()
        problem, _ = ends(agent)
        agent.database.close()
    assert "TLS certificate" in problem and "ci_file" in problem
    assert smdp.calls == []


def test_the_confirmation_code_is_hashed_for_the_server(agent, smdp):
    smdp.order(MATCH, local(), code="4711")
    agent.order(confirmation="4711")
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.shown()["state"] == "installed"


def test_a_wrong_confirmation_code_ends_the_order(agent, smdp):
    order = smdp.order(MATCH, local(), code="4711")
    agent.order(confirmation="4712")
    assert "confirmation code is wrong" in ends(agent)[0]
    assert order.wrong_codes == 1


def test_a_missing_confirmation_code_leaves_the_order_at_the_server(agent, smdp):
    order = smdp.order(MATCH, local(), code="4711")
    agent.order()
    assert "confirmation code is missing" in ends(agent)[0]
    assert (order.state, smdp.calls[-1]) == ("released", "cancelSession")
    agent.order(confirmation="4711")
    device = LocatorWithCard(agent, card())
    device.contact()
    assert agent.shown(2)["state"] == "installed"


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
def test_a_session_that_is_lost_begins_again(agent, smdp, tag):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
    device.restart_at = tag
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert agent.row().sessions == 1
    assert [each.reason for each in smdp.functions.notified] == [0]


@pytest.mark.parametrize("segment", [0, 1, 2, 5, 11])
def test_a_power_cut_while_loading_is_detected_and_the_profile_loaded_again(agent, smdp, segment):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
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


def test_a_result_that_cannot_be_read_is_looked_for_on_the_card(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
    device.garbles = True
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert smdp.calls.count("getBoundProfilePackage") == 1
    assert [each.reason for each in smdp.functions.notified] == [0]


def test_a_package_that_arrives_damaged_is_not_loaded(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
    device.damage = True
    device.until_over()
    assert agent.shown()["state"] == "installed"
    assert (agent.row().sessions, agent.row().loads) == (1, 0)


def test_a_device_that_cannot_begin_yet_is_waited_for(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
    device.postponed = 16
    device.contact()
    shown = agent.shown()
    assert shown["state"] == "ordered"
    assert shown["postponed"] == "battery too weak; next attempt at 3.35 V under load"
    assert device.turns == 2
    device.postponed = 0
    device.until_over()
    assert (agent.shown()["state"], agent.shown()["postponed"]) == ("installed", None)


def test_a_cancelled_download_is_over_for_the_device(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
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


def test_another_card_in_the_device_ends_the_order(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
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


@pytest.mark.parametrize("is_known", [True, False])
def test_notifications_of_switches_are_posted_and_then_removed(agent, smdp, is_known):
    """`is_known`: whether the certificates of the card are; else they are asked for."""
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    smdp.functions.notified.clear()
    if not is_known:
        with agent.database.writing() as connection:
            connection.execute(euicc_certificates.delete())
    device.card.es10(bytes.fromhex("BF3111A00C5A0A") + iccid_bytes(LOCAL) + bytes.fromhex("810100"))
    (note,) = [each for each in device.card.notifications if each.operation == ENABLE]
    whole = device.notification(note.seq)
    assert len(whole) > 1_000
    device.tell_stripped(note.seq, note.operation, LOCAL, whole)
    assert len(agent.notices()[-1].content) < 150
    device.until_over()
    assert [(each.operation, each.valid) for each in smdp.functions.notified] == [(ENABLE, True)]
    assert note not in device.card.notifications
    assert agent.notices()[-1].failure is None


def test_a_notification_waits_on_the_card_until_its_server_has_it(agent, smdp):
    smdp.order(MATCH, local())
    smdp.faults.append(Fault("handleNotification", http=500, times=2))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.contact()
    for tries in (1, 2):
        agent.works()
        device.contact()
        (row,) = agent.notices()
        assert (row.posted_s, row.tries, len(device.card.notifications)) == (None, tries, 1)
        agent.at_s = row.next_s
    agent.works()
    device.contact()
    assert device.card.notifications == []
    assert agent.notices()[0].removed_s is not None


def test_a_notification_of_another_card_is_not_removed_from_this_one(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
    device.contact()
    agent.works()
    other = LocatorWithCard(agent, card(eid="89049032123451234512345678901144"))
    other.contact()
    assert agent.notices()[0].removed_s is None


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


def test_a_result_that_comes_after_the_order_was_cancelled_is_kept_nevertheless(agent, smdp):
    smdp.order(MATCH, local())
    agent.order()
    device = LocatorWithCard(agent, card())
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


def manage(agent: DownloadingAgent, verb: Any, *words: str) -> int:
    with agent.database.writing() as connection:
        number: int = verb(connection, agent.keyring, DEVICE, *words, "bench", agent.at_s)
    return number


def two_profiles() -> Euicc:
    first, second = (Profile(ROAMING, "460011234567890"), Profile(LOCAL, IMSI))
    return Euicc([first, second])


def test_a_profile_is_deleted_and_its_memory_is_free(agent, smdp):
    manage(agent, rules.delete, LOCAL)
    device = LocatorWithCard(agent, two_profiles())
    before = device.card.free()
    device.until_over()
    assert (agent.shown()["state"], agent.shown()["task"], agent.shown()["problem"]) == (
        "done",
        "delete",
        None,
    )
    assert iccids(device.card) == [ROAMING]
    with agent.database.reading() as connection:
        assert queries.free_bytes(connection, DEVICE, device.card.eid) == device.card.free() > before


def test_a_deletion_whose_answer_is_lost_is_done(agent, smdp):
    manage(agent, rules.delete, LOCAL)
    device = LocatorWithCard(agent, two_profiles())
    device.lose_answer = True
    device.until_over()
    assert (agent.shown()["state"], agent.row().sessions) == ("done", 1)


def test_the_profile_in_use_is_not_deleted(agent, smdp):
    manage(agent, rules.delete, ROAMING)
    problem, _ = ends(agent)
    assert "in use" in problem


def test_a_profile_that_is_not_there_is_not_deleted(agent, smdp):
    manage(agent, rules.delete, LOCAL)
    assert "no such profile" in ends(agent)[0]


def test_a_profile_of_the_policy_is_not_deleted(agent, smdp):
    profile = coding.Profile(LOCAL, "local.example", "", "")
    policy = coding.Policy({"local": profile}, "local", {0: ("local",)})
    with agent.database.writing() as connection:
        policies.set_desired(connection, DEVICE, policy, "auto", "bench", agent.at_s)
    with pytest.raises(UserError, match="policy of lb-0001 names"):
        manage(agent, rules.delete, LOCAL)


def test_a_profile_is_named(agent, smdp):
    manage(agent, rules.rename, LOCAL, "Степь")
    device = LocatorWithCard(agent, two_profiles())
    device.until_over()
    assert agent.shown()["state"] == "done"
    assert device.card.profiles[1].nickname == "Степь"


@pytest.mark.parametrize(
    ("iccid", "name"),
    [("89971", "A"), (LOCAL, ""), (LOCAL, "x" * 65), (LOCAL, "a\nb"), ("8997101234567890x23", "A")],
)
def test_an_invalid_name_or_number_is_refused(agent, iccid, name):
    with pytest.raises(UserError):
        manage(agent, rules.rename, iccid, name)


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
