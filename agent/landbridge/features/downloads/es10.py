"""Requests for an eUICC and its answers (SGP.22 5.7), as bytes that a device passes on.

Requests join the objects that the server has signed as they came. Errors of the card are raised as
`CardRefused`, anything else that does not fit as `DerError`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from landbridge.core.texts import _
from landbridge.features.downloads.coding import MOST_PACKAGE
from landbridge.protocol import der
from landbridge.protocol.der import DerError

SIGNATURE = 0x5F37
EID, INFO_1, INFO_2, PROFILES, CHALLENGE = 0xBF3E, 0xBF20, 0xBF22, 0xBF2D, 0xBF2E
AUTHENTICATE, PREPARE, CANCEL = 0xBF38, 0xBF21, 0xBF41
RESULT, NOTIFICATIONS, SENT = 0xBF37, 0xBF2B, 0xBF30
NICKNAME, DELETE = 0xBF29, 0xBF33
METADATA = 0xBF25
_MAC_SIZE = 8
_LISTED = bytes.fromhex("BF2D055C035A9F70")
_EID = bytes.fromhex("BF3E035C015A")
COLLECT = _EID + bytes.fromhex("BF2200") + _LISTED + bytes.fromhex("BF2000 BF2E00")
"""Requests for the card's identity, free memory and profiles; last the challenge, which opens a session."""
CHECK = _LISTED + bytes.fromhex("BF2B06A00481020480")
"""After an interrupted load: profiles, and the notifications of installations."""
ICCID = re.compile(r"[0-9]{18,20}", re.ASCII)
OPERATIONAL = 2
POSTPONED, BY_POLICY, MISMATCH, NOT_LOADED = 1, 3, 4, 5
"""Reasons of a cancelled session."""
_SESSION_ERRORS = {
    1: _("the card does not accept the server's certificate"),
    2: _("the card does not accept the server's signature"),
    3: _("the card does not support the server's curve"),
    4: _("the card has no open session"),
    5: _("the card does not accept the server's object identifier"),
    6: _("the challenge does not match the card's"),
    7: _("the card does not know the server's certificate authority"),
}
_TRANSACTION = _("the transaction does not match the card's")
_LOAD_ERRORS = {
    1: _("the card refuses the package: wrong values"),
    2: _("the card refuses the package: wrong signature"),
    3: _("the card refuses the package: another transaction"),
    7: _("the card refuses the package: wrong structure"),
    8: _("the card refuses the package: it was altered in transit"),
    9: _("the card already has a profile with this ICCID"),
    10: _("the card has no memory left; delete a profile first"),
    11: _("the card was interrupted while loading"),
    12: _("the card does not support an element of the profile"),
    13: _("the profile does not match its description"),
    15: _("the card does not allow the profile's policy rules"),
}
_PROFILE_ERRORS = {
    1: _("the card has no such profile"),
    2: _("the profile is in use; switch to another one first"),
    3: _("the policy rules of the profile forbid it"),
}
NOT_FOUND = 1
INTERRUPTED_BY = 11
NO_SESSION = 4
MOST_SEGMENT = 4_096
"""Bytes of a part of a package."""
MOST_NUMBER = 0x7FFFFFFF
"""The highest number of bytes or of a notification that the database can store."""


class CardRefused(Exception):
    """The card has answered with an error, which the text names."""

    def __init__(self, why: str, code: int = 0) -> None:
        super().__init__(why)
        self.why, self.code = why, code


class Card(NamedTuple):
    """Data of a card before a download."""

    eid: str
    info: bytes
    """EUICCInfo1 as received."""
    challenge: bytes
    iccids: tuple[str, ...]
    free: int | None
    """Bytes for profiles; None: it does not say."""


class Authenticated(NamedTuple):
    """Response of a card to an authenticated server."""

    signed: bytes
    """euiccSigned1 as received."""
    signature: bytes
    """euiccSignature1."""
    euicc: bytes
    """Certificate of the card, and that of its maker."""
    maker: bytes


class Installed(NamedTuple):
    """ProfileInstallationResult."""

    transaction: bytes
    iccid: str
    error: str | None
    """None: installed."""
    reason: int


class Notice(NamedTuple):
    """A notification of a card."""

    seq: int
    operation: int
    address: str
    iccid: str


def iccid(content: bytes) -> str:
    """The digits of an ICCID: swapped in pairs, filled with F."""
    return "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in content).rstrip("F")


def iccid_bytes(digits: str) -> bytes:
    """Ten bytes, as on the card."""
    return _swapped(digits.ljust(20, "F"))


def card(answers: bytes) -> Card:
    """The answers to COLLECT."""
    found = {each.tag: each for each in der.objects(answers)}
    if missing := [f"{tag:X}" for tag in (EID, INFO_1, CHALLENGE) if tag not in found]:
        raise DerError(f"the card has not answered {', '.join(missing)}")
    eid = der.value(found[EID].value, 0x5A)
    challenge = der.value(found[CHALLENGE].value, 0x80)
    if len(eid) != 16 or len(challenge) != 16:
        raise DerError("EID or challenge is not of 16 bytes")
    listed = _iccids(found[PROFILES].value) if PROFILES in found else ()
    free = free_memory(found[INFO_2].value) if INFO_2 in found else None
    return Card(eid.hex(), found[INFO_1].whole, challenge, listed, free)


