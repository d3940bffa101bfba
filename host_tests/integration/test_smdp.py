"""The scripted SM-DP+: every status where the standard has it, and everything that a network can do to it."""

from __future__ import annotations

import datetime
import http.client
import json
import socket
import ssl
from typing import Any

import pytest

from host_tests.support import lpa as lpa_module
from host_tests.support.card_downloads import ICCID, MATCH, SMALL, Download, final, profile, ready
from host_tests.support.lpa import ServerError, packed
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import chain
from tools.world.services.smdp.codes import STATUS
from tools.world.services.smdp.functions import NAMES
from tools.world.services.smdp.server import HOSTS, MOST_REQUEST, PATH, Fault, Server


def refused(d: Download, code: str = "") -> tuple[str, str]:
    """Subject and reason of what the server says to a download."""
    with pytest.raises(ServerError) as error:
        d.lpa.download(MATCH, code)
    return error.value.args


def states(d: Download) -> list[str]:
    """Of all orders."""
    return [each.state for each in d.smdp.functions.orders.values()]


# By the state of an order


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"eid": "89049032000000000000000000000000"}, "other-eid"),
        ({"state": "confirmed"}, "not-released"),
        ({"state": "installed"}, "matching-id"),
        ({"state": "error"}, "matching-id"),
        ({"expired": True}, "order-expired"),
        ({"most_downloads": 0}, "too-many-downloads"),
        ({"code": "1234"}, "confirmation-missing"),
    ],
)
def test_an_order_that_cannot_be_had(smdp: Server, order: dict[str, Any], status: str):
    d = ready(smdp, **order)
    assert refused(d) == STATUS[status]
    assert ICCID not in d.iccids()


def test_an_unknown_matching_id(smdp: Server):
    d = ready(smdp)
    with pytest.raises(ServerError) as error:
        d.lpa.download("MATCH-2")
    assert error.value.args == STATUS["matching-id"]


def test_a_confirmation_code_may_be_wrong_three_times(smdp: Server):
    d = ready(smdp, code="1234")
    wanted = ["confirmation-wrong", "confirmation-wrong", "confirmation-exhausted", "confirmation-exhausted"]
    assert [refused(d, "4321") for _ in wanted] == [STATUS[each] for each in wanted]
    assert refused(d, "1234") == STATUS["confirmation-exhausted"]


def test_a_confirmation_code_that_is_right(smdp: Server):
    d = ready(smdp, code="1234")
    assert refused(d, "4321") == STATUS["confirmation-wrong"]
    assert d.lpa.download(MATCH, "1234")[0] == "ok"


def test_a_profile_is_had_once(smdp: Server):
    d = ready(smdp)
    assert d.lpa.download(MATCH)[0] == "ok"
    assert refused(d) == STATUS["matching-id"]


def test_a_card_without_room(smdp: Server):
    d = ready(smdp)
    d.card.memory = 75_000 + SMALL - 1
    assert refused(d) == STATUS["no-room"]


# Retries: the same one-time key of the card brings the same one of the server


def test_the_same_key_brings_the_same_package(smdp: Server):
    d = ready(smdp, rebinds=False)
    first, second = d.lpa.fetch(MATCH), d.lpa.fetch(MATCH)
    assert first != second and len(d.order.bound) == 1 and d.order.downloads == 2
    assert final(d.lpa.load(second)) == (0, 0)


def test_another_key_is_refused_or_brings_another_package(smdp: Server):
    d = ready(smdp, rebinds=False)
    package = d.lpa.fetch(MATCH)
    d.lpa.es10.send(next(lpa_module.segments(package)))  # its key is used up
    assert refused(d) == STATUS["no-rebinding"]
    d.order.rebinds = True
    assert final(d.lpa.load(d.lpa.fetch(MATCH))) == (0, 0)
    assert len({each.otsk.private_numbers().private_value for each in d.order.bound.values()}) == 2


# What the server checks


def test_another_address(smdp: Server):
    d = ready(smdp)
    smdp.functions.address = "other.example"
    assert refused(d) == STATUS["address"]


