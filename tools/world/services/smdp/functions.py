"""The five functions of ES9+ (SGP.22 5.6 and 6.5.2), each from the fields of its JSON to those of its answer.

Values are base64 of DER, as they came: what is signed is never encoded again.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tools.modem.card import tlv
from tools.modem.card.rsp import certificates, chain, signature
from tools.modem.card.rsp.identity import Random
from tools.modem.card.rsp.signature import OTPK, SIGNATURE
from tools.modem.card.tlv import fields as values
from tools.world.services.smdp import damage as damaged
from tools.world.services.smdp.binding import WHOLE, bind
from tools.world.services.smdp.codes import StatusError
from tools.world.services.smdp.notified import Notified, read
from tools.world.services.smdp.orders import Order

Body = dict[str, Any]


class MalformedError(ValueError):
    """The request is none."""


@dataclass
class Transaction:
    """One RSP session, seen from the server."""

    id: bytes
    challenge: bytes
    eid: str = ""
    euicc: x509.Certificate | None = None
    order: Order | None = None
    signature2: bytes = b""
    closed: str = ""
    """Why it has ended."""


@dataclass
class Functions:
    """`address` is what devices call the server. `damage`: what is wrong with its answers (`damage.DAMAGES`,
    `binding.DAMAGES`); `cut`: bytes of plain text in an object of a package."""

    address: str
    orders: dict[str, Order] = field(default_factory=dict)
    damage: Collection[str] = ()
    cut: int = WHOLE - 1
    transactions: dict[bytes, Transaction] = field(default_factory=dict)
    notified: list[Notified] = field(default_factory=list)
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)

    def __post_init__(self) -> None:
        self._random = Random(b"SM-DP+")
        self._cards: dict[str, x509.Certificate] = {}

    def call(self, function: str, body: Body) -> Body | None:
        """The fields of the answer, None when it has none. Raises `StatusError`, `MalformedError`."""
        try:
            return _FUNCTIONS[function](self, body)
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise MalformedError(f"{function}: {error!r}") from None

    def _initiate(self, body: Body) -> Body:
        challenge, info = _bytes(body["euiccChallenge"]), _bytes(body["euiccInfo1"])
        if body["smdpAddress"] != self.address:
            raise StatusError("address")
        roots = values(tlv.find(info, 0xBF20, 0xA9) or b"", 0x04)
        if len(challenge) != 16 or chain.ci().key_id not in roots:
            raise StatusError("unknown-ci")
        one = Transaction(self._random.bytes(16), self._random.bytes(16))
        self.transactions[one.id] = one
        said = damaged.authentication(self.damage, one.id, challenge, self.address, one.challenge)
        return {
            "transactionId": one.id.hex().upper(),
            "serverSigned1": _text(said.signed),
            "serverSignature1": _text(said.signature),
            "euiccCiPKIdToBeUsed": _text(tlv.encode(0x04, said.root)),
            "serverCertificate": _text(said.certificate),
        }

    def _authenticate(self, body: Body) -> Body:
        one = self._transaction(body)
        answer = self._answer(body, "authenticateServerResponse", 0xBF38)
        signed, signed_by, euicc, eum = values(answer, 0x30, SIGNATURE, 0x30, 0x30)
        one.euicc = self._card(euicc, eum)
        one.eid = _eid(one.euicc)
        said = tlv.encode(0x30, signed)
        if not signature.verifies(signed_by, certificates.key_of(one.euicc), said):
            raise StatusError("euicc-signature")
        transaction, _, challenge, info2, context = values(signed, 0x80, 0x83, 0x84, 0xBF22, 0xA0)
        if transaction != one.id or challenge != one.challenge:
            raise StatusError("euicc-signature")
        matching_id = (tlv.find(context, 0x80) or b"").decode()
        order = self.orders.get(matching_id)
        if order is None:
            raise StatusError("matching-id")
        order.check(one.eid, int.from_bytes(tlv.find(info2, 0x84, 0x82) or b""))
        one.order = order
        self._cards[one.eid] = one.euicc
        known = next(reversed(order.bound), b"")
        signed2 = damaged.binding(
            self.damage, one.id, bool(order.code), known, tlv.encode(SIGNATURE, signed_by)
        )
        one.signature2 = signed2.signature
        return {
            "transactionId": one.id.hex().upper(),
            "profileMetadata": _text(order.profile.metadata(self.address)),
            "smdpSigned2": _text(signed2.signed),
            "smdpSignature2": _text(signed2.signature),
            "smdpCertificate": _text(signed2.certificate),
        }

    def _package(self, body: Body) -> Body:
        one = self._transaction(body)
        if one.order is None or one.euicc is None:
            raise StatusError("unknown-transaction")
        answer = self._answer(body, "prepareDownloadResponse", 0xBF21)
        signed, signed_by = values(answer, 0x30, SIGNATURE)
        said = tlv.encode(0x30, signed) + one.signature2
        if not signature.verifies(signed_by, certificates.key_of(one.euicc), said):
            raise StatusError("euicc-signature")
        about = dict(tlv.decode(signed))
        if about[0x80] != one.id:
            raise StatusError("unknown-transaction")
        order = one.order
        order.check_code(about.get(0x04), hash_of(order.code, one.id))
        otpk = about[OTPK]
        if otpk not in order.bound:
            if order.bound and not order.rebinds:
                raise StatusError("no-rebinding")
            order.bound[otpk] = self._bind(order, one, otpk)
        order.downloads += 1
        order.state = "downloaded"
        return {
            "transactionId": one.id.hex().upper(),
            "boundProfilePackage": _text(order.bound[otpk].package(one.id)),
        }

    def _bind(self, order: Order, one: Transaction, otpk: bytes) -> Any:
        eid = bytes.fromhex(one.eid)
        key: ec.EllipticCurvePrivateKey = self._random.key()
        return bind(order.profile, self.address, eid, otpk, self._random.bytes, key, self.cut, self.damage)

    def _cancel(self, body: Body) -> Body:
        one = self._transaction(body)
        signed, signed_by = values(self._answer(body, "cancelSessionResponse", 0xBF41), 0x30, SIGNATURE)
        transaction, oid, reason = values(signed, 0x80, 0x81, 0x82)
        ours = certificates.oid_of(chain.server(chain.ROLE_AUTH).certificate)
        said = tlv.encode(0x30, signed)
        if one.euicc is None or transaction != one.id or oid != ours:
            raise StatusError("unknown-transaction")
        if not signature.verifies(signed_by, certificates.key_of(one.euicc), said):
            raise StatusError("euicc-signature")
        one.closed = f"cancelled, reason {int.from_bytes(reason)}"
        if one.order and int.from_bytes(reason) not in (1, 2):
            one.order.state = "error"
        return {}

    def _notify(self, body: Body) -> None:
        found = read(_bytes(body["pendingNotification"]), self._signer, self._card)
        self.notified.append(found)
        one = self.transactions.get(found.transaction)
        if found.valid and one and one.order and found.reason is not None:
            one.order.state = "installed" if found.reason == 0 else one.order.state
            one.closed = "installed" if found.reason == 0 else f"not installed, reason {found.reason}"

    # Inside

    def _transaction(self, body: Body) -> Transaction:
        one = self.transactions.get(bytes.fromhex(body["transactionId"]))
        if one is None or one.closed:
            raise StatusError("unknown-transaction")
        return one

    def _answer(self, body: Body, name: str, tag: int) -> bytes:
        """The answer of an eUICC, if it was no error."""
        value = _bytes(body[name])
        good = tlv.find(value, tag, 0xA0)
        if good is None:
            raise StatusError("euicc-signature")
        return good

    def _signer(self, transaction: bytes) -> x509.Certificate | None:
        """The signer of the result of this session."""
        one = self.transactions.get(transaction)
        return one.euicc if one else None

    def _card(self, euicc: bytes, eum: bytes) -> x509.Certificate:
        """The certificate of an eUICC, if it leads to our root. Raises `StatusError`."""
        maker = _loaded(eum, "eum-certificate")
        if not certificates.issued(maker, chain.ci().certificate):
            raise StatusError("eum-certificate")
        if not certificates.in_time(maker, self.now()):
            raise StatusError("eum-expired")
        card = _loaded(euicc, "euicc-certificate")
        if not certificates.issued(card, maker) or not _eid(card).startswith(chain.EUM_NUMBER):
            raise StatusError("euicc-certificate")
        if not certificates.in_time(card, self.now()):
            raise StatusError("euicc-expired")
        return card


_FUNCTIONS: dict[str, Callable[[Functions, Body], Body | None]] = {
    "initiateAuthentication": Functions._initiate,
    "authenticateClient": Functions._authenticate,
    "getBoundProfilePackage": Functions._package,
    "cancelSession": Functions._cancel,
    "handleNotification": Functions._notify,
}
NAMES = tuple(_FUNCTIONS)


def hash_of(code: str, transaction: bytes) -> bytes:
    """hashCc (SGP.22 2.6.7)."""
    return sha256(sha256(code.encode()).digest() + transaction).digest()


def _loaded(value: bytes, status: str) -> x509.Certificate:
    try:
        return certificates.load(tlv.encode(0x30, value))
    except ValueError:
        raise StatusError(status) from None


def _eid(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)
    return str(names[0].value) if names else ""


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
