"""A throw-away certificate authority and the broker's certificate, for the demo and the tests."""

import datetime
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Devices compare with true time, which in the world is that of the trip: valid for any of them.
NOT_BEFORE = datetime.datetime(2020, 1, 1)
NOT_AFTER = datetime.datetime(2049, 12, 31)
AUTHORITY = int.from_bytes(hashlib.sha256(b"the demo's authority, which protects nothing").digest())
"""Its private key. The device is given the certificate, so it has to be the same for a trip to be the
same."""


def make(folder: Path, host: str, *others: str) -> None:
    """Write ca.pem, broker.pem and broker.key to `folder`; the broker is `host`, `others` or loopback."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key = ec.derive_private_key(AUTHORITY, ec.SECP256R1())
    authority_name = _name("Landbridge demo CA")
    authority = (
        _builder(authority_name, authority_name, authority_key, 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    broker_key = ec.generate_private_key(ec.SECP256R1())
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    names = [*(x509.DNSName(each) for each in (host, *others, "localhost")), loopback]
    broker = (
        _builder(_name(host), authority_name, broker_key, x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "broker.pem").write_bytes(broker.public_bytes(pem))
    key_file = folder / "broker.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        broker_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )
