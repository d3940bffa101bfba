"""Objects that the server signs in a session, correct or, on request, wrong in one way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from tools.modem.card import tlv
from tools.modem.card.rsp import chain, signature
from tools.modem.card.rsp.chain import Credential
from tools.modem.card.rsp.signature import OTPK

OTHER_ROOT = "CI of others"
OTHER_OID = "2.999.20"
DAMAGES = frozenset(
    "server-signature server-certificate server-curve server-role server-expired server-challenge "
    "server-root binding-signature binding-certificate binding-curve binding-role binding-oid "
    "binding-expired binding-transaction".split()
)
"""server-*: of what initiateAuthentication answers; binding-*: of what authenticateClient answers."""


@dataclass(frozen=True)
class Signed:
    """What was said, with its signature (as an object) and who has signed."""

    signed: bytes
    signature: bytes
    certificate: bytes
    root: bytes


def authentication(
    damage: Collection[str], transaction: bytes, euicc_challenge: bytes, address: str, challenge: bytes
) -> Signed:
    """serverSigned1 and what goes with it."""
    by = _credential(damage, "server", chain.ROLE_AUTH)
    said = tlv.encode(
        0x30,
        tlv.encode(0x80, transaction),
        tlv.encode(0x81, euicc_challenge[::-1] if "server-challenge" in damage else euicc_challenge),
        tlv.encode(0x83, address.encode()),
        tlv.encode(0x84, challenge),
    )
    root = chain.ci(OTHER_ROOT) if "server-root" in damage else chain.ci()
    return Signed(said, _sign(damage, "server", by, said), by.der, root.key_id)


def binding(
    damage: Collection[str], transaction: bytes, code: bool, otpk: bytes, signature1: bytes
) -> Signed:
    """smdpSigned2 and what goes with it; `otpk`: of an eUICC to which a package was bound before."""
    by = _credential(damage, "binding", chain.ROLE_PB)
    named = transaction[::-1] if "binding-transaction" in damage else transaction
    said = tlv.encode(
        0x30,
        tlv.encode(0x80, named),
        tlv.encode(0x01, b"\xff" if code else b"\0"),
        tlv.encode(OTPK, otpk) if otpk else b"",
    )
    return Signed(said, _sign(damage, "binding", by, said + signature1), by.der, chain.ci().key_id)


def _credential(damage: Collection[str], whose: str, role: str) -> Credential:
    if f"{whose}-certificate" in damage:
        return chain.server(role, root=OTHER_ROOT)
    if f"{whose}-curve" in damage:
        return chain.server(role, curve=ec.SECP384R1())
    if f"{whose}-role" in damage:
        return chain.server(chain.ROLE_TLS)
    if f"{whose}-oid" in damage:
        return chain.server(role, OTHER_OID)
    if f"{whose}-expired" in damage:
        return chain.server(role, not_after=chain.EXPIRED)
    return chain.server(role)


def _sign(damage: Collection[str], whose: str, by: Credential, said: bytes) -> bytes:
    if f"{whose}-curve" in damage:
        return tlv.encode(signature.SIGNATURE, bytes(64))
    return signature.sign(chain.key("nobody") if f"{whose}-signature" in damage else by.key, said)
