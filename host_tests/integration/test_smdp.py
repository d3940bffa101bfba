"""The scripted SM-DP+: every status where the standard has it, and everything that a network can do to it."""

from __future__ import annotations

import datetime
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from host_tests.support import lpa as lpa_module
from host_tests.support.card_downloads import ICCID, MATCH, SMALL, Bench, bench, final, profile
from host_tests.support.lpa import ServerError, packed
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import chain
from tools.world.services.smdp.codes import STATUS
from tools.world.services.smdp.functions import NAMES
from tools.world.services.smdp.server import HOSTS, MOST_REQUEST, PATH, Fault, Server


@pytest.fixture
def smdp() -> Iterator[Server]:
    with Server() as server:
        yield server


def refused(b: Bench, code: str = "") -> tuple[str, str]:
    """Subject and reason of what the server says to a download."""
    with pytest.raises(ServerError) as error:
        b.lpa.download(MATCH, code)
    return error.value.args


def states(b: Bench) -> list[str]:
    """Of all orders."""
    return [each.state for each in b.smdp.functions.orders.values()]


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
    b = bench(smdp, **order)
    assert refused(b) == STATUS[status]
    assert ICCID not in b.iccids()


def test_an_unknown_matching_id(smdp: Server):
    b = bench(smdp)
    with pytest.raises(ServerError) as error:
        b.lpa.download("MATCH-2")
    assert error.value.args == STATUS["matching-id"]


def test_a_confirmation_code_may_be_wrong_three_times(smdp: Server):
    b = bench(smdp, code="1234")
    wanted = ["confirmation-wrong", "confirmation-wrong", "confirmation-exhausted", "confirmation-exhausted"]
    assert [refused(b, "4321") for _ in wanted] == [STATUS[each] for each in wanted]
    assert refused(b, "1234") == STATUS["confirmation-exhausted"]


def test_a_confirmation_code_that_is_right(smdp: Server):
    b = bench(smdp, code="1234")
    assert refused(b, "4321") == STATUS["confirmation-wrong"]
    assert b.lpa.download(MATCH, "1234")[0] == "ok"


def test_a_profile_is_had_once(smdp: Server):
    b = bench(smdp)
    assert b.lpa.download(MATCH)[0] == "ok"
    assert refused(b) == STATUS["matching-id"]


def test_a_card_without_room(smdp: Server):
    b = bench(smdp)
    b.card.memory = 75_000 + SMALL - 1
    assert refused(b) == STATUS["no-room"]


# Retries: the same one-time key of the card brings the same one of the server


def test_the_same_key_brings_the_same_package(smdp: Server):
    b = bench(smdp, rebinds=False)
    first, second = b.lpa.fetch(MATCH), b.lpa.fetch(MATCH)
    assert first != second and len(b.order.bound) == 1 and b.order.downloads == 2
    assert final(b.lpa.load(second)) == (0, 0)


def test_another_key_is_refused_or_brings_another_package(smdp: Server):
    b = bench(smdp, rebinds=False)
    package = b.lpa.fetch(MATCH)
    b.lpa.es10.send(next(lpa_module.segments(package)))  # its key is used up
    assert refused(b) == STATUS["no-rebinding"]
    b.order.rebinds = True
    assert final(b.lpa.load(b.lpa.fetch(MATCH))) == (0, 0)
    assert len({each.otsk.private_numbers().private_value for each in b.order.bound.values()}) == 2


# What the server checks


def test_another_address(smdp: Server):
    b = bench(smdp)
    smdp.functions.address = "other.example"
    assert refused(b) == STATUS["address"]


def test_a_card_of_another_root(smdp: Server):
    b = bench(smdp)
    with pytest.raises(ServerError) as error:
        info = bytes.fromhex("BF20358203020202A9160414") + bytes(20)
        info += bytes.fromhex("AA160414") + bytes(20)
        b.lpa.es9.call(
            "initiateAuthentication",
            euiccChallenge=packed(bytes(16)),
            euiccInfo1=packed(info),
            smdpAddress=smdp.address,
        )
    assert error.value.args == STATUS["unknown-ci"]


def answered(b: Bench, change=lambda answer: answer) -> tuple[str, str]:
    """What the server says to a changed answer of the card to AuthenticateServer."""
    answer = change(b.lpa.authenticate_card(b.lpa.initiate(), MATCH))
    with pytest.raises(ServerError) as error:
        b.lpa.es9.call(
            "authenticateClient",
            transactionId=b.lpa.transaction,
            authenticateServerResponse=packed(answer),
        )
    return error.value.args


def test_certificates_and_signatures_of_a_card(smdp: Server):
    b = bench(smdp)
    assert answered(b, lambda a: a[:-1] + bytes([a[-1] ^ 1])) == STATUS["eum-certificate"]
    euicc = chain.euicc(b.card.eid).der
    other = euicc[:-1] + bytes([euicc[-1] ^ 1])
    assert answered(b, lambda a: a.replace(euicc, other)) == STATUS["euicc-certificate"]
    assert (
        answered(b, lambda a: a.replace(smdp.address.encode(), b"x" + smdp.address.encode()[1:]))
        == (STATUS["euicc-signature"])
    )


def test_expired_certificates_of_a_card(smdp: Server):
    b = bench(smdp)
    smdp.functions.now = lambda: datetime.datetime(2051, 1, 1, tzinfo=datetime.UTC)
    assert answered(b) == STATUS["eum-expired"]


