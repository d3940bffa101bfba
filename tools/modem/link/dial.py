"""Opening a socket to a broker, with or without TLS, in steps that do not block."""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Failure(Enum):
    """Why a connection was not made."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CERTIFICATE = "certificate"


@dataclass(frozen=True)
class Tls:
    """Certificates as uploaded, PEM or (the CA only) DER. Without `ca` no server is verified."""

    ca: bytes | None
    certificate: bytes | None = None
    key: bytes | None = None


class DialError(Exception):
    """The connection was not made; `why` names the stage."""

    def __init__(self, why: Failure) -> None:
        super().__init__(why.value)
        self.why = why


def address_of(host: str) -> str:
    """The address that the simulated name server has for a host: its own if it is one, else one of
    TEST-NET-2 (RFC 5737) that follows from the name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return f"198.51.100.{zlib.crc32(host.lower().encode()) % 254 + 1}"


class Dialled:
    """A connection that has to be dialled first."""

    def __init__(self, route: Callable[[str, int], tuple[str, int]]) -> None:
        self._route = route
        self._dial: Dial | None = None
        self.failure: Failure | None = None
        self.opened = False

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """Connect the socket; over when `opened` or `failure`."""
        try:
            self._dial = Dial(host, self._route(host, port), tls)
        except DialError as error:
            self.failure = error.why

    def _dial_on(self, dial: Dial, wait_s: float) -> None:
        try:
            self.opened = dial.step(wait_s)
        except DialError as error:
            self.failure = error.why


class Dial:
    """One attempt; `step` until it returns True, then `socket` is connected."""

    def __init__(self, host: str, address: tuple[str, int], tls: Tls | None) -> None:
        """`host` is the name the certificate must have, `address` where to connect."""
        self._host = host
        self._context = _context(tls) if tls else None
        try:
            self._addresses = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        except OSError as error:
            raise DialError(Failure.DNS) from error
        self._connected = False
        self.socket = self._next_socket()

    def step(self, wait_s: float) -> bool:
        """True when connected; raises DialError when it failed."""
        if not self._connected:
            self._connected = self._finish_connect(wait_s)
            return self._connected and self._context is None
        return self._handshake(wait_s)

    def close(self) -> None:
        """Give the socket up."""
        self.socket.close()

    def _next_socket(self) -> socket.socket:
        family, kind, protocol, _name, address = self._addresses.pop(0)
        raw = socket.socket(family, kind, protocol)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.connect_ex(address)
        return raw

    def _finish_connect(self, wait_s: float) -> bool:
        if not select.select([], [self.socket], [], wait_s)[1]:
            return False
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.socket.close()
            if not self._addresses:
                raise DialError(Failure.CONNECT)
            self.socket = self._next_socket()
            return False
        if self._context:
            self.socket = self._context.wrap_socket(
                self.socket, server_hostname=self._host, do_handshake_on_connect=False
            )
        return True

    def _handshake(self, wait_s: float) -> bool:
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            select.select([self.socket], [], [], wait_s)
            return False
        except ssl.SSLWantWriteError:
            select.select([], [self.socket], [], wait_s)
            return False
        except OSError as error:
            raise DialError(Failure.TLS) from error
        return True


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # neither modem speaks 1.3
    try:
        if tls.ca is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context.load_verify_locations(cadata=_authority(tls.ca))
        if tls.certificate and tls.key:
            _load_own(context, tls.certificate, tls.key)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise DialError(Failure.CERTIFICATE) from error
    return context


def _authority(data: bytes) -> str | bytes:
    return data.decode("ascii") if data.lstrip().startswith(b"-----BEGIN") else data


def _load_own(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """`ssl` reads the own certificate from files only."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for path, data in zip(paths, (certificate, key), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(data)
        context.load_cert_chain(*paths)
