"""When the certificates that the agent and its trackers use expire: those in files, and the broker's."""

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from landbridge.config import Broker, Config
from landbridge.core.errors import UserError

SOON = timedelta(days=30)
_CONNECT_S = 10
_BROKER = "renew it (`landbridge setup` renews its own), and restart the broker"
_AGENT = "create another one and tell the broker: docs/guide/broker.md"
_CA = "give broker, agent and trackers those of another CA: a tracker gets its by flashing"
_PROVIDER = "get its new one from the provider"


class Certificate(NamedTuple):
    """A certificate in use."""

    name: str
    """The file or the server."""
    end: datetime
    remedy: str


class ExpiresSoon(UserError):
    """A certificate is valid, but not for long."""


def check(config: Config, now: datetime) -> str:
    """Return when the first certificate expires; `UserError` if one has, `ExpiresSoon` if one will."""
    found = sorted(_in_use(config), key=lambda each: each.end)
    if not found:
        return "none: the agent uses the system's CAs, and no broker answers over TLS"
    if bad := [_why(each, "expired") for each in found if each.end <= now]:
        raise UserError("; ".join(bad))
    if soon := [_why(each, "expires") for each in found if each.end <= now + SOON]:
        raise ExpiresSoon("; ".join(soon))
    first = found[0]
    return f"{len(found)} certificates; the first to expire is that of {first.name}, on {first.end:%Y-%m-%d}"


def _why(each: Certificate, verb: str) -> str:
    return f"the certificate of {each.name} {verb} on {each.end:%Y-%m-%d}: {each.remedy}"


def _in_use(config: Config) -> Iterator[Certificate]:
    broker = config.broker
    files = {config.openid.ca_file: _PROVIDER, config.devices.ca_file: _CA}
    if broker.tls:
        yield from _of_broker(broker)
        files |= {broker.ca_file: _CA, broker.cert_file: _AGENT}
    for file, remedy in files.items():
        if file:
            # Of several CAs in a file, the last one holds.
            ends = [each.not_valid_after_utc for each in _read(file)]
            yield Certificate(file, ends[0] if remedy == _AGENT else max(ends), remedy)


def _read(file: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(file).read_bytes())
    except (OSError, ValueError, x509.InvalidVersion) as error:
        raise UserError(f"cannot read {file}: {error}; name a PEM file with a certificate") from None


def _of_broker(broker: Broker) -> Iterator[Certificate]:
    """The certificate that the broker presents, valid or not; none if it does not answer, which the check of
    the broker says."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        if broker.cert_file:
            # An encrypted key is refused; without a password OpenSSL would ask on the terminal.
            context.load_cert_chain(broker.cert_file, broker.cert_key_file or None, password="")
        with (
            socket.create_connection((broker.host, broker.port), _CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as connection,
        ):
            content = connection.getpeercert(binary_form=True)
            end = x509.load_der_x509_certificate(content or b"").not_valid_after_utc
    except (OSError, ValueError, x509.InvalidVersion):
        return
    yield Certificate(f"the broker {broker.host}:{broker.port}", end, _BROKER)
