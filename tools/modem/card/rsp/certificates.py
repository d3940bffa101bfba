"""Reads and verifies certificates of Remote SIM Provisioning.

A card has no clock and checks no dates (SGP.22 4.5.2); those who have one pass it.
"""

from __future__ import annotations

import datetime
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tools.modem.card import tlv


class CurveError(ValueError):
    """The key is on another curve than P-256."""


def load(der: bytes) -> x509.Certificate:
    """A certificate with a key on P-256. Raises ValueError, `CurveError` for another curve."""
    certificate = x509.load_der_x509_certificate(der)
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise CurveError("not on P-256")
    return certificate


def key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The public key of one that `load` has returned."""
    return cast(ec.EllipticCurvePublicKey, certificate.public_key())


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer has signed it, and may."""
    try:
        certificate.verify_directly_issued_by(issuer)
        limits = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return limits.ca


def is_of_server(certificate: x509.Certificate) -> bool:
    """Whether it has what every certificate of an SM-DP+ has (SGP.22 4.5.2.1), and nothing critical besides:
    SHA-256, the OID of its owner, and a key that may sign."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        critical = [each.value for each in certificate.extensions if each.critical]
        is_named = bool(oid_of(certificate))
    except (ValueError, x509.ExtensionNotFound):
        return False
    unknown = [each for each in critical if isinstance(each, x509.UnrecognizedExtension)]
    is_sha256 = isinstance(certificate.signature_hash_algorithm, SHA256)
    return is_sha256 and is_named and usage.digital_signature and not unknown


def in_time(certificate: x509.Certificate, at: datetime.datetime) -> bool:
    """Whether it is valid at that time (UTC)."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def oid_of(certificate: x509.Certificate) -> bytes:
    """Value of the OID of an SM-DP+, as its certificates name it; empty when they do not."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return b""
    return tlv.find(names.public_bytes(), 0x30, 0x88) or b""


def roles_of(certificate: x509.Certificate) -> set[str]:
    """The policies of a certificate, dotted."""
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return set()
    return {each.policy_identifier.dotted_string for each in policies}
