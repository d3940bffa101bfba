"""The RSP session of an eUICC: mutual authentication and one-time keys (SGP.22 5.7.5, 5.7.7, 5.7.13, 5.7.14).

It is in volatile memory: a reset of the card ends it. One-time keys that no package was loaded with are kept,
so that a server can bind to the same one again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tools.modem.card import tlv
from tools.modem.card.rsp import certificates, chain, signature
from tools.modem.card.rsp.identity import Identity, Random
from tools.modem.card.rsp.signature import OTPK, SIGNATURE
from tools.modem.card.tlv import fields

BAD_CERTIFICATE, BAD_SIGNATURE, BAD_CURVE, NO_SESSION, BAD_OID, OTHER_CHALLENGE, UNKNOWN_CI = range(1, 8)
OTHER_TRANSACTION = 5
"""Error of PrepareDownload and CancelSession."""
UNDEFINED = 127
REASONS = (*range(6), UNDEFINED)
"""Why a session may be cancelled."""
KEPT_KEYS = 2
SEQUENCE, OCTETS, CONTEXT = 0x30, 0x04, 0xA0


@dataclass(frozen=True)
class Authenticated:
    """What AuthenticateServer has found: the `root` and the `oid` of the SM-DP+, and our own signature."""

    root: bytes
    transaction: bytes
    address: bytes
    oid: bytes
    signature1: bytes


@dataclass(frozen=True)
class Prepared:
    """What PrepareDownload has agreed on: the one-time key, and the key that signs the package."""

    session: Authenticated
    otsk: ec.EllipticCurvePrivateKey
    binder: ec.EllipticCurvePublicKey


class _Refused(Exception):
    """With the code of the answer."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """Each function is given the value of its request and returns that of its answer. Raises ValueError for
    what is no such request."""

    def __init__(self, identity: Identity, random: Random, info2: Callable[[], bytes]) -> None:
        self._identity = identity
        self._random = random
        self._info2 = info2
        self._unused: dict[bytes, ec.EllipticCurvePrivateKey] = {}
        """One-time keys by their public part, oldest first."""
        self.reset()

    def reset(self) -> None:
        """The card was reset."""
        self._challenge: bytes | None = None
        self._authenticated: Authenticated | None = None
        self._prepared: Prepared | None = None

    def take(self) -> Prepared | None:
        """What the load begins with. It ends the session and uses the key up; None: nothing is prepared."""
        prepared = self._prepared
        if prepared:
            self._unused.pop(signature.point(prepared.otsk))
        self.reset()
        return prepared

    def challenge(self, value: bytes) -> bytes:
        """GetEUICCChallenge: a new session, in place of another."""
        self.reset()
        self._challenge = self._random.bytes(16)
        return tlv.encode(0x80, self._challenge)

    def authenticate(self, value: bytes) -> bytes:
        """AuthenticateServer"""
        parts = fields(value, SEQUENCE, SIGNATURE, OCTETS, SEQUENCE, CONTEXT)
        signed, signed_by, root, certificate, context = parts
        transaction, challenge, address, theirs = fields(signed, 0x80, 0x81, 0x83, 0x84)
        if not 1 <= len(transaction) <= 16 or {len(challenge), len(theirs)} != {16}:
            raise ValueError("sizes")
        _check_context(context)
        try:
            if self._challenge is None:
                raise _Refused(NO_SESSION)
            server = self._server(root, certificate)
            if not signature.verifies(signed_by, certificates.key_of(server), tlv.encode(SEQUENCE, signed)):
                raise _Refused(BAD_SIGNATURE)
            if challenge != self._challenge:
                raise _Refused(OTHER_CHALLENGE)
            if not certificates.roles_of(server) & {chain.ROLE_AUTH}:
                raise _Refused(BAD_OID)
        except _Refused as refused:
            self.reset()
            return _error(transaction, refused.code)
        ours = tlv.encode(
            SEQUENCE,
            tlv.encode(0x80, transaction),
            tlv.encode(0x83, address),
            tlv.encode(0x84, theirs),
            tlv.encode(0xBF22, self._info2()),
            tlv.encode(CONTEXT, context),
        )
        signature1 = signature.sign(self._identity.key, ours)
        self.reset()
        self._authenticated = Authenticated(
            root, transaction, address, certificates.oid_of(server), signature1
        )
        return tlv.encode(CONTEXT, ours, signature1, self._identity.certificates)

    def prepare(self, value: bytes) -> bytes:
        """PrepareDownload"""
        tags = [tag for tag, _ in tlv.decode(value)]
        hashed = [OCTETS] if OCTETS in tags else []
        signed, signed_by, *code, certificate = fields(value, SEQUENCE, SIGNATURE, *hashed, SEQUENCE)
        if any(len(each) != 32 for each in code):
            raise ValueError("no SHA-256")
        about = tlv.decode(signed)
        transaction = fields(signed, *(tag for tag, _ in about))[0]
        if [tag for tag, _ in about] not in ([0x80, 0x01], [0x80, 0x01, OTPK]):
            raise ValueError("smdpSigned2")
        try:
            session = self._authenticated
            if session is None:
                raise _Refused(NO_SESSION)
            binder = self._binder(certificate, session)
            if not signature.verifies(signed_by, binder, tlv.encode(SEQUENCE, signed) + session.signature1):
                raise _Refused(BAD_SIGNATURE)
            if transaction != session.transaction:
                raise _Refused(OTHER_TRANSACTION)
        except _Refused as refused:
            self.reset()
            return _error(transaction, refused.code)
        otsk = self._one_time_key(dict(about).get(OTPK, b""))
        self._prepared = Prepared(session, otsk, binder)
        ours = tlv.encode(
            SEQUENCE,
            tlv.encode(0x80, transaction),
            tlv.encode(OTPK, signature.point(otsk)),
            *(tlv.encode(OCTETS, each) for each in code),
        )
        return tlv.encode(
            CONTEXT, ours, signature.sign(self._identity.key, ours + tlv.encode(SIGNATURE, signed_by))
        )

    def cancel(self, value: bytes) -> bytes:
        """CancelSession"""
        transaction, reason = fields(value, 0x80, 0x81)
        session = self._authenticated
        if session is None or transaction != session.transaction:
            return tlv.encode(0x81, bytes([OTHER_TRANSACTION]))
        if int.from_bytes(reason) not in REASONS:
            return tlv.encode(0x81, bytes([UNDEFINED]))
        self.reset()
        ours = tlv.encode(
            SEQUENCE, tlv.encode(0x80, transaction), tlv.encode(0x81, session.oid), tlv.encode(0x82, reason)
        )
        return tlv.encode(CONTEXT, ours, signature.sign(self._identity.key, ours))

    def _server(self, root: bytes, certificate: bytes) -> x509.Certificate:
        """The server's certificate, signed by the root that it names."""
        issuer = self._identity.roots.get(root)
        if issuer is None:
            raise _Refused(UNKNOWN_CI)
        try:
            found = certificates.load(tlv.encode(SEQUENCE, certificate))
        except certificates.CurveError:
            raise _Refused(BAD_CURVE) from None
        except ValueError:
            raise _Refused(BAD_CERTIFICATE) from None
        if not certificates.issued(found, issuer) or not certificates.is_of_server(found):
            raise _Refused(BAD_CERTIFICATE)
        return found

    def _binder(self, certificate: bytes, session: Authenticated) -> ec.EllipticCurvePublicKey:
        """The key of DPpb, of the same SM-DP+ as DPauth."""
        found = self._server(session.root, certificate)
        if chain.ROLE_PB not in certificates.roles_of(found) or certificates.oid_of(found) != session.oid:
            raise _Refused(BAD_CERTIFICATE)
        return certificates.key_of(found)

    def _one_time_key(self, known: bytes) -> ec.EllipticCurvePrivateKey:
        """The one that a package was bound to before, if it is still there; else a new one."""
        if known in self._unused:
            return self._unused[known]
        key = self._random.key()
        self._unused[signature.point(key)] = key
        while len(self._unused) > KEPT_KEYS:
            self._unused.pop(next(iter(self._unused)))
        return key


def _check_context(value: bytes) -> None:
    """ctxParamsForCommonAuthentication: which profile, and the type of the device. Raises ValueError."""
    objects = tlv.decode(value)
    by_tag = dict(objects)
    by_tag.get(0x80, b"").decode()
    device = [tag for tag, _ in tlv.decode(by_tag.get(0xA1, b""))]
    if objects[-1:] != [(0xA1, by_tag.get(0xA1))] or device not in ([0x80, 0xA1], [0x80, 0xA1, 0x82]):
        raise ValueError("no type of the device")
    if len(tlv.find(by_tag[0xA1], 0x80) or b"") != 4:
        raise ValueError("no type allocation code")


def _error(transaction: bytes, code: int) -> bytes:
    return tlv.encode(0xA1, tlv.encode(0x80, transaction), tlv.encode(0x02, bytes([code])))
