"""The agent as the remote manager of an IoT eUICC: association, signed packages, their results; with a strict
card and a device that relays, keeps a package for its switch, and returns automatically (SGP.32)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cbor2
import pytest
from landbridge.core.errors import UserError
from landbridge.db.tables import eim, euiccs
from landbridge.features.downloads import packages as signed
from landbridge.features.downloads import queries, rules
from landbridge.features.esim import coding, handler, policy
from landbridge.features.esim.queries import policies
from landbridge.protocol import der
from sqlalchemy import select

from host_tests.support.agent import DEVICE, point
from host_tests.support.downloads import LOCAL, ROAMING, DownloadingAgent, LocatorWithCard, local
from host_tests.support.make_iot_vectors import association, encoded
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import chain
from tools.world.services.smdp.server import Server

OTHER = "8997101234567890999"
POLICY = f"""
fallback = "roaming"
[profile.roaming]
iccid = "{ROAMING}"
apn = "iot.example"
[profile.local]
iccid = "{LOCAL}"
apn = "local.example"
[countries]
elsewhere = ["roaming"]
"""


def card(*quirks: str, iot: bool = True) -> Euicc:
    profiles = [
        Profile(ROAMING, "46001", "Roaming"),
        Profile(LOCAL, "40101", "Steppe"),
        Profile(OTHER, "40102"),
    ]
    return Euicc(profiles, quirks=frozenset(quirks), iot=iot)


class Tracker(LocatorWithCard):
    """A device that also switches: by the package that it has kept, and back as the package allows."""

    connects = True
    """Whether the new profile does."""
    revision = 0
    wanted = 0
    automatic: Mapping[int, int] = {}
    """Its choice by country, if the policy decides."""
    country = 0

    def _obey(self, downlink: dict[int, Any]) -> dict[int, Any] | None:
        if coding.DOWNLINK_KEY in downlink:
            self.revision, self.wanted = cbor2.loads(downlink[coding.DOWNLINK_KEY][1])[:2]
        return super()._obey(downlink)

    def switch(self) -> None:
        """The switch that a device begins after its session; then it reports."""
        before, events = self.used(), []
        wanted = self.wanted or self.automatic.get(self.country, 0)
        if wanted and wanted != before:
            outcome = 4
            if self.package:
                self.send(self.package)
                self.package = b""
                self.restart()
                outcome = 1
            if outcome == 1 and not self.connects:
                self.send(bytes.fromhex("BF58038001FF"))
                self.restart()
                outcome = 2
            events.append([0, before, wanted, outcome, 0])
        listed = [[iccid_bytes(each.iccid), each.kind] for each in self.card.profiles]
        report = [self.revision, 1, self.card.eid, self.used(), 0, listed, events]
        self.report: dict[int, Any] | None = {14: report}
        while self.report is not None:
            self.report = self._obey(self.agent.hears(self.report))

    def used(self) -> int:
        return {ROAMING: 1, LOCAL: 2, OTHER: 3}.get(self.card.enabled.iccid, 0)

    def sessions_until_over(self, number: int) -> dict[str, Any]:
        for _ in range(6):
            self.contact()
            self.agent.works()
            self.contact()
            self.switch()
            self.agent.works()
            self.contact()
            self.agent.works()
            shown = self.agent.shown(number)
            if not shown["open"]:
                self.switch()
                return shown
            self.agent.at_s += 600
        raise AssertionError(shown)


def do(agent: DownloadingAgent, order: Callable[..., int], *about: Any) -> int:
    with agent.database.writing() as connection:
        return order(connection, *about, "bench", agent.at_s)


def associate(agent: DownloadingAgent, device: Tracker) -> dict[str, Any]:
    number = do(agent, rules.associate, agent.keyring, DEVICE, agent.trusted)
    return device.sessions_until_over(number)


def assign(agent: DownloadingAgent, text: str = POLICY) -> None:
    found = policy.parse(text)
    with agent.database.writing() as connection:
        policies.set_desired(connection, DEVICE, found, policy.AUTOMATIC, "bench", agent.at_s)


def shown(agent: DownloadingAgent) -> Any:
    with agent.database.reading() as connection:
        return queries.shown_euicc(connection, DEVICE)


@pytest.fixture
def tracker(agent: DownloadingAgent) -> Tracker:
    """Its card is associated, and it has the policy."""
    made = Tracker(agent, card())
    assign(agent)
    made.contact()
    found = associate(agent, made)
    assert (found["state"], found["problem"]) == ("done", None)
    return made


def test_a_card_is_associated_once(agent: DownloadingAgent, tracker: Tracker):
    said = shown(agent)
    assert (said["kind"], said["associated"], said["counter"]) == ("iot", True, 0)
    assert said["manager"].startswith("landbridge-") and said["eid"] == tracker.card.eid
    with pytest.raises(UserError, match="associated with the agent already"):
        do(agent, rules.associate, agent.keyring, DEVICE, agent.trusted)
    with agent.database.reading() as connection:
        row = connection.execute(select(eim)).one()
        manager = queries.manager(connection, agent.keyring, 0)
    assert manager.eim_id == row.eim_id
    assert b"PRIVATE" not in row.wrapped_key and agent.keyring.unwrap(row.wrapped_key)[:1] == b"\x30"


def test_a_list_is_signed_by_the_card(agent: DownloadingAgent, tracker: Tracker):
    found = tracker.sessions_until_over(do(agent, rules.list_profiles, DEVICE))
    assert (found["state"], found["problem"]) == ("done", None)
    said = shown(agent)
    assert said["counter"] == 1
    assert [(each["iccid"], each["enabled"]) for each in said["profiles"]] == [
        (ROAMING, True), (LOCAL, False), (OTHER, False),
    ]  # fmt: skip
    assert tracker.send(bytes.fromhex("BF2B04A0028200")).hex() == "bf2b02a200"  # the card has forgotten it


def test_a_profile_is_enabled_in_a_switch(agent: DownloadingAgent, tracker: Tracker):
    number = do(agent, rules.enable, DEVICE, LOCAL)
    tracker.contact()
    agent.works()
    tracker.contact()
    agent.works()
    assert agent.shown(number)["state"] == "switching"
    assert tracker.package and tracker.card.enabled.iccid == ROAMING
    found = tracker.sessions_until_over(number)
    assert (found["state"], found["problem"]) == ("done", None)
    assert tracker.card.enabled.iccid == LOCAL and tracker.card.profiles[0].fallback
    with agent.database.reading() as connection:
        desired = policies.desired(connection, DEVICE)
    assert desired is not None and desired.profile == "local"


def test_a_profile_that_does_not_connect_is_left_again(agent: DownloadingAgent, tracker: Tracker):
    tracker.connects = False
    found = tracker.sessions_until_over(do(agent, rules.enable, DEVICE, LOCAL))
    assert found["state"] == "failed" and "returned to another profile" in found["problem"]
    assert tracker.card.enabled.iccid == ROAMING
    # It can be tried again.
    tracker.connects = True
    found = tracker.sessions_until_over(do(agent, rules.enable, DEVICE, LOCAL))
    assert found["state"] == "done" and tracker.card.enabled.iccid == LOCAL


def test_the_profile_in_use_is_disabled_for_the_fallback(agent: DownloadingAgent, tracker: Tracker):
    tracker.sessions_until_over(do(agent, rules.enable, DEVICE, LOCAL))
    with pytest.raises(UserError, match="is the fallback profile"):
        do(agent, rules.disable, DEVICE, ROAMING)
    found = tracker.sessions_until_over(do(agent, rules.disable, DEVICE, LOCAL))
    assert (found["state"], found["problem"]) == ("done", None)
    assert tracker.card.enabled.iccid == ROAMING
    with pytest.raises(UserError, match="disabled already"):
        do(agent, rules.disable, DEVICE, LOCAL)


def test_a_switch_by_name_is_one_by_package(agent: DownloadingAgent, tracker: Tracker):
    with agent.database.writing() as connection:
        handler.switch(connection, DEVICE, "local", "bench", agent.at_s)
    found = tracker.sessions_until_over(2)
    assert (found["task"], found["state"], found["iccid"]) == ("enable", "done", LOCAL)


AUTOMATIC = POLICY.replace(
    "[countries]",
    f"""[profile.other]