def _iccids(value: bytes) -> tuple[str, ...]:
    listed = der.find(value, 0xA0)
    if listed is None:
        raise DerError("the card does not list its profiles")
    return tuple(iccid(der.value(each.value, 0x5A)) for each in der.objects(listed.value))


def free_memory(info: bytes) -> int | None:
    """The free memory for profiles in EUICCInfo2, in bytes; None: it does not say."""
    resources = der.find(info, 0x84)
    free = der.find(resources.value, 0x82) if resources else None
    return min(int.from_bytes(free.value, "big"), MOST_NUMBER) if free else None


def is_iot(info: bytes) -> bool:
    """Whether EUICCInfo2 is that of an IoT eUICC (SGP.32)."""
    return der.find(info, 0xB4) is not None


def authenticate(signed: bytes, signature: bytes, key_id: bytes, certificate: bytes, context: bytes) -> bytes:
    """AuthenticateServer, of objects as the server sent them."""
    return der.make(AUTHENTICATE, signed, signature, key_id, certificate, context)


def context(matching_id: str, imei: str) -> bytes:
    """ctxParams1: which profile is wanted, and the type of the modem."""
    code = _swapped(imei[:8]) if imei[:8].isdigit() and len(imei) >= 8 else bytes(4)
    wanted = der.make(0x80, matching_id.encode()) if matching_id else b""
    return der.make(0xA0, wanted, der.make(0xA1, der.make(0x80, code), der.make(0xA1)))


def _swapped(digits: str) -> bytes:
    return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def authenticated(answer: bytes) -> Authenticated:
    """The card's answer to AuthenticateServer."""
    value = _good(der.only(answer, AUTHENTICATE), _SESSION_ERRORS)
    parts = list(der.objects(value))
    if [each.tag for each in parts] != [0x30, SIGNATURE, 0x30, 0x30]:
        raise DerError("the card's authentication has other parts")
    return Authenticated(parts[0].whole, parts[1].value, parts[2].whole, parts[3].whole)


def prepare(signed: bytes, signature: bytes, confirmation: bytes, certificate: bytes) -> bytes:
    """PrepareDownload; `confirmation` is the hash of the code, or empty."""
    hashed = der.make(0x04, confirmation) if confirmation else b""
    return der.make(PREPARE, signed, signature, hashed, certificate)


def check_prepared(answer: bytes) -> None:
    """Raises unless the card is prepared."""
    _good(der.only(answer, PREPARE), _SESSION_ERRORS | {5: _TRANSACTION})


def _good(value: bytes, errors: Mapping[int, str]) -> bytes:
    """The content of the choice `ok`; an `error` is raised as `CardRefused`."""
    choice = der.single(value)
    if choice.tag not in (0xA0, 0xA1):
        raise DerError("the card answers neither with a result nor with an error")
    if choice.tag == 0xA1:
        code = der.number(der.value(choice.value, 0x02))
        raise CardRefused(errors.get(code) or _("the card refuses: error {code}", code=code), code)
    return choice.value


def cancel(transaction: bytes, reason: int) -> bytes:
    """CancelSession."""
    return der.make(CANCEL, der.make(0x80, transaction), der.make(0x81, bytes([reason])))


def segments(package: bytes, transaction: bytes) -> list[bytes]:
    """A bound profile package, divided into the parts that are sent to the card in separate commands."""
    bound = der.only(package, 0xBF36)
    parts = list(der.objects(bound))
    if not parts or parts[0].tag != 0xBF23:
        raise DerError("the package does not begin with its session")
    if der.value(parts[0].value, 0x80) != transaction:
        raise DerError("the package is of another transaction")
    head = package[: len(package) - len(bound)]
    found = [head + parts[0].whole]
    tags = [each.tag for each in parts[1:]]
    if tags not in ([0xA0, 0xA1, 0xA3], [0xA0, 0xA1, 0xA2, 0xA3]):
        raise DerError("the package has other parts")
    for each in parts[1:]:
        found += [each.whole] if each.tag in (0xA0, 0xA2) else _opened(each)
    return found


def described(package: bytes) -> bytes:
    """The description of the profile that the card stores: readable for all, unlike the profile itself."""
    parts = der.objects(der.value(package, 0xBF36, 0xA1))
    return der.only(b"".join(each.value[:-_MAC_SIZE] for each in parts), METADATA)


def _opened(part: der.Tlv) -> Iterator[bytes]:
    yield part.whole[: len(part.whole) - len(part.value)]
    wanted = 0x88 if part.tag == 0xA1 else 0x86
    for each in der.objects(part.value):
        if each.tag != wanted:
            raise DerError(f"the package has an object {each.tag:X} within {part.tag:X}")
        yield each.whole


