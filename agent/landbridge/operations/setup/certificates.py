"""A private CA and the certificates of broker and agent; keys are made once and never replaced."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from landbridge.core.errors import UserError
from landbridge.operations.setup import written

_CA_DAYS, _DAYS, _RENEWED_DAYS = 9_125, 3_650, 90
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
"""A tracker whose clock is late accepts them too."""
_PEM = serialization.Encoding.PEM


def make(folder: Path, names: Sequence[str]) -> list[Path]:
    """Make ca, broker and agent (.pem and .key) where they are missing; return the files that changed. The
    broker's certificate is made again for other names, and 90 days before its end."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed: list[Path] = []
    ca_key = _key(folder / "ca.key", changed)
    ca_file, broker_file, agent_file = (folder / f"{name}.pem" for name in ("ca", "broker", "agent"))
    if not ca_file.exists():
        ca = _certificate("Landbridge CA", ca_key, None, ca_key, _CA_DAYS)
        _write(ca_file, ca, changed)
    ca = _read(ca_file)
    broker_key = _key(folder / "broker.key", changed)
    if not broker_file.exists() or not _serves(_read(broker_file), names):
        _write(broker_file, _certificate(names[0], broker_key, ca, ca_key, _DAYS, names), changed)
    agent_key = _key(folder / "agent.key", changed)
    if not agent_file.exists():
        # Its own issuer: the listener that asks for it accepts no other.
        _write(agent_file, _certificate("landbridge-agent", agent_key, None, agent_key, _CA_DAYS), changed)
    return changed


def _serves(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    return list(found) == _alternatives(names) and left > timedelta(days=_RENEWED_DAYS)


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int,
    names: Sequence[str] = (),
) -> x509.Certificate:
    """Return a certificate; without `issuer` it is its own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        built = built.add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
    return built.sign(issuer_key, hashes.SHA256())


def _key(path: Path, changed: list[Path]) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        written.whole(path, made.private_bytes(_PEM, *form), 0o600)
        changed.append(path)
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a key: {error}; restore the right one") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise UserError(f"{path} is another kind of key; restore the right one, or move the folder tls/ away")
    return found


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is not a certificate: {error}; remove it, and a new one is made") from None


def _write(path: Path, certificate: x509.Certificate, changed: list[Path]) -> None:
    written.whole(path, certificate.public_bytes(_PEM), 0o644)
    changed.append(path)