def test_a_card_of_another_root(smdp: Server):
    d = ready(smdp)
    with pytest.raises(ServerError) as error:
        info = bytes.fromhex("BF20358203020202A9160414") + bytes(20)
        info += bytes.fromhex("AA160414") + bytes(20)
        d.lpa.es9.call(
            "initiateAuthentication",
            euiccChallenge=packed(bytes(16)),
            euiccInfo1=packed(info),
            smdpAddress=smdp.address,
        )
    assert error.value.args == STATUS["unknown-ci"]


def answered(d: Download, change=lambda answer: answer) -> tuple[str, str]:
    """What the server says to a changed answer of the card to AuthenticateServer."""
    answer = change(d.lpa.authenticate_card(d.lpa.initiate(), MATCH))
    with pytest.raises(ServerError) as error:
        d.lpa.es9.call(
            "authenticateClient",
            transactionId=d.lpa.transaction,
            authenticateServerResponse=packed(answer),
        )
    return error.value.args


def test_certificates_and_signatures_of_a_card(smdp: Server):
    d = ready(smdp)
    assert answered(d, lambda a: a[:-1] + bytes([a[-1] ^ 1])) == STATUS["eum-certificate"]
    euicc = chain.euicc(d.card.eid).der
    other = euicc[:-1] + bytes([euicc[-1] ^ 1])
    assert answered(d, lambda a: a.replace(euicc, other)) == STATUS["euicc-certificate"]
    assert (
        answered(d, lambda a: a.replace(smdp.address.encode(), b"x" + smdp.address.encode()[1:]))
        == (STATUS["euicc-signature"])
    )


def test_expired_certificates_of_a_card(smdp: Server):
    d = ready(smdp)
    smdp.functions.now = lambda: datetime.datetime(2051, 1, 1, tzinfo=datetime.UTC)
    assert answered(d) == STATUS["eum-expired"]


def test_an_eid_that_its_maker_may_not_give(smdp: Server):
    d = ready(smdp)
    d.contacts = lpa_module.Direct(Euicc([Profile("8931440400012345678", "204046612345678")], eid="8" * 32))
    d.lpa.es10.contacts = d.contacts
    assert answered(d) == STATUS["euicc-certificate"]


def test_an_unknown_transaction(smdp: Server):
    d = ready(smdp)
    for function, field in (
        ("authenticateClient", "authenticateServerResponse"),
        ("getBoundProfilePackage", "prepareDownloadResponse"),
        ("cancelSession", "cancelSessionResponse"),
    ):
        with pytest.raises(ServerError) as error:
            d.lpa.es9.call(function, transactionId="00" * 16, **{field: packed(b"0")})
        assert error.value.args == STATUS["unknown-transaction"]


def test_a_session_that_was_cancelled_is_over(smdp: Server):
    d = ready(smdp)
    said = d.lpa.authenticate(d.lpa.initiate(), MATCH)
    prepared = d.lpa.prepare(said)
    assert d.lpa.cancel(2)[0] == "ok"
    with pytest.raises(ServerError) as error:
        d.lpa.package(prepared)
    assert error.value.args == STATUS["unknown-transaction"]


def test_a_notification_without_a_signature(smdp: Server):
    d = ready(smdp)
    d.lpa.load(d.lpa.fetch(MATCH))
    pending = d.lpa.pending()[0]
    d.lpa.es9.call("handleNotification", pendingNotification=packed(pending[:-1] + bytes([pending[-1] ^ 1])))
    assert not smdp.functions.notified[0].valid and states(d) == ["downloaded"]
    d.lpa.es9.call("handleNotification", pendingNotification=packed(pending))
    assert smdp.functions.notified[1].valid and states(d) == ["installed"]


# By the script


@pytest.mark.parametrize("status", STATUS)
@pytest.mark.parametrize("function", [each for each in NAMES if each != "handleNotification"])
def test_each_status_on_request(smdp: Server, status: str, function: str):
    d = ready(smdp)
    smdp.faults.append(Fault(function, status=status, times=1))
    with pytest.raises(ServerError) as error:
        if function == "cancelSession":
            d.lpa.authenticate(d.lpa.initiate(), MATCH)
            d.lpa.cancel(0)
        d.lpa.download(MATCH)
    assert error.value.args == STATUS[status]


