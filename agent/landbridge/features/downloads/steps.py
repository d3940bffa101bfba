"""A download step by step: the card's answers are passed to the server; the server's answers are checked and
become the next request for the card. Nothing here touches the database.

    ordered -> authenticating -> preparing -> loading -> installed
       |  initiateAuthentication   |               |
       |             authenticateClient  getBoundProfilePackage

A session is lost when card or modem restart; the order then begins again with another one.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import cbor2
from cryptography import x509

from landbridge.core import texts
from landbridge.core.backoff import wait_s
from landbridge.core.texts import _
from landbridge.features.downloads import activation, es10, trust
from landbridge.features.downloads.coding import (
    DONE,
    FIRST_POSTPONED,
    INTERRUPTED,
    MOST_REQUEST,
    NO_CARD,
    NOT_ALLOWED,
    REASONS,
)
from landbridge.features.downloads.es9 import Server, ServerError, decoded, encoded
from landbridge.features.downloads.orders import Next, Order
from landbridge.features.downloads.queries import (
    AUTHENTICATING,
    CANCELLING,
    CHECKING,
    DELETE,
    DOWNLOAD,
    FAILED,
    INSTALLED,
    LOADING,
    ORDERED,
    PREPARING,
)
from landbridge.features.downloads.queries import DONE as FINISHED
from landbridge.features.downloads.trust import Distrust, Trust
from landbridge.protocol import der
from landbridge.protocol.der import DerError

MOST_SESSIONS = 10
"""Sessions of an order; a lost one costs about 5 kB."""
MOST_LOADS = 2
"""Loads of an order that may be interrupted: after more of them some cards accept nothing any more."""
_QUICK_TRIES = 3
"""Attempts of a request to a server while the device waits."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 300, 21_600
_RULES = 0b0110_0000
"""PPR1 and PPR2 in the first byte: the profile may not be disabled, or not be deleted."""


class _Cancel(Exception):
    """Raised when the order must end, and with it the session on the card."""

    def __init__(self, why: str, reason: int) -> None:
        super().__init__(why)
        self.reason = reason


def advance(order: Order, trusted: Trust) -> Next:
    """Return what follows from the device's answer."""
    row = order.row
    if row.stage == CANCELLING:
        return _tell_cancelled(order, trusted)
    if row.reason != DONE:
        return not_done(order)
    try:
        return _STAGES[row.stage](order, trusted) if row.task == DOWNLOAD else _managed(order)
    except (ServerError, es10.CardRefused, _Cancel, Distrust, DerError) as error:
        return _stopped(order, error)


def _stopped(order: Order, error: Exception) -> Next:
    """Return what follows from a step that the server, the card or a check has stopped."""
    match error:
        case ServerError():
            return _refused(order, error)
        case es10.CardRefused():
            return again(order, error.why) if error.code == es10.NO_SESSION else ended(error.why)
        case _Cancel():
            requests = es10.cancel(order.transaction, error.reason)
            return ask(order, CANCELLING, requests, problem=error.args[0])
        case DerError():
            why = _("an answer of card or server cannot be read: {why}", why=str(error))
            return _ask_what_is_there(order, why) if order.row.stage == LOADING else ended(why)
    return ended(error.args[0])


def again(order: Order, why: str, wait: int = 0, requests: bytes | None = None) -> Next:
    """Begin another session after `wait` seconds, with these `requests` if they are given, else with the
    first ones of the task; or end the order if there were too many."""
    sessions = order.row.sessions + 1
    if sessions >= MOST_SESSIONS:
        return ended(_("{why}; given up after {number} sessions", why=why, number=sessions))
    values = {"session": None, "package": None, "package_bytes": 0, "pulled": 0, "sessions": sessions}
    requests = es10.COLLECT if order.row.task == DOWNLOAD else order.request if requests is None else requests
    found = ask(order, ORDERED, requests, problem=why, next_s=order.now_s + wait)
    return Next(found.values | values, problem=why)


