"""What is on a card after downloads: profiles are deleted and named, notifications posted and removed."""

from typing import Any

import pytest
from landbridge.core.errors import UserError
from landbridge.db.tables import euicc_certificates
from landbridge.features.downloads import queries, rules
from landbridge.features.esim import coding
from landbridge.features.esim.queries import policies

from host_tests.support.agent import DEVICE
from host_tests.support.downloads import (
    IMSI,
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
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import ENABLE, Profile
from tools.world.services.smdp.server import Fault


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
