"""The identity of an eUICC: its certificates, the roots that it trusts, and its random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tools.modem.card import tlv
from tools.modem.card.rsp import chain


@dataclass(frozen=True)
class Identity:
    """`eid` 16 bytes; `certificates` those of the eUICC and of its maker, one after the other; `roots` by key
    identifier."""

    eid: bytes
    key: ec.EllipticCurvePrivateKey
    euicc: bytes
    eum: bytes
    roots: dict[bytes, x509.Certificate]

    @property
    def certificates(self) -> bytes:
        """As they follow a signature."""
        return self.euicc + self.eum

    def key_ids(self) -> bytes:
        """The roots as EUICCInfo1 and 2 list them."""
        return b"".join(tlv.encode(0x04, each) for each in self.roots)


@cache
def of(eid: str) -> Identity:
    """The identity that the test chain gives to this EID (32 digits)."""
    own, root = chain.euicc(eid), chain.ci()
    roots = {root.key_id: root.certificate}
    return Identity(bytes.fromhex(eid), own.key, own.der, chain.eum().der, roots)


class Random:
    """Numbers that no world draws from and that never repeat: hashes of a name, of a card its EID, and of
    a counter, which is in non-volatile memory."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._count = 0

    def bytes(self, size: int) -> bytes:
        """At most 32."""
        self._count += 1
        return sha256(b"Landbridge test" + self._name + self._count.to_bytes(8)).digest()[:size]

    def key(self) -> ec.EllipticCurvePrivateKey:
        """A one-time key pair."""
        number = int.from_bytes(self.bytes(32)) % (chain.ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())