def spooled(parts: Sequence[bytes]) -> bytes:
    """Return the file that a device pulls: each part after its length, two bytes."""
    if any(len(each) > MOST_SEGMENT for each in parts):
        raise DerError("a part of the package is too long")
    found = b"".join(len(each).to_bytes(2, "big") + each for each in parts)
    if len(found) > MOST_PACKAGE:
        raise DerError(f"the package has {len(found)} bytes, a device takes {MOST_PACKAGE}")
    return found


def installed(answer: bytes) -> Installed:
    """Result of a card at the end of a load."""
    data = der.value(der.only(answer, RESULT), 0xBF27)
    final = der.single(der.value(data, 0xA2))
    if final.tag not in (0xA0, 0xA1):
        raise DerError("the result of the installation is neither good nor bad")
    error, reason = None, 0
    if final.tag == 0xA1:
        reason = der.number(der.value(final.value, 0x81))
        command = der.number(der.value(final.value, 0x80))
        code = f"{command}/{reason}"
        other = _("the card refuses the package: error {code}", code=code)
        error = _LOAD_ERRORS.get(reason) or other
    return Installed(der.value(data, 0x80), notice(answer).iccid, error, reason)


class Checked(NamedTuple):
    """Result of a card after an interrupted load."""

    iccids: tuple[str, ...]
    results: tuple[bytes, ...]
    """Each as in `installed`."""


def checked(answers: bytes) -> Checked:
    """The answers to CHECK. Notifications for which the device had no room are cut off: then the profiles
    alone say what is on the card."""
    iccids = _iccids(der.value(answers, PROFILES))
    with suppress(DerError):
        listed = der.find(der.value(answers, NOTIFICATIONS), 0xA0)
        found = der.objects(listed.value) if listed else ()
        return Checked(iccids, tuple(each.whole for each in found if each.tag == RESULT))
    return Checked(iccids, ())


def delete(digits: str) -> bytes:
    """DeleteProfile, by its ICCID; then which card it is, and what it has room for."""
    return der.make(DELETE, der.make(0x5A, iccid_bytes(digits))) + _EID + der.make(INFO_2)


def rename(digits: str, nickname: str) -> bytes:
    """SetNickname of a profile, by its ICCID."""
    return der.make(NICKNAME, der.make(0x5A, iccid_bytes(digits)), der.make(0x90, nickname.encode()))


class Managed(NamedTuple):
    """Return the card's answer after a profile was deleted or renamed; None: it has not answered."""

    eid: str | None
    free: int | None


def managed(answers: bytes) -> Managed:
    """The answers to `delete` or `rename`."""
    found = {each.tag: each.value for each in der.objects(answers)}
    done = found.get(DELETE, found.get(NICKNAME))
    if done is None:
        raise DerError("the card has not answered the request")
    code = der.number(der.value(done, 0x80))
    if code:
        raise CardRefused(_PROFILE_ERRORS.get(code) or _("the card refuses: error {code}", code=code), code)
    eid = der.value(found[EID], 0x5A).hex() if EID in found else None
    return Managed(eid, free_memory(found[INFO_2]) if INFO_2 in found else None)


def notice(notification: bytes) -> Notice:
    """The subject of a notification, of an installation or another operation."""
    outer = der.single(notification)
    data = der.value(outer.value, 0xBF27) if outer.tag == RESULT else outer.value
    meta = der.value(data, 0xBF2F)
    bits = der.value(meta, 0x81)
    seq = der.number(der.value(meta, 0x80))
    if outer.tag not in (RESULT, 0x30) or len(bits) != 2 or not 0 <= seq <= MOST_NUMBER:
        raise DerError("not one notification")
    address = der.value(meta, 0x0C).decode("ascii", "replace")
    number = der.find(meta, 0x5A)
    return Notice(seq, bits[1], address, iccid(number.value) if number else "")


def is_stripped(notification: bytes) -> bool:
    """Whether the certificates of a notification were left out."""
    outer = der.single(notification)
    return outer.tag == 0x30 and [each.tag for each in der.objects(outer.value)] == [0xBF2F, SIGNATURE]


def completed(notification: bytes, euicc: bytes, maker: bytes) -> bytes:
    """The same with the two certificates."""
    return der.make(0x30, der.only(notification, 0x30), euicc, maker)


def signed(notification: bytes) -> tuple[bytes, bytes]:
    """(what the card has signed, its signature) of a notification that is no result of an installation."""
    value = der.only(notification, 0x30)
    first = der.find(value, 0xBF2F)
    if first is None:
        raise DerError("a notification without its data")
    return first.whole, der.value(value, SIGNATURE)


def retrieve(seq: int) -> bytes:
    """RetrieveNotificationsList: one of them, whole."""
    return der.make(NOTIFICATIONS, der.make(0xA0, der.make(0x80, der.integer(seq))))


def retrieved(answer: bytes) -> bytes | None:
    """Return the requested notification; None: the card does not have it any more."""
    listed = der.find(der.only(answer, NOTIFICATIONS), 0xA0)
    return listed.value or None if listed else None


def remove(seq: int) -> bytes:
    """NotificationSent."""
    return der.make(SENT, der.make(0x80, der.integer(seq)))