def not_done(order: Order) -> Next:
    """Return what follows if the device has not done the step."""
    reason, stage = order.row.reason, order.row.stage
    why = REASONS.get(reason) or _("the device reports reason {number}", number=reason)
    if reason == NOT_ALLOWED:
        return ended(why)
    if stage == LOADING and reason in (INTERRUPTED, NO_CARD):
        return _ask_what_is_there(order, why)
    if stage == CHECKING:
        waits = round(wait_s(_FIRST_WAIT_S, _LONGEST_WAIT_S, order.row.sessions))
        sessions = order.row.sessions + 1
        if sessions >= MOST_SESSIONS:
            return ended(_("{why}; whether the profile was loaded is not known", why=why))
        return ask(order, CHECKING, es10.CHECK, problem=why, sessions=sessions, next_s=order.now_s + waits)
    is_lasting = reason == NO_CARD or reason >= FIRST_POSTPONED
    waits = round(wait_s(_FIRST_WAIT_S, _LONGEST_WAIT_S, order.row.sessions)) if is_lasting else 0
    return again(order, why, waits)


def _ask_what_is_there(order: Order, why: str) -> Next:
    """Ask, after a load without a result, whether the profile is on the card nevertheless."""
    return ask(order, CHECKING, es10.CHECK, problem=why, loads=order.row.loads + 1)


def _refused(order: Order, error: ServerError) -> Next:
    why = error.args[0]
    if not error.may_pass:
        return Next({"refusal": error.code or None}, FAILED, why)
    if error.code:
        return again(order, why)
    failures = order.row.failures + 1
    if failures <= _QUICK_TRIES:
        wait = 2**failures
        return Next({"failures": failures, "problem": why, "next_s": order.now_s + wait})
    return again(order, why, round(wait_s(_FIRST_WAIT_S, _LONGEST_WAIT_S, order.row.sessions)))


def ended(why: str) -> Next:
    """The order has failed."""
    return Next({}, FAILED, why)


def other_card() -> Next:
    """The order has failed, because the card is not the one that it is for."""
    return replace(ended(_("another card is in the device now")), is_gone=True)


def ask(order: Order, stage: str, requests: bytes, **values: Any) -> Next:
    """Return the next step of the device."""
    if len(requests) > MOST_REQUEST:
        return ended(_("the server's certificates are too long for the device"))
    step = {"stage": stage, "step": max(order.row.step + 1, order.now_s), "request": requests}
    rest = {"answer": None, "answered": False, "failures": 0, "reason": DONE, "next_s": 0, "problem": None}
    return Next({**rest, **step, **values})


def _collected(order: Order, trusted: Trust) -> Next:
    card = es10.card(order.answer)
    if order.row.eid and order.row.eid != card.eid:
        return other_card()
    if order.row.iccid in card.iccids:
        # It was not there before this order, so the result of the load was lost.
        return Next({}, INSTALLED)
    server = Server(order.row.server, trusted)
    challenge, info = encoded(card.challenge), encoded(card.info)
    found = server.ask(
        "initiateAuthentication", euiccChallenge=challenge, euiccInfo1=info, smdpAddress=server.name
    )
    transaction = _transaction(found)
    signed, signature = decoded(found, "serverSigned1"), decoded(found, "serverSignature1")
    content = decoded(found, "serverCertificate")
    owner = trust.certificate(content, trust.AUTHENTICATION, trusted.roots, order.now)
    trust.verify(owner, der.only(signature, es10.SIGNATURE), signed)
    assert order.code
    if order.code.oid and order.code.oid not in trust.identifiers(owner):
        raise Distrust(_("the server is not the one that the activation code names"))
    _check_signed(der.only(signed, 0x30), transaction, card.challenge, server.name)
    key_id = decoded(found, "euiccCiPKIdToBeUsed")
    der.only(key_id, 0x04)
    context = es10.context(order.code.matching_id, order.imei)
    requests = es10.authenticate(signed, signature, key_id, content, context)
    nonce = der.value(signed, 0x30, 0x84)
    session = {
        "transaction": transaction,
        "certificate": content,
        "nonce": nonce,
        "iccids": list(card.iccids),
    }
    kept = cbor2.dumps(session | {"free": card.free})
    return ask(order, AUTHENTICATING, requests, session=kept, eid=card.eid, free_bytes=card.free)


def _transaction(found: Mapping[str, Any]) -> bytes:
    try:
        transaction = bytes.fromhex(str(found.get("transactionId", "")))
    except ValueError:
        transaction = b""
    if not 0 < len(transaction) <= 16:
        raise ServerError(_("the server's answer has no valid {name}", name="transactionId"))
    return transaction