def test_a_fault_strikes_as_often_as_configured(smdp: Server):
    d = ready(smdp)
    smdp.faults.append(Fault("initiateAuthentication", status="unknown-ci", times=2))
    assert [refused(d) for _ in range(2)] == [STATUS["unknown-ci"]] * 2
    assert d.lpa.download(MATCH)[0] == "ok"


def test_html_in_place_of_an_answer(smdp: Server):
    d = ready(smdp)
    smdp.faults.append(Fault("authenticateClient", http=500, times=1))
    with pytest.raises(http.client.HTTPException, match="500"):
        d.lpa.download(MATCH)
    smdp.faults.append(Fault("authenticateClient", http=500, times=1))
    status, page = d.lpa.es9.post(PATH + "authenticateClient", b"{}")
    assert status == 500 and page.startswith(b"<!doctype html>")


def test_an_answer_that_is_cut_off(smdp: Server):
    d = ready(smdp)
    smdp.faults.append(Fault("getBoundProfilePackage", cut=700, times=1))
    with pytest.raises(http.client.IncompleteRead) as error:
        d.lpa.download(MATCH)
    assert len(error.value.partial) == 700
    assert d.lpa.download(MATCH)[0] == "ok"


def test_a_server_that_takes_its_time(smdp: Server, monkeypatch: pytest.MonkeyPatch):
    d = ready(smdp)
    smdp.faults.append(Fault("initiateAuthentication", wait_s=600, times=1))
    monkeypatch.setattr(lpa_module, "TIMEOUT_S", 0.5)
    with pytest.raises(TimeoutError):
        d.lpa.download(MATCH)


def test_a_redirect_and_a_body_that_is_none(smdp: Server):
    d = ready(smdp)
    smdp.faults.append(Fault("initiateAuthentication", redirect="https://evil.example/", times=1))
    with pytest.raises(http.client.HTTPException, match="302"):
        d.lpa.download(MATCH)
    smdp.faults.append(Fault("initiateAuthentication", body=b"[" * 100_000, times=1))
    with pytest.raises((ValueError, RecursionError)):
        d.lpa.download(MATCH)


# Requests that are none


def test_malformed_requests(smdp: Server):
    es9 = ready(smdp).lpa.es9
    good = json.dumps({"euiccChallenge": "", "euiccInfo1": "", "smdpAddress": ""}).encode()
    assert es9.post("/other", good)[0] == 404
    assert es9.post(PATH + "initiate", good)[0] == 404
    assert es9.post(PATH + "initiateAuthentication", good, protocol="")[0] == 400
    for body in (b"", b"{", b"[]", b"{}", b'{"euiccChallenge": 1}', b'{"transactionId": "xy"}'):
        for function in NAMES:
            assert es9.post(PATH + function, body)[0] == 400, (function, body)


def test_a_request_that_is_too_long(smdp: Server):
    context = ssl.create_default_context(cadata=smdp.ca_pem)
    client = http.client.HTTPSConnection(smdp.address, timeout=lpa_module.TIMEOUT_S, context=context)
    client.putrequest("POST", PATH + "handleNotification")
    client.putheader("Content-Length", str(MOST_REQUEST + 1))
    client.endheaders()
    assert client.getresponse().status == 413
    client.close()


# TLS


@pytest.mark.parametrize(
    "tls",
    [
        chain.server(chain.ROLE_TLS, hosts=HOSTS, not_after=chain.EXPIRED),
        chain.server(chain.ROLE_TLS, hosts=HOSTS, root="CI of others"),
        chain.server(chain.ROLE_TLS, hosts=("other.example",)),
    ],
    ids=["expired", "of another root", "of another host"],
)
def test_certificates_that_a_client_refuses(tls: chain.Credential):
    with Server(tls=tls) as smdp, pytest.raises(ssl.SSLCertVerificationError):
        ready(smdp).lpa.download(MATCH)


def test_a_silent_client_delays_no_other(smdp: Server):
    with socket.create_connection(("127.0.0.1", smdp.port)):
        assert ready(smdp).lpa.download(MATCH)[0] == "ok"


def test_two_orders_at_a_time(smdp: Server):
    d = ready(smdp)
    other = smdp.order("MATCH-2", profile(SMALL, "8949030000000000998"))
    assert d.lpa.download(MATCH)[0] == "ok" and d.lpa.download("MATCH-2")[0] == "ok"
    assert other.state == d.order.state == "installed"
