"""The protection of a bound profile package (SGP.22 2.6.4 and 5.5: SCP03t, later named BSP).

One `Channel` protects, another one with the same keys removes the protection, object by object in order.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from tools.modem.card import tlv

KEY_TYPE, KEY_LENGTH = 0x88, 0x10
"""AES, 16 bytes: what the control reference template has to say."""
SIZE = 16
MAC_SIZE = 8
SEGMENT = 1_020
"""The longest object, with tag, length and MAC (SGP.22 2.5.3)."""


class MacError(ValueError):
    """The MAC is wrong, or the padding below a right one."""


@dataclass(frozen=True)
class Keys:
    """16 bytes each: the first MAC chaining value, S-ENC and S-MAC."""

    chaining: bytes
    enc: bytes
    mac: bytes


def derive(secret: bytes, host_id: bytes, eid: bytes) -> Keys:
    """The session keys from the secret of ECDH (SGP.22 annex G)."""
    info = bytes([KEY_TYPE, KEY_LENGTH, len(host_id)]) + host_id + bytes([len(eid)]) + eid
    both = X963KDF(SHA256(), 3 * SIZE, info).derive(secret)
    return Keys(both[:SIZE], both[SIZE : 2 * SIZE], both[2 * SIZE :])


class Channel:
    """One direction, from the first object on."""

    def __init__(self, keys: Keys) -> None:
        self.replace(keys)

    def replace(self, keys: Keys) -> None:
        """ReplaceSessionKeys: all three are others, the counter begins again."""
        self._keys = keys
        self._chaining = keys.chaining
        self._block = 0

    def protect(self, tag: int, data: bytes) -> bytes:
        """One encrypted object."""
        padded = data + b"\x80" + bytes(-(len(data) + 1) % SIZE)
        encryptor = Cipher(AES(self._keys.enc), CBC(self._icv())).encryptor()
        return self._with_mac(tag, encryptor.update(padded))

    def authenticate(self, tag: int, data: bytes) -> bytes:
        """One object that is readable for all. It counts as a block all the same."""
        self._block += 1
        return self._with_mac(tag, data)

    def open(self, tag: int, value: bytes) -> bytes:
        """The data in the value of an encrypted object. Raises `MacError`."""
        encrypted = self._checked(tag, value)
        icv = self._icv()
        if not encrypted or len(encrypted) % SIZE:
            raise MacError("not whole blocks")
        decryptor = Cipher(AES(self._keys.enc), CBC(icv)).decryptor()
        data, mark, zeros = decryptor.update(encrypted).rpartition(b"\x80")
        if not mark or zeros.strip(b"\0") or len(zeros) >= SIZE:
            raise MacError("padding")
        return data

    def read(self, tag: int, value: bytes) -> bytes:
        """The data in the value of a readable object. Raises `MacError`."""
        self._block += 1
        return self._checked(tag, value)

    def _icv(self) -> bytes:
        self._block += 1
        return Cipher(AES(self._keys.enc), ECB()).encryptor().update(self._block.to_bytes(SIZE))

    def _with_mac(self, tag: int, data: bytes) -> bytes:
        head = tlv.head(tag, len(data) + MAC_SIZE)
        cmac = CMAC(AES(self._keys.mac))
        cmac.update(self._chaining + head + data)
        self._chaining = cmac.finalize()
        return head + data + self._chaining[:MAC_SIZE]

    def _checked(self, tag: int, value: bytes) -> bytes:
        data, mac = value[:-MAC_SIZE], value[-MAC_SIZE:]
        if self._with_mac(tag, data)[-MAC_SIZE:] != mac:
            raise MacError("MAC")
        return data
