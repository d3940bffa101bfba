"""The cryptography of a download: vectors that the openssl command has made, and the test chain."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tools.flash.layout import REPOSITORY
from tools.modem.card.rsp import certificates, chain, identity, signature
from tools.modem.card.rsp.bsp import Channel, Keys, MacError, derive

EID = "89049032123451234512345678901235"
KEYS = Keys(
    bytes.fromhex("dd44b41c98e31c9d5e3c1f58b0978e87"),
    bytes.fromhex("ff983bf993a22bd69d310530a705f3a5"),
    bytes.fromhex("5ba719138905c2ae5e711bc62a14e656"),
)
"""openssl kdf -keylen 48 ... X963KDF with digest:SHA256, hexkey:00..1F and hexinfo: 8810 04 host 10 EID."""
OBJECTS = (
    (0x87, b"configure", "871868599601296d0d9ae3842985d509b4635951445fce3da009"),
    (0x88, b"metadata", "88106d657461646174611304b215218dde21"),
    (
        0x86,
        bytes(range(16)),
        "86283970501b1ce517fe72b16c4c6275d6351fc2997ac87a8e1586a2332387dd206eda93726d868413d7",
    ),
)
"""openssl enc -aes-128-cbc, its vector by -aes-128-ecb of the number of the block; openssl mac ... CMAC."""


def test_session_keys_are_those_of_openssl():
    assert derive(bytes(range(32)), b"host", bytes.fromhex(EID)) == KEYS


def test_objects_are_those_of_openssl():
    ours, theirs = Channel(KEYS), Channel(KEYS)
    for tag, data, wanted in OBJECTS:
        made = ours.authenticate(tag, data) if tag == 0x88 else ours.protect(tag, data)
        assert made.hex() == wanted
        assert (theirs.read if tag == 0x88 else theirs.open)(tag, made[2:]) == data


@given(some.integers(0, 31), some.integers(0, 7))
def test_one_wrong_bit_is_noticed(at, bit):
    made = bytearray(Channel(KEYS).protect(0x86, bytes(20)))
    made[2 + at] ^= 1 << bit
    with pytest.raises(MacError):
        Channel(KEYS).open(0x86, bytes(made[2:]))


def test_another_tag_or_an_object_left_out_is_noticed():
    channel = Channel(KEYS)
    first, second = channel.protect(0x86, b"1"), channel.protect(0x86, b"2")
    with pytest.raises(MacError):
        Channel(KEYS).open(0x87, first[2:])
    with pytest.raises(MacError):
        Channel(KEYS).open(0x86, second[2:])


def test_the_chain_is_the_same_in_every_process():
    code = (
        "from tools.modem.card.rsp import chain\n"
        f"print((chain.euicc({EID!r}).der + chain.eum().der + chain.server(chain.ROLE_AUTH).der).hex())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    ours = chain.euicc(EID).der + chain.eum().der + chain.server(chain.ROLE_AUTH).der
    assert other.stdout.strip() == ours.hex()


def test_the_chain_is_one():
    root, maker = chain.ci().certificate, chain.eum().certificate
    assert certificates.issued(maker, root)
    assert certificates.issued(chain.euicc(EID).certificate, maker)
    assert not certificates.issued(chain.euicc(EID).certificate, root)
    assert not certificates.issued(chain.server(chain.ROLE_PB, root="CI of others").certificate, root)
    assert certificates.roles_of(chain.server(chain.ROLE_PB).certificate) == {chain.ROLE_PB}
    assert certificates.oid_of(chain.server(chain.ROLE_PB).certificate).hex() == "88370a"


def test_signatures():
    by = chain.key("somebody")
    signed = signature.sign(by, b"data")
    assert signed[:3].hex() == "5f3740" and len(signed) == 67
    assert signed == signature.sign(by, b"data")
    assert signature.verifies(signed[3:], by.public_key(), b"data")
    assert not signature.verifies(signed[3:], by.public_key(), b"other")
    assert not signature.verifies(signed[3:], chain.key("another").public_key(), b"data")
    assert not signature.verifies(signed[4:], by.public_key(), b"data")


def test_numbers_of_a_card_never_come_twice_and_are_its_own():
    one, two = identity.Random(b"one"), identity.Random(b"two")
    drawn = [each.bytes(16) for _ in range(50) for each in (one, two)]
    assert len(set(drawn)) == 100


def test_a_card_that_downloads_nothing_loads_no_cryptography():
    code = (
        "import sys\n"
        "from tools.modem.card.euicc import Euicc\n"
        "from tools.modem.card.profile import Profile\n"
        "card = Euicc([Profile('8931440400012345678', '204046612345678')])\n"
        "card.es10(bytes.fromhex('BF2D00')), card.es10(bytes.fromhex('BF2800')), card.reset(True)\n"
        "print([each for each in sys.modules if each.startswith(('cryptography', 'tools.modem.card.rsp'))])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