iccid = "{OTHER}"
apn = "other"
[countries]
401 = ["local"]
250 = ["other"]""",
)
KAZAKHSTAN, RUSSIA, CHINA = (5_110_000, 7_140_000), (5_575_000, 3_760_000), (2_950_000, 10_650_000)


def travels(agent: DownloadingAgent, tracker: Tracker, seq: int, place: tuple[int, int]) -> None:
    """The device reports a point from there, then does what is asked of it."""
    agent.at_s += 3_600
    agent.hears({}, [point(seq, lat=place[0], lon=place[1], time=agent.at_s)])
    for _ in range(4):
        tracker.contact()
        agent.works()
        tracker.switch()


def orders(agent: DownloadingAgent) -> list[tuple[str, str, str]]:
    with agent.database.reading() as connection:
        rows = queries.of_device(connection, DEVICE)
        return [(row.task, row.iccid, queries.state(connection, row)) for row in reversed(rows)][1:]


def test_the_package_for_a_country_comes_by_itself(agent: DownloadingAgent, tracker: Tracker):
    """The policy still decides, without a request of an operator."""
    assign(agent, AUTOMATIC)
    tracker.automatic = {401: 2, 250: 3}
    travels(agent, tracker, 1, CHINA)
    assert orders(agent) == []
    tracker.country = 401
    travels(agent, tracker, 2, KAZAKHSTAN)
    assert orders(agent) == [("enable", LOCAL, "done")]
    assert tracker.card.enabled.iccid == LOCAL
    tracker.country = 250
    travels(agent, tracker, 3, RUSSIA)
    assert orders(agent)[1:] == [("enable", OTHER, "done")]
    assert tracker.card.enabled.iccid == OTHER
    with agent.database.reading() as connection:
        desired = policies.desired(connection, DEVICE)
    assert desired and desired.profile == policy.AUTOMATIC


def test_no_package_comes_for_a_choice_of_an_operator(agent: DownloadingAgent, tracker: Tracker):
    assign(agent, AUTOMATIC)
    tracker.contact()
    tracker.switch()
    with agent.database.writing() as connection:
        handler.switch(connection, DEVICE, "roaming", "bench", agent.at_s)
    travels(agent, tracker, 1, KAZAKHSTAN)
    assert orders(agent) == [] and tracker.card.enabled.iccid == ROAMING


def test_a_package_that_is_not_used_gives_way_in_the_next_country(agent: DownloadingAgent, tracker: Tracker):
    """The device stays for a while with what it has; it is not given the same package twice a day."""
    assign(agent, AUTOMATIC)
    travels(agent, tracker, 1, KAZAKHSTAN)
    travels(agent, tracker, 2, KAZAKHSTAN)
    assert orders(agent) == [("enable", LOCAL, "switching")] and tracker.card.enabled.iccid == ROAMING
    tracker.automatic, tracker.country = {250: 3}, 250
    travels(agent, tracker, 3, RUSSIA)
    assert orders(agent) == [("enable", LOCAL, "cancelled"), ("enable", OTHER, "done")]
    assert tracker.card.enabled.iccid == OTHER


def test_a_device_that_has_left_a_profile_is_not_given_it_again_at_once(
    agent: DownloadingAgent, tracker: Tracker
):
    """It hears the country behind the border before its position is there."""
    assign(agent, AUTOMATIC)
    tracker.automatic, tracker.country = {401: 2}, 401
    travels(agent, tracker, 1, KAZAKHSTAN)
    assert tracker.card.enabled.iccid == LOCAL
    tracker.automatic = {}
    agent.at_s += 86_400
    # The fallback profile needs no package.
    tracker.card.switch(tracker.card.profiles[0], False)
    agent.hears({14: [tracker.revision, 1, tracker.card.eid, 1, 0, [], [[0, 2, 1, 1, 0]]]})
    travels(agent, tracker, 2, KAZAKHSTAN)
    assert orders(agent) == [("enable", LOCAL, "done")]
    agent.at_s += 86_400
    travels(agent, tracker, 3, KAZAKHSTAN)
    assert orders(agent)[1:] == [("enable", LOCAL, "switching")]


def test_a_profile_is_deleted(agent: DownloadingAgent, tracker: Tracker):
    with pytest.raises(UserError, match="names"):
        do(agent, rules.delete, agent.keyring, DEVICE, LOCAL)
    found = tracker.sessions_until_over(do(agent, rules.delete, agent.keyring, DEVICE, OTHER))
    assert (found["state"], found["problem"]) == ("done", None)
    assert OTHER not in [each.iccid for each in tracker.card.profiles]
    found = tracker.sessions_until_over(do(agent, rules.delete, agent.keyring, DEVICE, OTHER))
    assert found["state"] == "failed" and found["problem"] == "the card has no such profile"


def test_a_result_that_is_lost_is_fetched(agent: DownloadingAgent, tracker: Tracker):
    number = do(agent, rules.delete, agent.keyring, DEVICE, OTHER)
    tracker.contact()
    agent.works()
    tracker.lose_answer = True
    found = tracker.sessions_until_over(number)
    assert (found["state"], found["problem"]) == ("done", None)
    assert shown(agent)["counter"] == 1


def test_an_association_is_ended(agent: DownloadingAgent, tracker: Tracker):
    found = tracker.sessions_until_over(do(agent, rules.dissociate, DEVICE))
    assert (found["state"], found["problem"]) == ("done", None)
    assert (shown(agent)["manager"], shown(agent)["associated"]) == (None, False)
    with pytest.raises(UserError, match="associate it first"):
        do(agent, rules.list_profiles, DEVICE)
    assert associate(agent, tracker)["state"] == "done"


def test_a_restored_agent_counts_on(agent: DownloadingAgent, tracker: Tracker):
    for _ in range(3):
        tracker.sessions_until_over(do(agent, rules.list_profiles, DEVICE))
    with agent.database.writing() as connection:
        connection.execute(euiccs.update().values(counter=0))
    found = tracker.sessions_until_over(do(agent, rules.list_profiles, DEVICE))
    assert (found["state"], shown(agent)["counter"]) == ("done", 4)


def test_the_last_number(agent: DownloadingAgent, tracker: Tracker):
    with agent.database.writing() as connection:
        connection.execute(euiccs.update().values(counter=0x7FFFFF))
    found = tracker.sessions_until_over(do(agent, rules.list_profiles, DEVICE))
    assert found["state"] == "failed" and "used up" in found["problem"]


def test_a_result_that_has_been_changed_on_its_way(
    agent: DownloadingAgent, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
):
    honest = tracker.send

    def garbled(request: bytes) -> bytes:
        answer = honest(request)
        return answer[:-1] + bytes([answer[-1] ^ 1]) if answer[:2] == b"\xbf\x51" else answer

    monkeypatch.setattr(tracker, "send", garbled)
    found = tracker.sessions_until_over(do(agent, rules.list_profiles, DEVICE))
    assert (found["state"], found["problem"]) == ("failed", "the card's signature is wrong")


def test_another_card_is_in_the_device(agent: DownloadingAgent, tracker: Tracker):
    do(agent, rules.list_profiles, DEVICE)
    other = Tracker(agent, Euicc(card().profiles, "89049032123451234512345678901243", iot=True))
    found = other.sessions_until_over(2)
    assert (found["state"], found["problem"]) == ("failed", "another card is in the device now")


def test_a_card_of_sgp22_is_not_associated(agent: DownloadingAgent):
    device = Tracker(agent, card(iot=False))
    found = associate(agent, device)
    assert found["state"] == "failed" and "not an IoT eUICC" in found["problem"]
    assert shown(agent)["kind"] == "consumer"
    with pytest.raises(UserError, match="not an IoT eUICC"):
        do(agent, rules.associate, agent.keyring, DEVICE, agent.trusted)


def test_a_card_of_another_manager(agent: DownloadingAgent):
    device = Tracker(agent, card())
    device.send(encoded("AddInitialEim", {"list": [association(0, -1)]}))
    found = associate(agent, device)
    assert found["state"] == "failed" and "landbridge-0123456789abcdef" in found["problem"]
    assert shown(agent)["manager"] == "landbridge-0123456789abcdef" and not shown(agent)["associated"]


def test_a_card_of_an_unknown_maker(agent: DownloadingAgent):
    roots = (chain.ci("another CI").certificate,)
    agent.worker.trusted = agent.trusted._replace(roots=roots)
    found = associate(agent, Tracker(agent, card()))
    assert found["state"] == "failed" and "check ci_file" in found["problem"]


def test_a_download_that_is_enabled_then(agent: DownloadingAgent, smdp: Server):
    smdp.order("7QX-2M", local(2_000))
    device = Tracker(agent, Euicc([Profile(ROAMING, "46001", "Roaming")], iot=True))
    assign(agent)
    device.contact()
    assert associate(agent, device)["state"] == "done"
    number = agent.order(then_enable=True)
    found = device.sessions_until_over(number)
    assert found["state"] in ("installed", "enabled") and found["problem"] is None
    found = device.sessions_until_over(number + 1)
    assert (found["task"], found["state"]) == ("enable", "done")
    assert device.card.enabled.iccid == LOCAL


def test_card_operations_without_an_association_are_refused(agent: DownloadingAgent):
    for order in (rules.list_profiles, rules.dissociate):
        with pytest.raises(UserError, match="associate it first"):
            do(agent, order, DEVICE)
    for change in (rules.enable, rules.disable):
        with pytest.raises(UserError, match="associate it first"):
            do(agent, change, DEVICE, LOCAL)


def test_one_order_of_a_kind_at_a_time(agent: DownloadingAgent, tracker: Tracker):
    do(agent, rules.list_profiles, DEVICE)
    with pytest.raises(UserError, match=r"order 2 .* is not done yet"):
        do(agent, rules.list_profiles, DEVICE)
    with pytest.raises(UserError, match="no profile in the policy"):
        do(agent, rules.enable, DEVICE, OTHER)


def test_requests_fit_into_a_downlink():
    assert len(signed.first(queries.LIST)) < 64
    assert [each.tag for each in der.objects(signed.first(queries.ASSOCIATE))] == [0xBF3E, 0xBF22]