def _check_signed(signed: bytes, transaction: bytes, challenge: bytes, host: str) -> None:
    if der.value(signed, 0x80) != transaction or der.value(signed, 0x81) != challenge:
        raise Distrust(_("the server's signature is for another session"))
    if der.value(signed, 0x83).decode("utf-8", "replace").lower() != host:
        raise Distrust(_("the server's signature is for another address"))


def _authenticated(order: Order, trusted: Trust) -> Next:
    card = es10.authenticated(order.answer)
    _check_card(order, card, trusted)
    server = Server(order.row.server, trusted)
    found = server.ask(
        "authenticateClient",
        transactionId=order.transaction_id,
        authenticateServerResponse=encoded(order.answer),
    )
    named = _check_profile(order, der.only(decoded(found, "profileMetadata"), es10.METADATA))
    signed, signature = decoded(found, "smdpSigned2"), decoded(found, "smdpSignature2")
    content = decoded(found, "smdpCertificate")
    try:
        _check_binding(order, card, (signed, signature, content), trusted)
    except Distrust as error:
        raise _Cancel(error.args[0], es10.MISMATCH) from None
    confirmation = b""
    if any(der.value(der.only(signed, 0x30), 0x01)):
        if not order.code or not order.code.confirmation:
            raise _Cancel(_("the confirmation code is missing; order again with it"), es10.POSTPONED)
        confirmation = activation.hashed(order.code.confirmation, order.transaction)
    requests = es10.prepare(signed, signature, confirmation, content)
    learned = (order.row.eid, card.euicc, card.maker)
    euicc = {"iot": es10.is_iot(der.value(card.signed, 0x30, es10.INFO_2))}
    asked = ask(order, PREPARING, requests, **named)
    return replace(asked, learned=learned, euicc=euicc, proved_s=order.row.step)


def _check_card(order: Order, card: es10.Authenticated, trusted: Trust) -> None:
    """Raise `Distrust` unless the card has proved its identity and has signed this session: it may be that of
    another device."""
    trust.card(card.euicc, card.maker, order.row.eid, trusted.roots, order.now)
    trust.signed_by_card(card.euicc, card.signature, card.signed)
    signed = der.only(card.signed, 0x30)
    if der.value(signed, 0x80) != order.transaction or der.value(signed, 0x84) != order.session["nonce"]:
        raise Distrust(_("the card has signed another session"))


def _check_profile(order: Order, metadata: bytes) -> dict[str, Any]:
    """Check the profile, and return its properties as columns."""
    iccid = es10.iccid(der.value(metadata, 0x5A))
    if not es10.ICCID.fullmatch(iccid):
        raise _Cancel(_("the server's answer has no valid {name}", name="ICCID"), es10.MISMATCH)
    rules, kind = der.find(metadata, 0x99), der.find(metadata, 0x95)
    if order.row.iccid and order.row.iccid != iccid:
        why = _("the server offers profile {iccid} instead of {wanted}", iccid=iccid, wanted=order.row.iccid)
        raise _Cancel(why, es10.MISMATCH)
    if iccid in order.session["iccids"]:
        raise _Cancel(_("the card already has a profile with this ICCID"), es10.MISMATCH)
    if rules and len(rules.value) > 1 and rules.value[1] & _RULES:
        why = _("the profile could not be disabled or deleted again; ask the mobile operator for another one")
        raise _Cancel(why, es10.BY_POLICY)
    if kind and der.number(kind.value) != es10.OPERATIONAL:
        raise _Cancel(_("the profile is for tests or provisioning"), es10.MISMATCH)
    names = {"provider": 0x91, "profile": 0x92}
    named = {name: _text(metadata, tag) for name, tag in names.items()}
    return {"iccid": iccid, **named}


def _text(metadata: bytes, tag: int) -> str:
    found = der.find(metadata, tag)
    text = found.value.decode("utf-8", "replace") if found else ""
    return "".join(each for each in text if each.isprintable())[:64]


