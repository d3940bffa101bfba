"""Certificates and keys in files: exports our test chain, and imports other chains for our card.

`python -m tools.modem.card.rsp.folder FOLDER [HOST ...]` writes our chain. The simulated modem reads one with
`--euicc --identity FOLDER`: ci*, eum and euicc as .pem or .der, and euicc.key.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tools.modem.card.rsp import certificates, chain
from tools.modem.card.rsp.chain import Credential
from tools.modem.card.rsp.identity import Identity

EID = "89049032123451234512345678901235"


class IdentityError(ValueError):
    """The folder does not have what a card needs; the message says what."""


def write(folder: Path, hosts: tuple[str, ...]) -> None:
    """The test chain, each certificate as .pem and .der with its key as .key; TLS is for these hosts."""
    folder.mkdir(parents=True, exist_ok=True)
    chained = {
        "ci": chain.ci(),
        "eum": chain.eum(),
        "euicc": chain.euicc(EID),
        "dpauth": chain.server(chain.ROLE_AUTH),
        "dppb": chain.server(chain.ROLE_PB),
        "tls": chain.server(chain.ROLE_TLS, hosts=hosts),
    }
    for name, each in chained.items():
        _write(folder / name, each)


def _write(file: Path, credential: Credential) -> None:
    file.with_suffix(".pem").write_text(credential.pem)
    file.with_suffix(".der").write_bytes(credential.der)
    file.with_suffix(".key").write_text(credential.key_pem)


def load(folder: Path) -> Identity:
    """The identity of a card. Raises IdentityError."""
    euicc = _certificate(folder, "euicc")
    names = euicc.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)
    eid = str(names[0].value) if names else ""
    if len(eid) != 32 or not eid.isdigit():
        raise IdentityError(f"{folder}: the certificate of the eUICC names no EID of 32 digits")
    key = _key(folder / "euicc.key")
    if key.public_key() != euicc.public_key():
        raise IdentityError(f"{folder / 'euicc.key'} is not the key of the certificate")
    eum = _certificate(folder, "eum")
    if not certificates.issued(euicc, eum):
        raise IdentityError(f"{folder}: the certificate of the eUICC was not issued by that of the maker")
    stems = sorted({each.stem for each in folder.glob("ci*") if each.suffix in (".pem", ".der")})
    roots = {_key_id(each): each for each in (_certificate(folder, stem) for stem in stems or ["ci"])}
    return Identity(
        bytes.fromhex(eid), key, euicc.public_bytes(Encoding.DER), eum.public_bytes(Encoding.DER), roots
    )


def _certificate(folder: Path, name: str) -> x509.Certificate:
    for suffix, parse in ((".pem", x509.load_pem_x509_certificate), (".der", x509.load_der_x509_certificate)):
        file = folder / (name + suffix)
        if file.exists():
            try:
                return certificates.load(parse(file.read_bytes()).public_bytes(Encoding.DER))
            except ValueError as error:
                raise IdentityError(f"{file}: {error}") from None
    raise IdentityError(f"{folder} has neither {name}.pem nor {name}.der")


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise IdentityError(f"{file}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityError(f"{file}: no key of an elliptic curve")
    return key


def _key_id(certificate: x509.Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tools.modem.card.rsp.folder FOLDER [HOST ...]")
    write(Path(sys.argv[1]), (*sys.argv[2:], "localhost", "127.0.0.1"))
