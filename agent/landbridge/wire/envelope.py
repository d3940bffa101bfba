"""The envelope: COSE_Encrypt0 (RFC 9052) with AES-CCM-16-64-128 (RFC 9053), both ways.

Keys come from the device's 32-byte key by HKDF-SHA256 (RFC 5869), one per device, direction and
epoch. The nonce is the direction's IV xor the partial IV (RFC 9052, 3.1); a partial IV is the
message's number and never used twice with one key.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from landbridge.wire import cbor
from landbridge.wire.limits import MAX_PARTIAL_IV, VERSION, WireError

Direction = Literal["up", "down"]

EPOCH = 0
"""The key epoch in use; another one in a header is refused."""
TAG_BYTES = 8
_KEY_BYTES = 16
_IV_BYTES = 13
_ALG, _KID, _PARTIAL_IV = 1, 4, 6
_AES_CCM_16_64_128 = 10


class DirectionKeys(NamedTuple):
    """What encrypts one direction of one device in one epoch."""

    key: bytes
    """16 bytes, AES-128."""
    iv: bytes
    """13 bytes, xored with the partial IV."""


def _hkdf(device_key: bytes, salt: bytes, info: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info.encode()).derive(device_key)


@lru_cache(maxsize=4096)
def direction_keys(device_key: bytes, device: str, direction: Direction) -> DirectionKeys:
    """Key and IV of `direction` for the device with the 32-byte `device_key`."""
    info = f"landbridge/{VERSION}/{direction}/{device}"
    material = _hkdf(device_key, EPOCH.to_bytes(4, "big"), info, _KEY_BYTES + _IV_BYTES)
    return DirectionKeys(material[:_KEY_BYTES], material[_KEY_BYTES:])


def broker_password(device_key: bytes, device: str) -> str:
    """The device's password at the broker: 32 hex digits; its user name is the device id."""
    return _hkdf(device_key, b"", f"landbridge/{VERSION}/broker/{device}", 16).hex()


def seal(device_key: bytes, device: str, direction: Direction, number: int, plaintext: bytes) -> bytes:
    """Encrypt `plaintext` as message `number` (0 .. 2^40-1) and return the envelope."""
    if not 0 <= number <= MAX_PARTIAL_IV:
        raise WireError(f"number {number} does not fit in a partial IV")
    keys = direction_keys(device_key, device, direction)
    protected = _protected(number)
    ciphertext = AESCCM(keys.key, TAG_BYTES).encrypt(
        _nonce(keys.iv, number), plaintext, _additional_data(protected, device, direction)
    )
    return cbor2.dumps([protected, {}, ciphertext])


def open_envelope(device_key: bytes, device: str, direction: Direction, envelope: bytes) -> tuple[int, bytes]:
    """Check and decrypt `envelope`; return its number and the plaintext. Raises `WireError`."""
    protected, ciphertext = _parts(cbor.loads(envelope))
    number = _number(protected)
    keys = direction_keys(device_key, device, direction)
    try:
        plaintext = AESCCM(keys.key, TAG_BYTES).decrypt(
            _nonce(keys.iv, number), ciphertext, _additional_data(protected, device, direction)
        )
    except InvalidTag:
        raise WireError("envelope: not sealed by this device for this direction") from None
    return number, plaintext


def _parts(item: object) -> tuple[bytes, bytes]:
    match item:
        case [bytes(protected), dict(unprotected), bytes(ciphertext)] if not unprotected:
            if len(ciphertext) > TAG_BYTES:
                return protected, ciphertext
    raise WireError("envelope: not [protected, {}, ciphertext]")


def _number(protected: bytes) -> int:
    """The partial IV of a protected header that is exactly the one of the contract."""
    header = cbor.loads(protected)
    partial_iv = header.get(_PARTIAL_IV) if type(header) is dict else None
    if type(partial_iv) is not bytes or not 1 <= len(partial_iv) <= 5:
        raise WireError("envelope: no partial IV of 1 to 5 bytes")
    number = int.from_bytes(partial_iv, "big")
    # One spelling only: unknown algorithms, epochs and critical headers all end here.
    if protected != _protected(number):
        raise WireError("envelope: unknown algorithm, key epoch or header")
    return number


def _protected(number: int) -> bytes:
    partial_iv = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
    return cbor2.dumps({_ALG: _AES_CCM_16_64_128, _KID: bytes([EPOCH]), _PARTIAL_IV: partial_iv})


def _nonce(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv, "big") ^ number).to_bytes(_IV_BYTES, "big")


def _additional_data(protected: bytes, device: str, direction: Direction) -> bytes:
    external = cbor2.dumps([VERSION, direction, device])
    return cbor2.dumps(["Encrypt0", protected, external])