def _check_binding(
    order: Order, card: es10.Authenticated, sent: tuple[bytes, bytes, bytes], trusted: Trust
) -> None:
    """Check that this is the server that was authenticated in this session."""
    signed, signature, content = sent
    owner = trust.certificate(content, trust.BINDING, trusted.roots, order.now)
    first = x509.load_der_x509_certificate(bytes(order.session["certificate"]))
    if trust.identifiers(owner) != trust.identifiers(first):
        raise Distrust(_("the profile comes from a server other than the authenticated one"))
    covered = signed + der.make(es10.SIGNATURE, card.signature)
    trust.verify(owner, der.only(signature, es10.SIGNATURE), covered)
    if der.value(der.only(signed, 0x30), 0x80) != order.transaction:
        raise Distrust(_("the server's signature is for another session"))


def _prepared(order: Order, trusted: Trust) -> Next:
    es10.check_prepared(order.answer)
    server = Server(order.row.server, trusted)
    found = server.ask(
        "getBoundProfilePackage",
        transactionId=order.transaction_id,
        prepareDownloadResponse=encoded(order.answer),
    )
    package, free = decoded(found, "boundProfilePackage"), order.session["free"]
    if free is not None and 2 * free < 3 * len(package):
        why = _(
            "the card has {free} bytes free, the profile needs {wanted}; delete a profile first",
            free=free,
            wanted=3 * len(package) // 2,
        )
        raise _Cancel(why, es10.NOT_LOADED)
    try:
        parts = es10.segments(package, order.transaction)
        content = es10.spooled(parts)
        _check_profile(order, es10.described(package))
    except DerError as error:
        why = _("the package of the server cannot be loaded: {why}", why=str(error))
        raise _Cancel(why, es10.NOT_LOADED) from None
    sizes = {"package_bytes": len(content), "segments": len(parts), "pulled": 0}
    digest = hashlib.sha256(content).digest()
    asked = ask(order, LOADING, b"", package=content, package_digest=digest, **sizes)
    return Next(asked.values | {"request": None})


def loaded(order: Order) -> Next:
    """Return the next step after the result of a load, without a request to a server."""
    try:
        if es10.installed(order.answer).transaction != order.transaction:
            raise DerError("the result of another session")
        return _result(order, order.answer, order.row.loads + 1)
    except DerError as error:
        return _stopped(order, error)


def _result(order: Order, answer: bytes, loads: int) -> Next:
    """Return what follows from the result of an installation; the server is notified in any case. `loads`:
    the interrupted loads if this one was interrupted."""
    result = es10.installed(answer)
    known = {"iccid": result.iccid or order.row.iccid}
    if result.error is None:
        return Next(known, INSTALLED, results=(answer,))
    if result.reason == es10.INTERRUPTED_BY and loads < MOST_LOADS:
        found = again(order, result.error)
        return replace(found, values=found.values | {"loads": loads}, results=(answer,))
    return Next(known, FAILED, result.error, results=(answer,))


def _checked(order: Order, _trusted: Trust) -> Next:
    """Return what follows from the state of the card after an interrupted load."""
    card = es10.checked(order.answer)
    for each in card.results:
        if es10.installed(each).transaction == order.transaction:
            return _result(order, each, order.row.loads)
    if order.row.iccid in card.iccids:
        return Next({}, INSTALLED)
    why = _("interrupted while the card was loading")
    if order.row.loads >= MOST_LOADS:
        return ended(_("{why} {number} times; order again", why=why, number=order.row.loads))
    return again(order, why)


def _managed(order: Order) -> Next:
    """Return what follows from a request to delete or rename a profile."""
    try:
        eid, free = es10.managed(order.answer)
    except es10.CardRefused as error:
        # An earlier answer may be lost after the card has deleted it.
        if error.code != es10.NOT_FOUND or order.row.task != DELETE or not order.row.sessions:
            raise
        return Next({}, FINISHED)
    return Next({"eid": eid, "free_bytes": free}, FINISHED)


def _tell_cancelled(order: Order, trusted: Trust) -> Next:
    """Report the cancelled session to the server; the order has ended in any case."""
    if order.row.reason == DONE:
        with suppress(ServerError, DerError):
            der.only(order.answer, es10.CANCEL)
            Server(order.row.server, trusted).ask(
                "cancelSession",
                transactionId=order.transaction_id,
                cancelSessionResponse=encoded(order.answer),
            )
    return Next({}, FAILED, texts.loaded(order.row.problem))


_STAGES: Mapping[str, Callable[[Order, Trust], Next]] = {
    ORDERED: _collected,
    AUTHENTICATING: _authenticated,
    PREPARING: _prepared,
    CHECKING: _checked,
}
