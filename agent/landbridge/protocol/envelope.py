"""The envelope: COSE_Encrypt0 (RFC 9052) with AES-CCM-16-64-128 (RFC 9053), both ways.

Keys come from the device's 32-byte key by HKDF-SHA256 (RFC 5869), one per device, direction and
epoch; which epochs are taken is for the caller to say. The nonce is the direction's IV xor the partial
IV (RFC 9052, 3.1); a partial IV is the message's number and never used twice with one key.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from landbridge.protocol import cbor
from landbridge.protocol.limits import MAX_EPOCH, MAX_PARTIAL_IV, VERSION, WireError

Direction = Literal["up", "down"]

TAG_BYTES = 8
_KEY_BYTES = 16
_IV_BYTES = 13
_ALG, _KID, _PARTIAL_IV = 1, 4, 6
_AES_CCM_16_64_128 = 10


class ForgedError(WireError):
    """An envelope in the right form whose tag is wrong: one attempt at the key."""


class Header(NamedTuple):
    """The unencrypted content of an envelope."""

    number: int
    """The partial IV."""
    epoch: int


class ParsedEnvelope(NamedTuple):
    """The parts of an envelope."""

    header: Header
    protected: bytes
    """The header as it is authenticated."""
    ciphertext: bytes


class DirectionKeys(NamedTuple):
    """The key and IV of one direction of one device in one epoch."""

    key: bytes
    """16 bytes, AES-128."""
    iv: bytes
    """13 bytes, xored with the partial IV."""


def _hkdf(device_key: bytes, salt: bytes, info: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info.encode()).derive(device_key)


def direction_keys(device_key: bytes, device: str, direction: Direction, epoch: int = 0) -> DirectionKeys:
    """Return key and IV of `direction` for the device with the 32-byte `device_key` in an epoch of its
    keys."""
    info = f"landbridge/{VERSION}/{direction}/{device}"
    material = _hkdf(device_key, epoch.to_bytes(4, "big"), info, _KEY_BYTES + _IV_BYTES)
    return DirectionKeys(material[:_KEY_BYTES], material[_KEY_BYTES:])


@lru_cache(maxsize=4096)
def _cipher(device_key: bytes, device: str, direction: Direction, epoch: int) -> tuple[AESCCM, int, bytes]:
    """Return the cipher of a direction, its IV as a number, and the external data that is authenticated, as
    CBOR."""
    keys = direction_keys(device_key, device, direction, epoch)
    external = cbor2.dumps(cbor2.dumps([VERSION, direction, device]))
    return AESCCM(keys.key, TAG_BYTES), int.from_bytes(keys.iv, "big"), external


def broker_password(device_key: bytes, device: str) -> str:
    """Return the device's broker password: 32 hex digits; its user name is the device id."""
    return _hkdf(device_key, b"", f"landbridge/{VERSION}/broker/{device}", 16).hex()


def seal(
    device_key: bytes, device: str, direction: Direction, number: int, plaintext: bytes, epoch: int = 0
) -> bytes:
    """Encrypt `plaintext` as message `number` (0 .. 2^40-1) and return the envelope."""
    if not 0 <= number <= MAX_PARTIAL_IV:
        raise WireError(f"number {number} does not fit in a partial IV")
    cipher, iv, external = _cipher(device_key, device, direction, epoch)
    protected = _protected(Header(number, epoch))
    ciphertext = cipher.encrypt(_nonce(iv, number), plaintext, _begin(protected) + external)
    return cbor2.dumps([protected, {}, ciphertext])


def open_envelope(device_key: bytes, device: str, direction: Direction, envelope: bytes) -> tuple[int, bytes]:
    """Check and decrypt `envelope`; return its number and the plaintext. Raises `WireError`, `ForgedError` if
    the tag is wrong."""
    encrypted = parse(envelope)
    return encrypted.header.number, decrypt(device_key, device, direction, encrypted)


def parse(envelope: bytes) -> ParsedEnvelope:
    """Return the parts of `envelope`, unverified. Raises `WireError`."""
    protected, ciphertext = _parts(cbor.loads(envelope))
    return ParsedEnvelope(_header(protected), protected, ciphertext)


def decrypt(device_key: bytes, device: str, direction: Direction, encrypted: ParsedEnvelope) -> bytes:
    """Check `encrypted`, and return the plaintext; `ForgedError` if the tag is wrong."""
    number, epoch = encrypted.header
    cipher, iv, external = _cipher(device_key, device, direction, epoch)
    try:
        return cipher.decrypt(
            _nonce(iv, number), encrypted.ciphertext, _begin(encrypted.protected) + external
        )
    except InvalidTag:
        raise ForgedError("envelope: not encrypted by this device for this direction") from None


def header(envelope: bytes) -> Header:
    """Return the unencrypted header of `envelope`, unverified. Raises `WireError`."""
    return parse(envelope).header


def _parts(item: object) -> tuple[bytes, bytes]:
    match item:
        case [bytes(protected), dict(unprotected), bytes(ciphertext)] if not unprotected:
            if len(ciphertext) > TAG_BYTES:
                return protected, ciphertext
    raise WireError("envelope: not [protected, {}, ciphertext]")


@lru_cache(maxsize=4096)  # many an uplink has the same number, of one device or another
def _header(protected: bytes) -> Header:
    """Return the header in a protected one that has exactly the form of the protocol."""
    item = cbor.loads(protected)
    fields = item if type(item) is dict else {}
    found = Header(_integer(fields.get(_PARTIAL_IV), 5), _integer(fields.get(_KID), 4))
    # Only one encoding is valid: unknown algorithms and critical headers are refused here.
    if protected != _protected(found) or found.epoch > MAX_EPOCH:
        raise WireError("envelope: unknown algorithm, key epoch or header")
    return found


def _integer(item: object, most_bytes: int) -> int:
    if type(item) is not bytes or not 1 <= len(item) <= most_bytes:
        raise WireError("envelope: no partial IV of 1 to 5 bytes, or no epoch of 1 to 4")
    return int.from_bytes(item, "big")


@lru_cache(maxsize=4096)  # downlinks of the same second have the same number
def _protected(of: Header) -> bytes:
    fields = {_ALG: _AES_CCM_16_64_128, _KID: _shortest(of.epoch), _PARTIAL_IV: _shortest(of.number)}
    return cbor2.dumps(fields)


def _shortest(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _nonce(iv: int, number: int) -> bytes:
    return (iv ^ number).to_bytes(_IV_BYTES, "big")


@lru_cache(maxsize=4096)
def _begin(protected: bytes) -> bytes:
    """Return the associated data, an array of three, without its last item, the external data."""
    array_of_three = b"\x83"
    return array_of_three + cbor2.dumps("Encrypt0") + cbor2.dumps(protected)
