"""The simulated IoT eUICC: executed and refused packages, and the results that it keeps (SGP.32)."""

from __future__ import annotations

from typing import Any

import pytest

from host_tests.support.cards import four_profiles
from host_tests.support.lpa import Direct, Es10, StatusWordError
from host_tests.support.make_iot_vectors import (
    EID,
    EIM_ID,
    TRANSACTION,
    association,
    codec,
    encoded,
    key,
    named,
    request,
    result,
    signature,
)
from tools.modem.card import tlv
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import chain

ROAMING, CIS, EUROPE, BOOTSTRAP = (
    "8931440400012345678", "8970101000000000012", "8949030000000000001", "8988000000000000001",
)  # fmt: skip
BACK = {"rollback": None}


def card(*quirks: str) -> Euicc:
    return Euicc(four_profiles().profiles, quirks=frozenset(quirks), iot=True)


class Manager:
    """An eIM that is associated with a card, and the card's contacts."""

    def __init__(self, card: Euicc) -> None:
        self.card = card
        self.counter = 0
        self.es10 = Es10(Direct(card))
        assert self.ask("AddInitialEim", "Added", {"list": [association(0, -1)]}) == ("ok", [("token", 1)])

    def ask(self, asked: str, said: str, value: Any) -> Any:
        answer = self.es10.send(encoded(asked, value))
        if self.card.refresh_ms is not None:
            self.restart()
        return codec().decode(said, answer)

    def restart(self, cold: bool = False) -> None:
        self.card.reset(cold)
        self.es10 = Es10(Direct(self.card))

    def order(self, *orders: Any, **other: Any) -> Any:
        """The results of a package of orders for profiles."""
        self.counter += 1
        answer = self.es10.send(request(self.counter, ("psmo", list(orders)), **other))
        if self.card.refresh_ms is not None:
            self.restart()
        kind, value = codec().decode("PackageResult", answer)
        return value["data"]["results"] if kind == "ok" else (kind, value)


def test_the_card_returns_its_certificates():
    contacts = Es10(Direct(card()))
    assert contacts.send(bytes.fromhex("BF5500")).hex() == "bf5502a000"
    kind, found = codec().decode("Certs", contacts.send(encoded("GetCerts", {})))
    assert kind == "certs"
    assert b"".join(found["euicc"]) in chain.euicc(card().eid).der
    assert b"".join(found["eum"]) in chain.eum().der
    root = {"root": chain.ci().key_id}
    assert codec().decode("Certs", contacts.send(encoded("GetCerts", root)))[0] == "certs"
    other = {"root": bytes(20)}
    assert codec().decode("Certs", contacts.send(encoded("GetCerts", other))) == ("error", 1)


@pytest.mark.parametrize(
    "tag", ["BF5100", "BF5500", "BF5600", "BF5700", "BF58038001FF", "BF5D038001FF", "BF6400"]
)
def test_a_card_of_sgp22_has_nothing_of_it(tag: str):
    with pytest.raises(StatusWordError, match="6a88"):
        Es10(Direct(four_profiles())).send(bytes.fromhex(tag))


@pytest.mark.parametrize("tag", ["BF3111A00C5A0A", "BF3211A00C5A0A", "BF330C5A0A"])
def test_it_needs_a_signature_to_change_profiles(tag: str):
    europe = "989430000000000000F1"
    tail = "8101FF" if tag != "BF330C5A0A" else ""
    with pytest.raises(StatusWordError, match="6a88"):
        Es10(Direct(card())).send(bytes.fromhex(tag + europe + tail))
    assert len(Es10(Direct(card("es10c"))).send(bytes.fromhex(tag + europe + tail))) == 6


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"token": 5}, 5),
        ({"counter": 0x800000}, 6),
        ({"counter": -1}, 6),
        ({"root": bytes(20)}, 3),
        ({"key": None}, 7),
        ({"counter": None}, 7),
        ({"key": ("certificate", {"content": b"none"})}, 7),
    ],
)
def test_an_association_that_is_refused(change: dict[str, Any], code: int):
    contacts = Es10(Direct(card()))
    data = {name: value for name, value in (association(0, -1) | change).items() if value is not None}
    data |= {"indirect": None} if "indirect" not in change else {}
    asked = encoded("AddInitialEim", {"list": [data]})
    assert codec().decode("Added", contacts.send(asked)) == ("error", code)
    assert contacts.send(bytes.fromhex("BF5500")).hex() == "bf5502a000"


