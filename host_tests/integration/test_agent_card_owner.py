"""Ownership of a card: the card of another device is reassigned only by a signature of the card."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from landbridge.db.tables import euiccs
from landbridge.features.devices import queries as devices
from landbridge.features.downloads import queries, rules
from landbridge.features.downloads.rules import Wanted
from landbridge.protocol import der
from sqlalchemy import select

from host_tests.support.agent import DEVICE, NOW_S
from host_tests.support.downloads import (
    MATCH,
    ROAMING,
    DownloadingAgent,
    LocatorWithCard,
    card,
    local,
)
from host_tests.support.pipeline import KEY
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import identity, signature
from tools.world.services.smdp.server import Server

OTHER = "lb-0002"
EID = card().eid
OTHER_EID = "89049032123451234512345678901144"


@pytest.fixture
def smdp() -> Iterator[Server]:
    with Server() as made:
        made.order(MATCH, local(2_000))
        yield made


@pytest.fixture
def agent(tmp_path: Path, smdp: Server) -> Iterator[DownloadingAgent]:
    made = DownloadingAgent(tmp_path, smdp)
    with made.database.writing() as connection:
        devices.add(connection, OTHER, made.keyring.wrap(KEY, True), NOW_S)
    yield made
    made.database.close()


def iot(eid: str = EID) -> Euicc:
    return Euicc([Profile(ROAMING, "46001", "Roaming")], eid, iot=True)


class Impostor(LocatorWithCard):
    """It has a card of its own, and says that it is another one: all that a card says and does not sign."""

    def __init__(self, agent: DownloadingAgent, euicc: Euicc, victim: Euicc) -> None:
        super().__init__(agent, euicc, device=OTHER)
        self.victim = LocatorWithCard(agent, victim)
        self.replaced = {0xBF3E, 0xBF22, 0xBF2D, 0xBF55, 0xBF56}

    def send(self, request: bytes) -> bytes:
        tag = der.single(request).tag if request[:1] == b"\xbf" and request[:2] != b"\xbf\x36" else 0
        return self.victim.send(request) if tag in self.replaced else super().send(request)


def row(agent: DownloadingAgent, eid: str = EID) -> Any:
    with agent.database.reading() as connection:
        return connection.execute(select(euiccs).where(euiccs.c.eid == eid)).one_or_none()


def associate(agent: DownloadingAgent, device: LocatorWithCard) -> dict[str, Any]:
    with agent.database.writing() as connection:
        number = rules.associate(connection, agent.keyring, device.name, agent.trusted, "bench", agent.at_s)
    return until_over(agent, device, number)


def list_profiles(agent: DownloadingAgent, device: LocatorWithCard) -> dict[str, Any]:
    with agent.database.writing() as connection:
        number = rules.list_profiles(connection, device.name, "bench", agent.at_s)
    return until_over(agent, device, number)


def order(agent: DownloadingAgent, device: LocatorWithCard) -> dict[str, Any]:
    with agent.database.writing() as connection:
        code = rules.code_of(agent.code(), "", agent.trusted)
        number = rules.order(connection, agent.keyring, Wanted(device.name, code), False, "bench", agent.at_s)
    return until_over(agent, device, number)


def until_over(agent: DownloadingAgent, device: LocatorWithCard, number: int) -> dict[str, Any]:
    for _ in range(8):
        device.contact()
        agent.works()
        shown = agent.shown(number)
        if not shown["open"]:
            return shown
        agent.at_s += 600
    raise AssertionError(shown)


def test_a_claim_takes_no_card_of_another_device(agent: DownloadingAgent, caplog: pytest.LogCaptureFixture):
    mine = LocatorWithCard(agent, iot())
    assert associate(agent, mine)["state"] == "done"
    assert list_profiles(agent, mine)["state"] == "done"
    before = row(agent)
    assert (before.device, before.counter) == (DEVICE, 1) and before.proved_s
    with caplog.at_level(logging.WARNING):
        found = associate(agent, Impostor(agent, iot(OTHER_EID), mine.card))
    assert found["state"] == "failed" and found["problem"]
    assert row(agent) == before
    assert f"{OTHER} reports the card {EID} of {DEVICE}" in caplog.text
    # Its owner goes on.
    assert list_profiles(agent, mine)["state"] == "done"


def test_the_page_shows_which_device_had_the_card(agent: DownloadingAgent):
    mine = LocatorWithCard(agent, iot())
    associate(agent, mine)
    impostor = Impostor(agent, iot(OTHER_EID), mine.card)
    with agent.database.writing() as connection:
        number = rules.associate(connection, agent.keyring, OTHER, agent.trusted, "bench", agent.at_s)
    for _ in range(2):
        impostor.contact(2)
        agent.works()
    assert agent.shown(number)["problem"] == f"{DEVICE} has had this card: it is asked for its signature"


def test_an_eid_is_not_taken_by_a_consumer_card(agent: DownloadingAgent):
    mine = LocatorWithCard(agent, iot())
    associate(agent, mine)
    before = row(agent)
    impostor = Impostor(agent, card(eid=OTHER_EID), card())
    assert "not an IoT eUICC" in associate(agent, impostor)["problem"]
    assert row(agent) == before


def test_a_card_that_was_moved_proves_it_by_a_signed_list(agent: DownloadingAgent):
    moved = iot()
    associate(agent, LocatorWithCard(agent, moved))
    agent.at_s += 60
    there = LocatorWithCard(agent, moved, device=OTHER)
    assert (found := associate(agent, there))["state"] == "done", found
    now = row(agent)
    assert (now.device, now.counter, now.token) == (OTHER, 1, 1) and now.proved_s
    assert list_profiles(agent, there)["state"] == "done"
    with agent.database.reading() as connection:
        assert queries.associated(connection, DEVICE) is None
        assert queries.associated(connection, OTHER) is not None


def test_a_card_that_was_claimed_first_belongs_to_the_device_that_has_it(agent: DownloadingAgent):
    """Also if the claim has made up the highest number of a package."""
    real = iot()
    with agent.database.writing() as connection:
        said = {"device": OTHER, "reported_s": agent.at_s, "iot": True, "counter": 0x7FFFFF}
        assert queries.keep_euicc(connection, EID, said)
    mine = LocatorWithCard(agent, real)
    assert (found := associate(agent, mine))["state"] == "done", found
    assert (row(agent).device, row(agent).counter) == (DEVICE, 1)
    assert list_profiles(agent, mine)["state"] == "done"


def test_a_download_moves_a_card_by_its_signature(agent: DownloadingAgent):
    moved = card()
    assert order(agent, LocatorWithCard(agent, moved))["state"] == "installed"
    first = row(agent)
    assert (first.device, first.iot) == (DEVICE, False) and first.proved_s
    agent.at_s += 60
    moved.profiles[:] = [each for each in moved.profiles if each.iccid == ROAMING]
    agent.smdp.functions.orders.clear()
    agent.smdp.order(MATCH, local(2_000))
    assert order(agent, LocatorWithCard(agent, moved, device=OTHER))["state"] == "installed"
    assert row(agent).device == OTHER


def test_a_download_does_not_believe_another_eid(agent: DownloadingAgent):
    associate(agent, LocatorWithCard(agent, iot()))
    before = row(agent)
    with agent.database.reading() as connection:
        known = queries.certificates(connection, EID)
    impostor = Impostor(agent, card(eid=OTHER_EID), card())
    found = order(agent, impostor)
    assert (found["state"], found["problem"]) == ("failed", "the certificate of the card is for another EID")
    assert row(agent) == before
    with agent.database.reading() as connection:
        assert queries.certificates(connection, EID) == known
    assert [each.iccid for each in impostor.card.profiles] == [ROAMING]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda parts: parts[0] + der.make(0x5F37, bytes(64)) + parts[2] + parts[3], "signature is wrong"),
        (lambda parts: _resigned(parts, 0x80), "signed another session"),
        (lambda parts: _resigned(parts, 0x84), "signed another session"),
    ],
)
def test_an_authentication_is_verified(
    agent: DownloadingAgent, monkeypatch: pytest.MonkeyPatch, spoil: Any, why: str
):
    device = LocatorWithCard(agent, card())
    honest = device.send

    def garbled(request: bytes) -> bytes:
        answer = honest(request)
        if request[:2] != b"\xbf\x38":
            return answer
        parts = [each.whole for each in der.objects(der.value(answer, 0xBF38, 0xA0))]
        return der.make(0xBF38, der.make(0xA0, spoil(parts)))

    monkeypatch.setattr(device, "send", garbled)
    found = order(agent, device)
    assert found["state"] == "failed" and why in found["problem"]
    assert row(agent) is None


def _resigned(parts: list[bytes], tag: int) -> bytes:
    """Of another session, well signed."""
    signed = der.only(parts[0], 0x30)
    changed = [
        der.make(tag, bytes(len(each.value))) if each.tag == tag else each.whole
        for each in der.objects(signed)
    ]
    whole = der.make(0x30, *changed)
    return whole + signature.sign(identity.of(EID).key, whole) + parts[2] + parts[3]


def test_an_older_proof_takes_no_card_back(agent: DownloadingAgent):
    values = {"reported_s": NOW_S, "iot": True}
    with agent.database.writing() as connection:
        assert queries.keep_euicc(connection, EID, values | {"device": DEVICE, "proved_s": 100})
        assert not queries.keep_euicc(connection, EID, values | {"device": OTHER, "proved_s": 100})
        assert not queries.keep_euicc(connection, EID, values | {"device": OTHER})
        assert queries.keep_euicc(connection, EID, values | {"device": OTHER, "proved_s": 101})
        assert not queries.keep_euicc(connection, EID, values | {"device": DEVICE, "proved_s": 100})
    assert (row(agent).device, row(agent).proved_s) == (OTHER, 101)


def test_a_result_that_was_held_back_takes_no_card_back(
    agent: DownloadingAgent, monkeypatch: pytest.MonkeyPatch
):
    """The tracker has had the card for a while; the result of then comes when the card is in another one."""
    moved = iot()
    associate(agent, LocatorWithCard(agent, moved))
    agent.at_s += 60
    with agent.database.writing() as connection:
        number = rules.associate(connection, agent.keyring, OTHER, agent.trusted, "bench", agent.at_s)
    there = LocatorWithCard(agent, moved, device=OTHER)
    honest = there.send

    def falls_silent(request: bytes) -> bytes:
        answer = honest(request)
        if request[:2] == b"\xbf\x51":
            raise InterruptedError
        return answer

    with monkeypatch.context() as patched, pytest.raises(InterruptedError):
        patched.setattr(there, "send", falls_silent)
        there.contact()
    assert agent.row(number).stage == queries.SIGNING
    agent.at_s += 600
    back = LocatorWithCard(agent, moved)
    assert list_profiles(agent, back)["state"] == "done"
    proved = row(agent)
    assert proved.device == DEVICE
    agent.at_s += 600
    there.lose_answer = True
    until_over(agent, there, number)
    assert (row(agent).device, row(agent).proved_s) == (DEVICE, proved.proved_s)


def test_a_tracker_with_another_card_can_be_associated_again(agent: DownloadingAgent):
    associate(agent, LocatorWithCard(agent, iot()))
    other = LocatorWithCard(agent, iot(OTHER_EID))
    found = list_profiles(agent, other)
    assert (found["state"], found["problem"]) == ("failed", "another card is in the device now")
    assert associate(agent, other)["state"] == "done"
    assert row(agent) is None and row(agent, OTHER_EID).device == DEVICE


@pytest.mark.parametrize(
    ("of", "value", "why"),
    [
        (0x83, 0x800000, "counter 8388608 of an association is not 0 to 8388607"),
        (0x83, 1 << 40, "counter 1099511627776"),
        (0x84, 1 << 31, "token 2147483648"),
    ],
)
def test_a_number_beyond_all_bounds_is_not_stored(
    agent: DownloadingAgent, monkeypatch: pytest.MonkeyPatch, of: int, value: int, why: str
):
    device = LocatorWithCard(agent, iot())
    associate(agent, device)
    before, honest = row(agent), device.send

    def boasting(request: bytes) -> bytes:
        answer = honest(request)
        if request[:2] != b"\xbf\x55":
            return answer
        (entry,) = der.objects(der.value(answer, 0xBF55, 0xA0))
        changed = [
            der.make(of, der.integer(value)) if each.tag == of else each.whole
            for each in der.objects(entry.value)
        ]
        return der.make(0xBF55, der.make(0xA0, der.make(entry.tag, *changed)))

    monkeypatch.setattr(device, "send", boasting)
    found = list_profiles(agent, device)
    assert found["state"] == "failed" and why in found["problem"]
    assert row(agent) == before
