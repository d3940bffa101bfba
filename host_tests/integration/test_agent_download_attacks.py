"""Servers and devices that lie about a download: what the agent believes."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from landbridge.features.downloads import coding as wire
from landbridge.features.downloads import notices, queries, trust

from host_tests.support.downloads import LOCAL, MATCH, DownloadingAgent, LocatorWithCard, card, local
from tools.modem.card import tlv
from tools.modem.card.files import iccid_bytes
from tools.modem.card.rsp import chain
from tools.world.services.smdp.server import Fault, Server


def says(smdp: Server, function: str, change: Any) -> None:
    """Change the answers of a function."""
    functions: Any = smdp.functions
    original = functions.call

    def call(name: str, body: Any) -> Any:
        answer = original(name, body)
        return change(answer) if name == function else answer

    functions.call = call


def fields(**changed: bytes) -> Any:
    """These fields are others."""
    return lambda answer: answer | {name: base64.b64encode(value).decode() for name, value in changed.items()}


def metadata(change: Any) -> Any:
    """The description of the profile is another, that in its package is not."""

    def changed(answer: dict[str, Any]) -> dict[str, Any]:
        value = change(base64.b64decode(answer["profileMetadata"]))
        return answer | {"profileMetadata": base64.b64encode(value).decode()}

    return changed


def described(value: bytes, without: int) -> bytes:
    """A description without one of its objects."""
    kept = [(tag, each) for tag, each in tlv.decode(tlv.decode(value)[0][1]) if tag != without]
    return tlv.encode(0xBF25, *(tlv.encode(*each) for each in kept))


def test_a_package_with_other_rules_than_its_description(agent: DownloadingAgent, smdp: Server):
    """A card may have a table that allows what the fleet does not want."""
    smdp.order(MATCH, replace(local(), rules=0x40))
    says(smdp, "authenticateClient", metadata(lambda value: described(value, 0x99)))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.shown()["state"] == "failed"
    assert "could not be disabled or deleted" in agent.shown()["problem"]
    assert device.pulls == 0 and smdp.calls[-1] == "cancelSession"


def test_a_package_with_another_iccid_than_its_description(agent: DownloadingAgent, smdp: Server):
    smdp.order(MATCH, local())
    other = iccid_bytes("8997101234567890999")
    says(smdp, "authenticateClient", metadata(lambda value: value.replace(iccid_bytes(LOCAL), other)))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert f"offers profile {LOCAL} instead of" in agent.shown()["problem"]
    assert device.pulls == 0 and smdp.calls[-1] == "cancelSession"


@pytest.mark.parametrize("number", [b"", b"\x98", b"\x98" * 400, bytes.fromhex("98ABCDEF0000000000F1")])
def test_a_description_without_an_iccid(agent: DownloadingAgent, smdp: Server, number: bytes):
    smdp.order(MATCH, local())
    mine = tlv.encode(0x5A, iccid_bytes(LOCAL))

    def change(value: bytes) -> bytes:
        inner = tlv.decode(value)[0][1]
        return tlv.encode(0xBF25, inner.replace(mine, tlv.encode(0x5A, number)))

    says(smdp, "authenticateClient", metadata(change))
    agent.order()
    LocatorWithCard(agent, card()).until_over()
    assert "no valid ICCID" in agent.shown()["problem"] and not agent.shown()["iccid"]
    assert smdp.calls[-1] == "cancelSession"


@pytest.mark.parametrize("root", [b"\x04\x00" + b"\x30\x00", b"\x30\x00", b"\x04\x01"])
def test_a_root_that_is_more_than_a_name(agent: DownloadingAgent, smdp: Server, root: bytes):
    smdp.order(MATCH, local())
    says(smdp, "initiateAuthentication", fields(euiccCiPKIdToBeUsed=root))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    assert agent.row().sessions == 0
    assert "cannot be read" in agent.shown()["problem"]


def test_the_result_of_another_session(agent: DownloadingAgent, smdp: Server):
    """A device that repeats an old result has installed nothing."""
    smdp.order(MATCH, local(3_000))
    agent.order()
    device: Any = LocatorWithCard(agent, card())
    kept: list[bytes] = []
    original = device._send_all

    def keeps(parts: list[bytes]) -> Any:
        answer = original(parts)
        kept.append(answer or b"")
        return answer

    device._send_all = keeps
    device.until_over()
    assert agent.shown()["state"] == "installed"
    smdp.order("7QX-3M", replace(local(3_000), iccid="8997101234567890999"))
    agent.order(agent.code("7QX-3M"))
    device._send_all = lambda _: kept[0]
    for _ in range(8):
        device.contact()
        agent.works()
        agent.at_s = max(agent.at_s + 3_600, agent.row(2).next_s)
    assert agent.shown(2)["state"] == "failed"
    assert agent.row(2).iccid != LOCAL


def test_a_late_result_of_another_profile(agent: DownloadingAgent, smdp: Server):
    smdp.order(MATCH, local(3_000))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    result = device.card.notifications  # posted and removed
    assert not result
    kept = agent.notices()[-1].content
    smdp.order("7QX-3M", replace(local(3_000), iccid="8997101234567890999"))
    agent.order(agent.code("7QX-3M"))
    row = agent.row(2)
    with agent.database.writing() as connection:
        queries.end(connection, 2, queries.CANCELLED, None, agent.at_s)
    agent.hears({wire.ANSWER_KEY: [2, row.step, wire.DONE, bytes(kept)]})
    assert agent.shown(2)["state"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "is_over"),
    [
        (b"", True),
        (json.dumps({"header": {"functionExecutionStatus": {"status": "Executed-Success"}}}).encode(), True),
        (json.dumps({"header": {"functionExecutionStatus": {"status": "Expired"}}}).encode(), False),
        (b"{}", True),
        (b'{"error": "maintenance"}', False),
        (b"<html>", False),
    ],
)
def test_a_notification_is_posted_when_the_server_says_so(
    agent: DownloadingAgent, smdp: Server, body: bytes, is_over: bool
):
    """What is posted is removed from the card."""
    smdp.order(MATCH, local(3_000))
    agent.order()
    device = LocatorWithCard(agent, card())
    smdp.faults.append(Fault("handleNotification", body=body))
    for _ in range(3):
        device.contact()
        agent.works()
    assert agent.shown()["state"] == "installed"
    (notice,) = agent.notices()
    assert (notice.posted_s is not None) == is_over
    known = (chain.euicc(device.card.eid).der, chain.eum().der)
    assert notices.post(bytes(notice.content), known, 0, agent.trusted).is_over == is_over


def test_an_expired_root_next_to_its_renewed_one(agent: DownloadingAgent):
    """Both have the same key; the order in the file means nothing."""
    root = chain.ci()
    old = chain._issue(
        "CI", root.certificate.subject, root.key, None, (chain.ROLE_CI,), authority=True,
        not_after=chain.EXPIRED,
    )  # fmt: skip
    server = chain.server(chain.ROLE_AUTH)
    roots = (old.certificate, root.certificate)
    for each in (roots, roots[::-1]):
        assert trust.certificate(server.der, trust.AUTHENTICATION, each, agent.now())
    with pytest.raises(trust.Distrust, match="not valid at this time"):
        trust.certificate(server.der, trust.AUTHENTICATION, roots[:1], agent.now())