def test_an_eid_that_its_maker_may_not_give(smdp: Server):
    b = bench(smdp)
    b.contacts = lpa_module.Direct(Euicc([Profile("8931440400012345678", "204046612345678")], eid="8" * 32))
    b.lpa.es10.contacts = b.contacts
    assert answered(b) == STATUS["euicc-certificate"]


def test_an_unknown_transaction(smdp: Server):
    b = bench(smdp)
    for function, field in (
        ("authenticateClient", "authenticateServerResponse"),
        ("getBoundProfilePackage", "prepareDownloadResponse"),
        ("cancelSession", "cancelSessionResponse"),
    ):
        with pytest.raises(ServerError) as error:
            b.lpa.es9.call(function, transactionId="00" * 16, **{field: packed(b"0")})
        assert error.value.args == STATUS["unknown-transaction"]


def test_a_session_that_was_cancelled_is_over(smdp: Server):
    b = bench(smdp)
    said = b.lpa.authenticate(b.lpa.initiate(), MATCH)
    prepared = b.lpa.prepare(said)
    assert b.lpa.cancel(2)[0] == "ok"
    with pytest.raises(ServerError) as error:
        b.lpa.package(prepared)
    assert error.value.args == STATUS["unknown-transaction"]


def test_a_notification_that_nobody_has_signed(smdp: Server):
    b = bench(smdp)
    b.lpa.load(b.lpa.fetch(MATCH))
    pending = b.lpa.pending()[0]
    b.lpa.es9.call("handleNotification", pendingNotification=packed(pending[:-1] + bytes([pending[-1] ^ 1])))
    assert not smdp.functions.notified[0].valid and states(b) == ["downloaded"]
    b.lpa.es9.call("handleNotification", pendingNotification=packed(pending))
    assert smdp.functions.notified[1].valid and states(b) == ["installed"]


# By the script


@pytest.mark.parametrize("status", STATUS)
@pytest.mark.parametrize("function", [each for each in NAMES if each != "handleNotification"])
def test_each_status_on_request(smdp: Server, status: str, function: str):
    b = bench(smdp)
    smdp.faults.append(Fault(function, status=status, times=1))
    with pytest.raises(ServerError) as error:
        if function == "cancelSession":
            b.lpa.authenticate(b.lpa.initiate(), MATCH)
            b.lpa.cancel(0)
        b.lpa.download(MATCH)
    assert error.value.args == STATUS[status]


def test_a_fault_strikes_as_often_as_it_says(smdp: Server):
    b = bench(smdp)
    smdp.faults.append(Fault("initiateAuthentication", status="unknown-ci", times=2))
    assert [refused(b) for _ in range(2)] == [STATUS["unknown-ci"]] * 2
    assert b.lpa.download(MATCH)[0] == "ok"


def test_html_in_place_of_an_answer(smdp: Server):
    b = bench(smdp)
    smdp.faults.append(Fault("authenticateClient", http=500, times=1))
    with pytest.raises(http.client.HTTPException, match="500"):
        b.lpa.download(MATCH)
    smdp.faults.append(Fault("authenticateClient", http=500, times=1))
    status, page = b.lpa.es9.post(PATH + "authenticateClient", b"{}")
    assert status == 500 and page.startswith(b"<!doctype html>")


def test_an_answer_that_is_cut_off(smdp: Server):
    b = bench(smdp)
    smdp.faults.append(Fault("getBoundProfilePackage", cut=700, times=1))
    with pytest.raises(http.client.IncompleteRead) as error:
        b.lpa.download(MATCH)
    assert len(error.value.partial) == 700
    assert b.lpa.download(MATCH)[0] == "ok"


def test_a_server_that_takes_its_time(smdp: Server, monkeypatch: pytest.MonkeyPatch):
    b = bench(smdp)
    smdp.faults.append(Fault("initiateAuthentication", wait_s=600, times=1))
    monkeypatch.setattr(lpa_module, "TIMEOUT_S", 0.5)
    with pytest.raises(TimeoutError):
        b.lpa.download(MATCH)


def test_a_redirect_and_a_body_that_is_none(smdp: Server):
    b = bench(smdp)
    smdp.faults.append(Fault("initiateAuthentication", redirect="https://evil.example/", times=1))
    with pytest.raises(http.client.HTTPException, match="302"):
        b.lpa.download(MATCH)
    smdp.faults.append(Fault("initiateAuthentication", body=b"[" * 100_000, times=1))
    with pytest.raises((ValueError, RecursionError)):
        b.lpa.download(MATCH)


# Requests that are none


def test_malformed_requests(smdp: Server):
    es9 = bench(smdp).lpa.es9
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
        bench(smdp).lpa.download(MATCH)


def test_a_client_that_says_nothing_holds_nobody_up(smdp: Server):
    with socket.create_connection(("127.0.0.1", smdp.port)):
        assert bench(smdp).lpa.download(MATCH)[0] == "ok"


def test_two_orders_at_a_time(smdp: Server):
    b = bench(smdp)
    other = smdp.order("MATCH-2", profile(SMALL, "8949030000000000998"))
    assert b.lpa.download(MATCH)[0] == "ok" and b.lpa.download("MATCH-2")[0] == "ok"
    assert other.state == b.order.state == "installed"
