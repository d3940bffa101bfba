"""Servers that a download trusts: SM-DP+ servers on a list, with certificates that lead to the GSMA's root.

A test root counts only where `[esim] test_ci_file` names one.
"""

import logging
import ssl
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from landbridge.config import Esim
from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.downloads.activation import SERVER

_ROLES = "2.23.146.1.2.1."
_EUICC, _MAKER = _ROLES + "1", _ROLES + "2"
AUTHENTICATION, BINDING = _ROLES + "4", _ROLES + "5"
"""The roles of a server's certificate (SGP.22 2.4a.1): DPauth, DPpb."""
_MOST_FILE = 262_144
_log = logging.getLogger(__name__)


class Distrust(Exception):
    """A certificate or signature is invalid; the text names it."""


class Trust(NamedTuple):
    """The section `[esim]` of the configuration."""

    roots: tuple[x509.Certificate, ...]
    servers: frozenset[str]

    def allows(self, server: str) -> bool:
        """Whether the operator has put this server on the list."""
        return server in self.servers

    def check_roots(self) -> None:
        """`UserError` without a root."""
        if not self.roots:
            raise UserError(
                _("no certificate authority for SM-DP+ servers: set ci_file in [esim] of the configuration")
            )

    def check(self, server: str) -> None:
        """`UserError` if nothing can be loaded from there."""
        self.check_roots()
        if not self.allows(server):
            raise UserError(
                _(
                    "{server} is not on the list: add it to servers in [esim] of the configuration",
                    server=server,
                ),
                "code",
            )

    def tls(self) -> ssl.SSLContext:
        """For connections to the servers: these roots and no others."""
        pem = "".join(each.public_bytes(Encoding.PEM).decode() for each in self.roots)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=pem)
        return context


def load(esim: Esim) -> Trust:
    """From the configuration; `UserError` names a file that cannot be used."""
    if esim.test_ci_file:
        _log.warning("servers of the test root %s are trusted: for tests only", esim.test_ci_file)
    roots = [root for file in (esim.ci_file, esim.test_ci_file) if file for root in _read(Path(file))]
    names = [each.strip().lower() for each in esim.servers.split(",") if each.strip()]
    for each in names:
        if not SERVER.fullmatch(each):
            raise UserError(f"servers in [esim]: {each!r} is no host name such as smdp.example:8443")
    return Trust(tuple(roots), frozenset(each.removesuffix(":443") for each in names))


def _read(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(files.contents(file, _MOST_FILE))
    except ValueError:
        raise UserError(f"{file} has no certificates in PEM; correct [esim] in the configuration") from None


def certificate(
    content: bytes, role: str, roots: tuple[x509.Certificate, ...], now: datetime
) -> x509.Certificate:
    """A certificate of a server that leads to one of the roots; `Distrust` if it does not."""
    try:
        found = x509.load_der_x509_certificate(content)
        policies = found.extensions.get_extension_for_class(x509.CertificatePolicies).value
        usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound):
        raise Distrust(_("the server's certificate cannot be read")) from None
    issuers = [root for root in roots if _issued(found, root)]
    if not issuers:
        raise Distrust(_("the server's certificate does not lead to a trusted authority"))
    if not _is_valid(found, now) or not any(_is_valid(each, now) for each in issuers):
        raise Distrust(_("the server's certificate is not valid at this time"))
    may = usage.key_cert_sign if role == _MAKER else usage.digital_signature
    if not may or role not in [each.policy_identifier.dotted_string for each in policies]:
        raise Distrust(_("the server's certificate is for another purpose"))
    return found


def card(
    euicc: bytes, maker: bytes, eid: str, roots: tuple[x509.Certificate, ...], now: datetime
) -> x509.Certificate:
    """The certificate of the card with this EID, which leads to one of the roots by its maker's; `Distrust`
    if it does not."""
    try:
        found = certificate(euicc, _EUICC, (certificate(maker, _MAKER, roots, now),), now)
    except Distrust:
        why = _("the card's certificates do not lead to a trusted authority; check ci_file in [esim]")
        raise Distrust(why) from None
    names = found.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)
    if [each.value for each in names] != [eid]:
        raise Distrust(_("the certificate of the card is for another EID"))
    return found


def signed_by_card(euicc: bytes, signature: bytes, content: bytes) -> None:
    """`Distrust` unless the card with this certificate has signed this."""
    try:
        verify(x509.load_der_x509_certificate(euicc), signature, content)
    except (Distrust, ValueError):
        raise Distrust(_("the card's signature is wrong")) from None


def _issued(found: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_valid(found: x509.Certificate, now: datetime) -> bool:
    return found.not_valid_before_utc <= now <= found.not_valid_after_utc


def identifiers(found: x509.Certificate) -> set[str]:
    """The registered object identifiers of a server, as its certificate has them."""
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {each.dotted_string for each in names.get_values_for_type(x509.RegisteredID)}


def verify(found: x509.Certificate, signature: bytes, content: bytes) -> None:
    """`Distrust` unless the owner of the certificate has signed this; `signature` is r and s, one after the
    other."""
    key = found.public_key()
    half = len(signature) // 2
    r, s = (int.from_bytes(each, "big") for each in (signature[:half], signature[half:]))
    try:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(encode_dss_signature(r, s), content, ec.ECDSA(SHA256()))
    except (AssertionError, InvalidSignature, ValueError):
        raise Distrust(_("the server's signature is wrong")) from None
