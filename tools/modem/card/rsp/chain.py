"""A test chain of our own, as SGP.22 4.5.2 and SGP.26 have it: CI, EUM, eUICC, DPauth, DPpb and TLS.

Every key comes from its name and every signature is deterministic (RFC 6979), so that each process makes the
same certificates without storing them. The private keys are public: nothing real may trust this CI.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROLE_CI, ROLE_EUICC, ROLE_EUM, ROLE_TLS, ROLE_AUTH, ROLE_PB = (f"2.23.146.1.2.1.{n}" for n in range(6))
"""id-rspRole: the certificate policies by which the cards of SGP.22 know a role."""
SMDP_OID = "2.999.10"
ORGANISATION = "Landbridge test"
EUM_NUMBER = "89049032"
"""How the EIDs of this maker begin."""
NOT_BEFORE = datetime.datetime(2020, 1, 1)
NOT_AFTER = datetime.datetime(2049, 12, 31)
EXPIRED = datetime.datetime(2021, 1, 1)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the curve P-256."""
CRL = "http://ci.example/CRL-A.crl"
"""The distribution point of revocations in its certificates; it is never read."""

Key = ec.EllipticCurvePrivateKey


def key(name: str, curve: ec.EllipticCurve | None = None) -> Key:
    """The private key of this name, the same in every process."""
    number = int.from_bytes(sha256(f"Landbridge test key/{name}".encode()).digest()) % (ORDER - 1) + 1
    return ec.derive_private_key(number, curve or ec.SECP256R1())


@dataclass(frozen=True)
class Credential:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        """The certificate as the protocols carry it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate as files carry it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The private key as files carry it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @property
    def key_id(self) -> bytes:
        """SubjectKeyIdentifier, 20 bytes."""
        return x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()).digest


@cache
def ci(name: str = "CI") -> Credential:
    """The root, or a second one of another name, whom no card trusts."""
    own = key(name)
    subject = _name(f"{ORGANISATION} {name}")
    return _issue(name, subject, own, None, (ROLE_CI,), authority=True)


@cache
def eum() -> Credential:
    """Maker of the simulated eUICCs; its certificate is for EIDs that begin with its number."""
    subject = _name(f"{ORGANISATION} EUM")
    ours = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, EUM_NUMBER),
        ]
    )
    limits = x509.NameConstraints([x509.DirectoryName(ours)], None)
    return _issue("EUM", subject, key("EUM"), ci(), (ROLE_EUM,), (limits,), authority=True)


@cache
def euicc(eid: str) -> Credential:
    """The eUICC with this EID."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, eid),
            x509.NameAttribute(NameOID.COMMON_NAME, "Landbridge test eUICC"),
        ]
    )
    return _issue(f"eUICC {eid}", subject, key(f"eUICC {eid}"), eum(), (ROLE_EUICC,))


@cache
def server(
    role: str,
    oid: str = SMDP_OID,
    root: str = "CI",
    not_after: datetime.datetime = NOT_AFTER,
    hosts: tuple[str, ...] = (),
    curve: ec.EllipticCurve | None = None,
) -> Credential:
    """A certificate of an SM-DP+: DPauth and DPpb by their role; with `hosts`, names or addresses, for TLS.
    The other parameters make one that has to be refused."""
    name = f"SM-DP+ {role} {oid}"
    also: list[x509.ExtensionType] = [
        x509.SubjectAlternativeName([*map(_host, hosts), x509.RegisteredID(x509.ObjectIdentifier(oid))])
    ]
    if hosts:
        also.append(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]))
    subject = _name(f"{ORGANISATION} SM-DP+")
    return _issue(name, subject, key(name, curve), ci(root), (role,), also, not_after=not_after)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _issue(
    name: str,
    subject: x509.Name,
    own: Key,
    issuer: Credential | None,
    roles: Collection[str],
    also: Sequence[x509.ExtensionType] = (),
    authority: bool = False,
    not_after: datetime.datetime = NOT_AFTER,
) -> Credential:
    by = issuer.key if issuer else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(int.from_bytes(sha256(f"{name}/{not_after}".encode()).digest()[:8]) | 1 << 62)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(not_after)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(_usage(authority), critical=True)
        .add_extension(
            x509.CertificatePolicies(
                [x509.PolicyInformation(x509.ObjectIdentifier(role), None) for role in roles]
            ),
            critical=True,
        )
    )
    if authority:
        limit = None if issuer is None else 0
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=limit), critical=True)
    if issuer and ROLE_EUICC not in roles:
        lists = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([lists]), critical=False)
    for each in also:
        builder = builder.add_extension(each, critical=isinstance(each, x509.NameConstraints))
    return Credential(builder.sign(by, hashes.SHA256(), ecdsa_deterministic=True), own)


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
