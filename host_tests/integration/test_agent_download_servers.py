"""What a server says and does to a download: refusals, faults, signatures, certificates, and what it asks."""

import json

import pytest
from landbridge.features.downloads.es9 import ERRORS

from host_tests.support.downloads import (
    MATCH,
    DownloadingAgent,
    LocatorWithCard,
    card,
    ends,
    local,
)
from tools.modem.card.rsp import chain
from tools.world.services.smdp.binding import DAMAGES as PACKAGE_DAMAGES
from tools.world.services.smdp.codes import STATUS
from tools.world.services.smdp.damage import DAMAGES
from tools.world.services.smdp.server import Fault, Server

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
def test_a_wrong_signature_of_the_server_is_refused(agent, smdp, damage):
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
