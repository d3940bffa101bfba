"""Packages of a remote manager for an IoT eUICC: the agent's codec and the simulated card against vectors
that an independent ASN.1 codec has made (SGP.32)."""

from __future__ import annotations

import json

import pytest
from landbridge.features.downloads import iot
from landbridge.features.downloads.es10 import CardRefused
from landbridge.features.downloads.trust import Distrust
from landbridge.protocol import der

from host_tests.support import make_iot_vectors as made
from host_tests.support.make_iot_vectors import EID, EIM_ID, FIRST, NO_RIGHT, SECOND, THIRD, TRANSACTION
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import chain

VECTORS = {each["name"]: each for each in json.loads(made.PATH.read_text())["vectors"]}
CERTIFICATE = chain.euicc(EID).der


def asked(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["request"])


def said(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["answer"])


def head(counter: int, token: int = 1) -> iot.Head:
    return iot.Head(EIM_ID, EID, counter, TRANSACTION, token)


def package(counter: int, *orders: bytes, of_profiles: bool = True) -> bytes:
    return iot.package(head(counter), orders, made.key(), of_profiles)


def test_the_vector_file_is_up_to_date():
    assert made.PATH.read_text() == made.text()


def test_the_card_answers_as_the_vectors_say():
    names = {FIRST: "one", SECOND: "two", THIRD: "three", NO_RIGHT: "nine"}
    card = Euicc(
        [
            Profile(iccid, f"26201000000000{i}", name, fallback_allowed=iccid != NO_RIGHT, notifies=False)
            for i, (iccid, name) in enumerate(names.items())
        ],
        EID,
        iot=True,
    )
    for name in VECTORS:
        if name == "the results that were not removed":
            assert card.es10(bytes.fromhex("BF3003800101")).hex() == "bf3003800100"
        assert card.es10(asked(name)).hex() == said(name).hex(), name
        if card.refresh_ms is not None:
            card.reset()


@pytest.mark.parametrize(
    ("name", "counter", "orders"),
    [
        ("list", 1, [iot.list_profiles()]),
        ("enable with roll-back", 3, [iot.fall_back(FIRST), iot.enable(SECOND)]),
        ("enable once more", 5, [iot.enable(SECOND)]),
        ("delete the one to return to, one, and none", 6,
         [iot.delete(SECOND), iot.delete(THIRD), iot.delete(THIRD)]),
        ("disable and enable", 7, [iot.disable(SECOND), iot.enable(FIRST)]),
    ],
)  # fmt: skip
def test_the_agent_signs_packages_as_in_the_vectors(name: str, counter: int, orders: list[bytes]):
    assert package(counter, *orders).hex() == asked(name).hex()


def test_the_agent_associates_as_the_vectors_say():
    assert iot.associate(EIM_ID, 0, made.key().public_key()).hex() == asked("associate").hex()
    assert iot.associated(said("associate")) == 1
    with pytest.raises(CardRefused, match="end that association there first"):
        iot.associated(said("associate again"))
    assert package(9, iot.end(EIM_ID), of_profiles=False).hex() == asked("end the association").hex()
    ended = iot.result(said("end the association"), head(9), CERTIFICATE)
    ended.check()
    assert ended.codes == ((iot.ENDED, iot.LAST_DELETED),)


def test_the_agent_reads_whom_a_card_obeys():
    who = (
        bytes.fromhex("BF3E125A10")
        + bytes.fromhex(EID)
        + Euicc([Profile(FIRST, "26201")], EID).es10(bytes.fromhex("BF2200"))
    )
    found = iot.state(who + said("the association"))
    assert (found.eid, found.iot, found.associations) == (EID, False, (iot.Association(EIM_ID, 0, 1),))


def test_the_agent_reads_a_list():
    found = iot.result(said("list after the switch"), head(4), CERTIFICATE)
    found.check()
    assert found.number == 4
    assert found.profiles == (
        iot.Listed(FIRST, "one", False, True, True),
        iot.Listed(SECOND, "two", True, False, True),
        iot.Listed(THIRD, "three", False, False, True),
        iot.Listed(NO_RIGHT, "nine", False, False, False),
    )


@pytest.mark.parametrize(
    ("name", "counter", "why"),
    [
        ("package before an association", 1, "not associated with this agent"),
        ("somebody else's signature", 1, "does not accept the agent's signature"),
        ("another card's package", 1, "for another card"),
        ("a counter beyond its end", made.MOST_COUNTER + 1, "used up"),
        ("replay", 1, "order again"),
    ],
)
def test_the_agent_shows_why_a_package_is_refused(name: str, counter: int, why: str):
    with pytest.raises(CardRefused, match=why):
        iot.result(said(name), head(counter), CERTIFICATE)


def test_the_first_order_that_was_not_obeyed_is_named():
    found = iot.result(said("delete the one to return to, one, and none"), head(6), CERTIFICATE)
    assert found.codes == ((iot.DELETED, 21), (iot.DELETED, 0), (iot.DELETED, 1))
    with pytest.raises(CardRefused, match="returns to this profile"):
        found.check()
    # A fallback attribute that the card does not give ends nothing.
    iot.result(said("fallback attribute"), head(2), CERTIFICATE)


@pytest.mark.parametrize("name", ["list", "replay"])
def test_nothing_is_believed_without_the_cards_signature(name: str):
    right = said(name)
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(Distrust, match="signature is wrong"):
        iot.result(wrong, head(1), CERTIFICATE)
    with pytest.raises(Distrust, match="signature is wrong"):
        iot.result(right, head(1), chain.euicc("89049032123451234512345678901243").der)
    with pytest.raises(Distrust, match="signature is wrong"):
        iot.result(right, head(1, token=2), CERTIFICATE)
    with pytest.raises(Distrust, match="another package"):
        iot.result(right, head(2), CERTIFICATE)
    with pytest.raises(Distrust, match="another package"):
        iot.result(right, head(1)._replace(transaction=bytes(8)), CERTIFICATE)


def test_the_results_that_a_card_keeps():
    kept = iot.results(said("the results that were not removed"))
    assert [iot.number(each) for each in kept] == [2, 3, 4, 5, 6, 7, 8]
    assert [iot.is_of(each, head(3)) for each in kept] == [False, True, False, True, False, False, False]
    assert kept[1] == said("enable with roll-back")
    assert iot.results(bytes.fromhex("BF2B02A200")) == []
    assert iot.number(said("replay")) is None


def test_an_unparsable_answer_is_refused():
    for answer in (b"", b"\x30\x00", bytes.fromhex("BF5100"), bytes.fromhex("BF5102A300"), said("list")[:-3]):
        with pytest.raises(der.DerError):
            iot.result(answer, head(1), CERTIFICATE)
