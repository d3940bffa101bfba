"""Certificates that the operator provides for a broker set up here, checked as a tracker will check them."""

import os
import ssl
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from landbridge.core import files
from landbridge.core.errors import UserError

_MOST_CA_BYTES = 4096
"""The size of a CA that a tracker can store, in bytes."""


def check(ca_file: str, cert_file: str, key_file: str, names: Mapping[str, str]) -> None:
    """`UserError` unless a client that trusts the CA alone accepts the broker's certificate for each of the
    names, which stand under their keys."""
    ca = _ca(ca_file)
    _first(cert_file)
    server = _server(cert_file, key_file)
    for key, name in names.items():
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=ca)
        try:
            _shake_hands(client, server, name)
        except ssl.SSLCertVerificationError as error:
            raise UserError(_sentence(error, ca_file, cert_file, f"{key} = {name!r}")) from None
        except ssl.SSLError as error:
            raise UserError(f"{cert_file} does not work: {error}; name another certificate") from None


def check_ca(ca_file: str) -> None:
    """`UserError` unless the file has a CA that a tracker can keep, and has not expired."""
    _ca(ca_file)
    found = _first(ca_file)
    if (end := found.not_valid_after_utc) < datetime.now(UTC):
        raise UserError(f"{ca_file} has expired on {end:%Y-%m-%d}; name a CA that is valid")


def check_readable(paths: tuple[str, ...], owner: int) -> None:
    """`UserError` for a file that the services, which run as the owner of the folder, could not read."""
    if os.geteuid() or not owner:
        return
    for path in paths:
        if subprocess.run(["test", "-r", path], user=owner, extra_groups=[], check=False).returncode:
            raise UserError(
                f"{path} cannot be read by the user who runs the broker: `setfacl -m u:{owner}:r {path}`"
            )


def _ca(path: str) -> str:
    pem = files.contents(Path(path))
    if len(pem) > _MOST_CA_BYTES:
        raise UserError(
            f"{path} has more than {_MOST_CA_BYTES} bytes, too large for trackers: name the CA alone"
        )
    _first(path)
    return pem.decode(errors="replace")


def _first(path: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(files.contents(Path(path)))
    except ValueError:
        raise UserError(f"{path} is not a PEM certificate; name the right file") from None


def _server(cert_file: str, key_file: str) -> ssl.SSLContext:
    files.contents(Path(key_file))
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        found.load_cert_chain(cert_file, key_file, password="")  # or it would ask on the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UserError(f"{key_file} is not the key of {cert_file}; name a matching pair") from None
        raise UserError(f"{key_file} is not a PEM key without passphrase; name the right file") from None
    return found


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """In memory: no port, no network."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=name),
        server.wrap_bio(there, back, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass


def _sentence(error: ssl.SSLCertVerificationError, ca_file: str, cert_file: str, answer: str) -> str:
    found = _first(cert_file)
    if "expired" in error.verify_message and found.not_valid_after_utc < datetime.now(UTC):
        return f"{cert_file} has expired on {found.not_valid_after_utc:%Y-%m-%d}; have it renewed"
    if "expired" in error.verify_message:
        return f"the CA of {cert_file} has expired; name another ca_file"
    if "not yet valid" in error.verify_message:
        begin = found.not_valid_before_utc
        return f"{cert_file} is valid from {begin:%Y-%m-%d} on; check the clock of this machine"
    if "mismatch" in error.verify_message:
        return f"{cert_file} is not for {answer}; use a host name that it covers, or get another certificate"
    return (
        f"{ca_file} is not the CA of {cert_file} ({error.verify_message}); intermediate CAs belong into"
        f" {cert_file}"
    )
