"""Signatures and points as Remote SIM Provisioning carries them (SGP.22 2.6.7.2)."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tools.modem.card import tlv

SIGNATURE, OTPK = 0x5F37, 0x5F49


def sign(by: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA with SHA-256: the object 5F37 with r and s, 32 bytes each; always the same one (RFC 6979)."""
    r, s = decode_dss_signature(by.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return tlv.encode(SIGNATURE, r.to_bytes(32) + s.to_bytes(32))


def verifies(signature: bytes, by: ec.EllipticCurvePublicKey, data: bytes) -> bool:
    """Whether the 64 bytes are the signature of `by`."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    try:
        by.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key: an uncompressed point, 65 bytes on P-256."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def agreed(own: ec.EllipticCurvePrivateKey, other: bytes) -> bytes:
    """The secret of ECDH with the other side's point. Raises ValueError for one that is off the curve."""
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), other)
    return own.exchange(ec.ECDH(), public)