def test_of_several_managers_all_are_added_or_none():
    contacts = Es10(Direct(card()))
    both = [association(0, -1), association(0, -1) | {"eimId": "other", "token": 7}]
    assert codec().decode("Added", contacts.send(encoded("AddInitialEim", {"list": both}))) == ("error", 5)
    del both[1]["token"]
    asked = encoded("AddInitialEim", {"list": both})
    # A token is never given twice.
    assert codec().decode("Added", contacts.send(asked)) == ("ok", [("token", 2), ("added", None)])


def test_a_new_association_has_another_token():
    manager = Manager(card())
    reset = manager.ask("MemoryReset", "MemoryWasReset", {"options": (b"\x04", 7)})
    assert reset == {"result": 1, "eim": 0}
    again = manager.ask("AddInitialEim", "Added", {"list": [association(0, -1)]})
    assert again == ("ok", [("token", 2)])
    # A package that was signed for the association before is not obeyed.
    kind, value = manager.order(("list", {}))
    assert (kind, value["token"]) == ("unsigned", 2)


def test_a_memory_reset_deletes_profiles_and_forgets_no_manager():
    manager = Manager(card())
    assert manager.ask("MemoryReset", "MemoryWasReset", {"options": (b"\x80", 7)}) == {"result": 0}
    assert [each.name for each in manager.card.profiles] == ["bootstrap"]
    assert manager.card.es10(bytes.fromhex("BF6503800161")).hex() == "bf6503800100"
    assert b"a" in manager.card.es10(bytes.fromhex("BF3C00"))[:6]
    assert manager.order(("list", {}))[0][0] == "list"


def test_it_returns_to_the_profile_before():
    manager = Manager(card())
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 0)]
    assert manager.card.iccid == EUROPE
    manager.restart(cold=True)
    found = manager.ask("RollBack", "RolledBack", {"refresh": True})
    assert found["code"] == 0 and found["result"][1]["data"]["results"] == [("rollback", 0)]
    assert manager.card.iccid == ROAMING
    assert manager.ask("RollBack", "RolledBack", {"refresh": True}) == {"code": 1}


def test_it_does_not_return_unless_that_was_allowed():
    manager = Manager(card())
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 0)]
    assert manager.order(("enable", named(CIS))) == [("enable", 0)]
    assert manager.ask("RollBack", "RolledBack", {"refresh": True}) == {"code": 1}
    assert manager.card.iccid == CIS


def test_without_a_profile_there_is_none_to_return_to():
    manager = Manager(card())
    assert manager.order(("disable", named(ROAMING))) == [("disable", 0)]
    assert manager.card.iccid == ""
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 20)]
    assert manager.order(("enable", named(EUROPE))) == [("enable", 0)]


def test_results_of_each_order():
    made = card()
    made.profiles[1].keeps = ("delete",)
    manager = Manager(made)
    unknown = "8900000000000000000"
    assert manager.order(
        ("enable", named(unknown)), ("enable", named(ROAMING)), ("disable", named(unknown)),
        ("disable", named(EUROPE)), ("delete", named(unknown)), ("delete", named(ROAMING)),
        ("delete", named(CIS)), ("delete", named(EUROPE)), ("setFallback", named(unknown)),
    ) == [
        ("enable", 1), ("enable", 2), ("disable", 1), ("disable", 2), ("delete", 1), ("delete", 2),
        ("delete", 3), ("delete", 0), ("setFallback", 1),
    ]  # fmt: skip
    assert EUROPE not in [each.iccid for each in made.profiles]
    made.enabled.keeps = ("disable",)
    assert manager.order(("enable", named(CIS)), ("disable", named(ROAMING))) == [
        ("enable", 3),
        ("disable", 3),
    ]


