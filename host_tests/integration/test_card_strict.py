"""The simulated eUICC refuses what the standard does not have: values, certificates, blocks of STORE DATA."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from host_tests.support.card_downloads import ICCID, MATCH, Download, ready
from host_tests.support.cards import EUROPE_ICCID, four_profiles
from host_tests.support.lpa import Direct, Es10, StatusWordError, codec, unpacked
from tools.modem.card import tlv
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import OPERATIONAL
from tools.modem.card.rsp import chain, signature
from tools.world.services.smdp.server import Server

EUROPE = tlv.encode(0x5A, EUROPE_ICCID)
OTHER = tlv.encode(0x5A, iccid_bytes("8949030000000000002"))
REFRESH = tlv.encode(0x81, b"\0")
CLASS = tlv.encode(0x95, bytes([OPERATIONAL]))


@pytest.mark.parametrize(
    "request_",
    [
        tlv.encode(0xBF31, tlv.encode(0xA0, EUROPE)),
        tlv.encode(0xBF31, tlv.encode(0xA0, EUROPE), tlv.encode(0x81)),
        tlv.encode(0xBF31, REFRESH, tlv.encode(0xA0, EUROPE)),
        tlv.encode(0xBF31, tlv.encode(0xA0, CLASS), REFRESH),
        tlv.encode(0xBF31, tlv.encode(0xA0, EUROPE, OTHER), REFRESH),
        tlv.encode(0xBF32, tlv.encode(0xA0), REFRESH),
        tlv.encode(0xBF33),
        tlv.encode(0xBF33, CLASS),
        tlv.encode(0xBF33, EUROPE, OTHER),
        tlv.encode(0xBF29, EUROPE),
        tlv.encode(0xBF29, EUROPE, tlv.encode(0x90, b"\xff")),
        tlv.encode(0xBF29, tlv.encode(0x4F, bytes(16)), tlv.encode(0x90, b"A")),
        tlv.encode(0xBF2B, tlv.encode(0xA0)),
        tlv.encode(0xBF2B, tlv.encode(0xA0, tlv.encode(0x82))),
        tlv.encode(0xBF2B, tlv.encode(0xA0, tlv.encode(0x80))),
        tlv.encode(0xBF30),
        tlv.encode(0xBF3E),
        tlv.encode(0xBF3E, tlv.encode(0x5C, b"\x4f")),
    ],
    ids=lambda request: request.hex(),
)
def test_an_invalid_request_changes_nothing(request_: bytes):
    card = four_profiles()
    before = [(each.iccid, each.nickname) for each in card.profiles]
    with pytest.raises(StatusWordError, match="6a80"):
        Es10(Direct(card)).send(request_)
    assert [(each.iccid, each.nickname) for each in card.profiles] == before
    assert card.current is card.profiles[0]


@pytest.mark.parametrize("search", [b"", tlv.encode(0x80, b"A"), EUROPE + OTHER])
def test_a_profile_list_by_an_invalid_criterion_is_an_error(search: bytes):
    answer = Es10(Direct(four_profiles())).send(tlv.encode(0xBF2D, tlv.encode(0xA0, search)))
    assert answer.hex() == "bf2d03810101"


def test_each_field_of_a_downloaded_profile(smdp: Server):
    d = ready(smdp)
    assert d.loaded() == (0, 0)
    said = d.order.profile.metadata(smdp.address)
    mine = tlv.encode(0xA0, tlv.encode(0x5A, iccid_bytes(ICCID)))
    for tag, name in ((0xB6, b"\xb6"), (0xB7, b"\xb7")):
        answer = d.lpa.es10.send(tlv.encode(0xBF2D, mine, tlv.encode(0x5C, name)))
        assert tlv.find(answer, 0xBF2D, 0xA0, 0xE3, tag) == tlv.find(said, 0xBF25, tag)
    answer = d.lpa.es10.send(tlv.encode(0xBF2D, mine, tlv.encode(0x5C, b"\x99")))
    assert tlv.find(answer, 0xBF2D, 0xA0, 0xE3) == b""


def test_policy_rules_and_icon_are_listed():
    card = four_profiles()
    card.profiles[1].keeps = ("disable", "delete")
    card.profiles[1].described = {0x93: b"\1", 0x94: b"PNG"}
    es10 = Es10(Direct(card))
    mine = tlv.encode(0xA0, tlv.encode(0x4F, card.profiles[1].aid))
    assert tlv.encode(0x94, b"PNG") in es10.send(tlv.encode(0xBF2D, mine))
    answer = es10.send(tlv.encode(0xBF2D, mine, tlv.encode(0x5C, b"\x99")))
    assert tlv.find(answer, 0xBF2D, 0xA0, 0xE3, 0x99) == b"\5\x60"


# Certificates


def certified(role: str, **other: Any) -> tuple[bytes, chain.Key]:
    """A certificate of an SM-DP+ that differs in one thing, and its key."""
    own = chain.key("strict")
    signs = other.get("signs", True)
    usage = x509.KeyUsage(signs, False, False, False, not signs, False, False, False, False)
    policy = x509.PolicyInformation(x509.ObjectIdentifier(role), None)
    names = x509.SubjectAlternativeName([x509.RegisteredID(x509.ObjectIdentifier(chain.SMDP_OID))])
    root = chain.ci()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "strict")]))
        .issuer_name(root.certificate.subject)
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(chain.NOT_BEFORE)
        .not_valid_after(chain.NOT_AFTER)
        .add_extension(x509.CertificatePolicies([policy]), critical=True)
    )
    if other.get("has_usage", True):
        builder = builder.add_extension(usage, critical=True)
    if other.get("is_named", True):
        builder = builder.add_extension(names, critical=False)
    if other.get("has_more"):
        more = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.7"), b"\5\0")
        builder = builder.add_extension(more, critical=True)
    made = builder.sign(root.key, other.get("hash", hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.DER), own


def replaced(said: Any, names: tuple[str, str, str], covered: bytes, made: tuple[bytes, chain.Key]) -> Any:
    """What the server has said, with another certificate and its signature."""
    signed, by, certificate = names
    whole = signature.sign(made[1], unpacked(said[signed]) + covered)
    return {
        **said,
        by: base64.b64encode(whole).decode(),
        certificate: base64.b64encode(made[0]).decode(),
    }


WRONG = [
    {"signs": False},
    {"has_usage": False},
    {"is_named": False},
    {"has_more": True},
    {"hash": hashes.SHA384()},
]


def authenticated(d: Download, made: tuple[bytes, chain.Key]) -> Any:
    names = ("serverSigned1", "serverSignature1", "serverCertificate")
    said = replaced(d.lpa.initiate(), names, b"", made)
    return codec().decode("Authenticated", d.lpa.authenticate_card(said, MATCH))


@pytest.mark.parametrize("wrong", WRONG, ids=" ".join)
def test_a_certificate_that_is_none_of_a_server(smdp: Server, wrong: Any):
    d = ready(smdp)
    kind, value = authenticated(d, certified(chain.ROLE_AUTH, **wrong))
    assert (kind, value["code"]) == ("error", 1)
    assert authenticated(d, certified(chain.ROLE_AUTH))[0] == "ok"


@pytest.mark.parametrize("wrong", [{}, *WRONG], ids=lambda wrong: " ".join(wrong) or "nothing")
def test_a_certificate_that_binds_nothing(smdp: Server, wrong: Any):
    d = ready(smdp)
    answer = d.lpa.authenticate_card(d.lpa.initiate(), MATCH)
    told = {"transactionId": d.lpa.transaction}
    said = d.lpa.es9.call(
        "authenticateClient", authenticateServerResponse=base64.b64encode(answer).decode(), **told
    )
    signed = codec().decode("Authenticated", answer)[1]["signature"]
    names = ("smdpSigned2", "smdpSignature2", "smdpCertificate")
    covered = tlv.encode(0x5F37, signed)
    other = replaced(said, names, covered, certified(chain.ROLE_PB, **wrong))
    kind, value = codec().decode("Prepared", d.lpa.prepare(other))
    assert kind == "ok" if not wrong else (kind, value["code"]) == ("error", 1)


# AuthenticateServer and PrepareDownload


CONTEXT = tlv.encode(0xA0, tlv.encode(0xA1, tlv.encode(0x80, bytes(4)), tlv.encode(0xA1)))


def server_request(challenge: bytes, **other: bytes) -> bytes:
    """AuthenticateServer."""
    by = chain.server(chain.ROLE_AUTH)
    said = tlv.encode(
        0x30,
        tlv.encode(0x80, other.get("transaction", bytes(16))),
        tlv.encode(0x81, challenge),
        tlv.encode(0x83, b"smdp.example"),
        tlv.encode(0x84, other.get("nonce", bytes(16))),
    )
    root = tlv.encode(0x04, chain.ci().key_id)
    context = other.get("context", CONTEXT)
    return tlv.encode(0xBF38, said, signature.sign(by.key, said), root, by.der, context)


@pytest.mark.parametrize(
    "wrong",
    [
        {"transaction": b""},
        {"transaction": bytes(17)},
        {"nonce": bytes(8)},
        {"context": tlv.encode(0xA0)},
        {"context": tlv.encode(0xA0, tlv.encode(0x80, b"A"))},
        {"context": tlv.encode(0xA0, tlv.encode(0xA1, tlv.encode(0x80, bytes(3)), tlv.encode(0xA1)))},
        {"context": tlv.encode(0xA0, tlv.encode(0xA1, tlv.encode(0x80, bytes(4))))},
    ],
)
def test_a_session_of_other_sizes(wrong: Any):
    es10 = Es10(Direct(four_profiles()))
    challenge = es10.ask("ChallengeRequest", "Challenge", {})["challenge"]
    with pytest.raises(StatusWordError, match="6a80"):
        es10.send(server_request(challenge, **wrong))
    answer = es10.send(server_request(challenge))  # the session is still there
    assert codec().decode("Authenticated", answer)[0] == "ok"


# STORE DATA


@pytest.mark.parametrize("p1", ["80", "90", "99", "F1"])
def test_store_data_of_another_kind(p1: str):
    contacts = Direct(four_profiles())
    assert contacts.transmit(bytes.fromhex(f"81E2{p1}0003BF2000")) == b"\x6a\x86"


@pytest.mark.parametrize("class_", ["00", "01"])
def test_store_data_has_a_proprietary_class(class_: str):
    uicc = Direct(four_profiles()).uicc
    assert uicc.transmit(bytes.fromhex(f"{class_}E2910003BF2000"), 1) == b"\x6e\x00"


def test_blocks_and_answers_are_of_successive_commands():
    contacts = Direct(four_profiles(frozenset({"get-response"})))
    ask, more, rest = (bytes.fromhex(each) for each in ("81E2910003BF2000", "81E2110002BF20", "81C0000038"))
    assert contacts.transmit(ask) == b"\x61\x38"
    contacts.transmit(bytes.fromhex("81F2000000"))
    assert contacts.transmit(rest) == b"\x69\x85"
    assert contacts.transmit(more) == b"\x90\x00"
    contacts.transmit(bytes.fromhex("81F2000000"))
    assert contacts.transmit(bytes.fromhex("81E291010100")) == b"\x6a\x86"
