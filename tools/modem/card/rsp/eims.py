"""The remote managers that an IoT eUICC is associated with (eIM, SGP.32 2.11.1): the data of each.

It is in non-volatile memory. Who is associated first comes with AddInitialEim, which needs no signature; all
later changes come in packages that an associated eIM has signed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tools.modem.card import tlv

NO_MEMORY, THERE_ALREADY, UNKNOWN_CI, BAD_TOKEN, OUT_OF_RANGE, COMMAND_ERROR = 1, 2, 3, 5, 6, 7
NOT_FOUND, LAST_DELETED = 1, 2
MOST_COUNTER = 0x7FFFFF
MOST = 4
LONGEST_ID = 128
ID, FQDN, KIND, COUNTER, TOKEN, KEY, TLS, PROTOCOLS, CI, INDIRECT, PROPRIETARY = (
    *(0x80, 0x81, 0x82, 0x83, 0x84),
    *(0xA5, 0xA6, 0x87, 0x88, 0x89, 0xAA),
)
_ORDER = (ID, FQDN, KIND, COUNTER, TOKEN, KEY, TLS, PROTOCOLS, CI, INDIRECT, PROPRIETARY)
WANTS_TOKEN = b"\xff"
"""-1: the card makes one."""


class EimError(Exception):
    """The configuration data are refused with a `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Eim:
    """`counter`: the highest that a package has had; `token` of the association, 0: none; `given`: the other
    configuration data, by tag."""

    name: bytes
    counter: int
    token: int
    key: ec.EllipticCurvePublicKey
    given: dict[int, bytes]

    def data(self) -> bytes:
        """EimConfigurationData"""
        now = self.given | {COUNTER: tlv.integer(self.counter)}
        if self.token:
            now[TOKEN] = tlv.integer(self.token)
        return tlv.encode(0x30, *(tlv.encode(tag, now[tag]) for tag in _ORDER if tag in now))

    def info(self) -> bytes:
        """EimIdInfo"""
        kind = tlv.encode(KIND, self.given[KIND]) if self.given.get(KIND) in (b"\1", b"\2") else b""
        return tlv.encode(0x30, tlv.encode(ID, self.name), kind)


class Eims:
    """Of one card. `roots`: the key identifiers of its roots."""

    def __init__(self, roots: Collection[bytes]) -> None:
        self._roots = roots
        self._known: dict[bytes, Eim] = {}
        self._tokens = 0

    def find(self, name: bytes) -> Eim | None:
        """The eIM with this id."""
        return self._known.get(name)

    def listed(self, name: bytes | None = None) -> list[Eim]:
        """All, or the one with this id."""
        return [each for each in self._known.values() if name in (None, each.name)]

    def count(self, name: bytes, counter: int) -> None:
        """Accept the counter of a package that was received."""
        self._known[name] = replace(self._known[name], counter=counter)

    def reset(self) -> bool:
        """Forget all; whether there was one."""
        had, self._known = bool(self._known), {}
        return had

    def begin(self, requests: list[bytes]) -> list[Eim]:
        """AddInitialEim: all of them, or none. Raises `EimError`."""
        if self._known:
            raise EimError(THERE_ALREADY)
        try:
            return [self.add(each) for each in requests]
        except EimError:
            self._known = {}
            raise

    def add(self, request: bytes) -> Eim:
        """Associate one more. Raises `EimError`."""
        given = self._read(request)
        if not {COUNTER, KEY} <= given.keys():
            raise EimError(COMMAND_ERROR)
        name = given[ID]
        if name in self._known:
            raise EimError(THERE_ALREADY)
        if len(self._known) >= MOST:
            raise EimError(NO_MEMORY)
        token = given.pop(TOKEN, None)
        if token not in (None, WANTS_TOKEN):
            raise EimError(BAD_TOKEN)
        self._tokens += token is not None
        number = self._tokens if token else 0
        self._known[name] = Eim(name, _counter(given), number, _key(given[KEY]), given)
        return self._known[name]

    def update(self, request: bytes) -> int:
        """Change what is given of one. Raises `EimError`; returns the result."""
        given = self._read(request)
        before = self._known.get(given[ID])
        if before is None:
            return NOT_FOUND
        if TOKEN in given:
            raise EimError(COMMAND_ERROR)
        counter = _counter(given) if COUNTER in given else before.counter
        key = _key(given[KEY]) if KEY in given else before.key
        self._known[before.name] = replace(before, counter=counter, key=key, given=before.given | given)
        return 0

    def delete(self, name: bytes) -> int:
        """End an association; the result."""
        if self._known.pop(name, None) is None:
            return NOT_FOUND
        return 0 if self._known else LAST_DELETED

    def _read(self, request: bytes) -> dict[int, bytes]:
        objects = tlv.decode(request)
        given = dict(objects)
        if [tag for tag, _ in objects] != [tag for tag in _ORDER if tag in given]:
            raise EimError(COMMAND_ERROR)
        if not 1 <= len(given.get(ID, b"")) <= LONGEST_ID:
            raise EimError(COMMAND_ERROR)
        if CI in given and given[CI] not in self._roots:
            raise EimError(UNKNOWN_CI)
        return given


def _counter(given: dict[int, bytes]) -> int:
    counter = int.from_bytes(given[COUNTER], signed=True)
    if not 0 <= counter <= MOST_COUNTER:
        raise EimError(OUT_OF_RANGE)
    return counter


def _key(data: bytes) -> ec.EllipticCurvePublicKey:
    """A SubjectPublicKeyInfo, or a certificate, without its own tag; on P-256."""
    try:
        ((tag, content),) = tlv.decode(data)
        whole = tlv.encode(0x30, content)
        public = load_der_public_key(whole) if tag == 0xA0 else _of_certificate(whole)
    except ValueError:
        raise EimError(COMMAND_ERROR) from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise EimError(COMMAND_ERROR)
    return public


def _of_certificate(whole: bytes) -> ec.EllipticCurvePublicKey:
    return cast(ec.EllipticCurvePublicKey, x509.load_der_x509_certificate(whole).public_key())