def test_a_busy_toolkit():
    manager = Manager(card("cat-busy"))
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 5)]
    manager.restart()
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 0)]


def test_an_unknown_order_ends_the_package():
    manager = Manager(card())
    found = manager.order(("unsetFallback", {}), ("unknown", None), ("delete", named(EUROPE)))
    assert found == [("unsetFallback", 0), ("terminated", 2)]
    assert EUROPE in [each.iccid for each in manager.card.profiles]


def test_a_damaged_order_ends_the_package():
    """It deletes nothing that is not named."""
    manager = Manager(card())
    before = list(manager.card.profiles)
    signed = encoded(
        "PackageSigned",
        {
            "eimId": EIM_ID,
            "eid": bytes.fromhex(EID),
            "counter": 1,
            "transaction": TRANSACTION,
            "package": ("psmo", [("unknown", None)]),
        },
    )
    signed = signed[:-2] + b"\xa5\0"
    whole = tlv.encode(0xBF51, signed, tlv.encode(0x5F37, signature(key(), signed, 1)))
    kind, value = codec().decode("PackageResult", manager.es10.send(whole))
    assert (kind, value["data"]["results"]) == ("ok", [("terminated", 2)])
    assert manager.card.profiles == before


def test_a_package_is_counted_before_it_is_obeyed():
    manager = Manager(card())
    kind, value = manager.order(("list", {}), eid=bytes(16))
    assert (kind, value["data"]["code"]) == ("error", 3)
    manager.counter = 0  # a refused package does not count
    assert manager.order(("delete", named(EUROPE))) == [("delete", 0)]
    manager.restart(cold=True)
    manager.counter = 0
    kind, value = manager.order(("delete", named(CIS)))
    assert (kind, value["data"]["code"]) == ("error", 4)


@pytest.mark.parametrize("wrong", ["BF5100", "BF51023000", "BF5105300080013F"])
def test_an_invalid_package(wrong: str):
    with pytest.raises(StatusWordError, match="6a80"):
        Manager(card()).es10.send(bytes.fromhex(wrong))


def test_results_are_kept_until_they_are_removed():
    manager = Manager(card())
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 0)]
    manager.restart(cold=True)

    def kept() -> list[int]:
        found = manager.ask("RetrieveResults", "Results", {"search": ("results", None)})[1]
        return [each[1]["data"]["number"] for each in found]

    (number,) = kept()
    assert manager.es10.send(bytes.fromhex("BF3003800109"))[-1] == 1
    assert manager.es10.send(bytes([0xBF, 0x30, 3, 0x80, 1, number]))[-1] == 0
    assert kept() == []
    for _ in range(10):
        manager.order(("list", {}))
    assert len(kept()) == 8


def test_the_profile_is_not_another_before_the_refresh():
    manager = Manager(card("refresh-lost"))
    answer = manager.es10.send(request(1, ("psmo", [("enable", named(EUROPE) | BACK)])))
    assert answer == encoded("PackageResult", result(1, 1, [("enable", 0)]))
    assert manager.card.iccid == ROAMING
    with pytest.raises(StatusWordError, match="6985"):
        manager.es10.send(bytes.fromhex("BF5500"))
    manager.restart(cold=True)
    assert manager.card.iccid == ROAMING


def test_a_roll_back_to_a_profile_that_is_gone():
    manager = Manager(Euicc([Profile(ROAMING, "26201"), Profile(EUROPE, "26202")], iot=True))
    assert manager.order(("enable", named(EUROPE) | BACK)) == [("enable", 0)]
    assert manager.order(("delete", named(ROAMING))) == [("delete", 0)]
    assert manager.ask("RollBack", "RolledBack", {"refresh": True}) == {"code": 1}
