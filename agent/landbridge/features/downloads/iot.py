"""Requests for an IoT eUICC and its answers (SGP.32 2.11, 5.9): the association with its remote manager
(eIM), and packages that the manager has signed. The agent is the manager of the cards that it is associated
with.

A result or a refusal that the card has signed is believed only after its signature was verified.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from landbridge.core.texts import _
from landbridge.features.downloads import es10, trust
from landbridge.features.downloads.es10 import CardRefused
from landbridge.features.downloads.trust import Distrust
from landbridge.protocol import der
from landbridge.protocol.der import DerError

PACKAGE, ASSOCIATIONS, CERTIFICATES, ASSOCIATE, TRANSFER = 0xBF51, 0xBF55, 0xBF56, 0xBF57, 0xBF4E
MOST_COUNTER = 0x7FFFFF
"""The number of a package may not be higher (SGP.32 2.11.1.1)."""
_MOST_TOKEN = 0x7FFFFFFF
WHO = bytes.fromhex("BF3E035C015A") + der.make(es10.INFO_2)
"""Which card it is, and of which kind."""
_LISTED = der.make(es10.PROFILES, der.make(0x5C, bytes.fromhex("5A9F7090929F269F6795")))
STATE = WHO + _LISTED + der.make(ASSOCIATIONS)
"""In addition its profiles, and who may manage them."""
RESULTS = der.make(es10.NOTIFICATIONS, der.make(0xA0, der.make(0x82)))
"""The results of packages that the card still has."""
_PROPRIETARY = b"\3"
"""Value of eimIdType."""
_PROTOCOLS = bytes.fromhex("0308")
"""eimSupportedProtocol: a proprietary one, which the device's session is."""
_WANTS_TOKEN = b"\xff"
"""The card makes an association token, so that packages of an earlier association are invalid."""
_ENABLE, _DISABLE, _DELETE, _FALLBACK, _END = 0xA3, 0xA4, 0xA5, 0xA8, 0xA9
ENABLED, DISABLED, DELETED, FELL_BACK, ENDED, ROLLED_BACK, TERMINATED = (
    *(0x83, 0x84, 0x85, 0x8D, 0x89, 0x8C),
    0x02,
)
"""Tags of results."""
LAST_DELETED = 2
_REPLAY = 4
_ADD_ERRORS = {
    1: _("the card has no memory for another association"),
    2: _("the card is associated with another manager; end that association there first"),
    3: _("the card does not know the manager's certificate authority"),
    5: _("the card refuses the association token"),
    6: _("the card refuses the counter of packages"),
    7: _("the card does not understand the association"),
}
_UNKNOWN = _("the card is not associated with this agent; associate it first")
_BAD_SIGNATURE = _(
    "the card does not accept the agent's signature; end the association with the key that it knows, or reset"
    " the card's associations, then associate it again"
)
_PACKAGE_ERRORS = {
    3: _("the signed package is for another card"),
    _REPLAY: _("the card has already executed a package with this or a higher number; order again"),
    6: _("the numbers of packages for this card are used up; end the association and associate it again"),
    15: _("the signed package is too large for the card"),
    104: _("the card is in an emergency call; order again later"),
}
_MISSING = _("the card has no such profile")
_RULES = _("the policy rules of the profile forbid it")
_BUSY = _("the card is busy; order again later")
_ERRORS: Mapping[int, Mapping[int, str]] = {
    ENABLED: {
        1: _MISSING,
        2: _("the profile is enabled already"),
        3: _RULES,
        5: _BUSY,
        20: _("the card cannot return to its previous profile; order again when a profile is enabled"),
    },
    DISABLED: {1: _MISSING, 2: _("the profile is not enabled"), 3: _RULES, 5: _BUSY},
    DELETED: {
        1: _MISSING,
        2: _("the profile is in use; switch to another one first"),
        3: _RULES,
        20: _("the card may return to this profile; delete it after the next switch"),
        21: _("the card returns to this profile from the fallback profile; delete it after that"),
    },
    ENDED: {1: _UNKNOWN},
}
_NO_FAULT = {ENDED: (0, LAST_DELETED)}


class Association(NamedTuple):
    """A manager that a card obeys."""

    eim_id: str
    counter: int
    """The highest number that a package has had."""
    token: int
    """0: none."""


class Listed(NamedTuple):
    """A profile as the card lists it."""

    iccid: str
    name: str
    enabled: bool
    fallback: bool
    may_fall_back: bool


class State(NamedTuple):
    """The card's data before it is associated or gets a package."""

    eid: str
    iot: bool
    free: int | None
    profiles: tuple[Listed, ...]
    associations: tuple[Association, ...] | None
    """None: it was not requested."""
    certificates: tuple[bytes, bytes] | None
    """Its own, and that of its maker; None: they were not requested."""


class Head(NamedTuple):
    """The identification of a package."""

    eim_id: str
    eid: str
    counter: int
    transaction: bytes
    token: int = 0

    def signed(self) -> bytes:
        """The association token as a signature covers it."""
        return der.make(0x84, der.integer(self.token))


class Result(NamedTuple):
    """The result of a package, its signature verified."""

    number: int
    """Under which the card keeps it."""
    codes: tuple[tuple[int, int], ...]
    """(tag, code) of each order."""
    profiles: tuple[Listed, ...] | None
    """None: they were not requested."""

    def check(self) -> None:
        """`CardRefused` for the first order that the card has not obeyed."""
        for tag, code in self.codes:
            if tag == TERMINATED:
                raise CardRefused(_("the card has stopped in the package: error {code}", code=code), code)
            if code not in _NO_FAULT.get(tag, (0,)) and tag != FELL_BACK:
                other = _("the card refuses: error {code}", code=code)
                raise CardRefused(_ERRORS.get(tag, {}).get(code) or other, code)


def state(answers: bytes) -> State:
    """The answers to WHO or STATE, with those to CERTIFICATES."""
    found = {each.tag: each.value for each in der.objects(answers)}
    if missing := [f"{tag:X}" for tag in (es10.EID, es10.INFO_2) if tag not in found]:
        raise DerError(f"the card has not answered {', '.join(missing)}")
    info = found[es10.INFO_2]
    listed = _profiles(found[es10.PROFILES]) if es10.PROFILES in found else ()
    known = _associations(found[ASSOCIATIONS]) if ASSOCIATIONS in found else None
    pair = _certificates(found[CERTIFICATES]) if CERTIFICATES in found else None
    eid = der.value(found[es10.EID], 0x5A).hex()
    return State(eid, es10.is_iot(info), es10.free_memory(info), listed, known, pair)


def _profiles(value: bytes) -> tuple[Listed, ...]:
    listed = der.find(value, 0xA0)
    if listed is None:
        raise DerError("the card does not list its profiles")
    return tuple(_listed(each.value) for each in der.objects(listed.value))


def _listed(value: bytes) -> Listed:
    parts = {each.tag: each.value for each in der.objects(value)}
    name = parts.get(0x90) or parts.get(0x92) or b""
    return Listed(
        es10.iccid(parts.get(0x5A, b"")),
        "".join(each for each in name.decode("utf-8", "replace") if each.isprintable())[:64],
        any(parts.get(0x9F70, b"")),
        any(parts.get(0x9F26, b"")),
        any(parts.get(0x9F67, b"")),
    )


def _associations(value: bytes) -> tuple[Association, ...]:
    found = []
    for each in der.objects(der.value(value, 0xA0)):
        parts = {part.tag: part.value for part in der.objects(each.value)}
        if 0x80 not in parts:
            raise DerError("an association without the id of its manager")
        counter = _number(parts.get(0x83, b"\0"), MOST_COUNTER, "counter")
        token = _number(parts.get(0x84, b"\0"), _MOST_TOKEN, "token")
        found.append(Association(parts[0x80].decode("utf-8", "replace")[:128], counter, token))
    return tuple(found)


def _number(value: bytes, most: int, name: str) -> int:
    found = der.number(value)
    if not 0 <= found <= most:
        raise DerError(f"the {name} {found} of an association is not 0 to {most}")
    return found


def _certificates(value: bytes) -> tuple[bytes, bytes]:
    both = der.value(value, 0xA0)
    maker, euicc = (der.make(0x30, der.value(both, tag)) for tag in (0xA5, 0xA6))
    return euicc, maker


def associate(eim_id: str, counter: int, key: ec.EllipticCurvePublicKey) -> bytes:
    """AddInitialEim: the card shall execute packages of this key's owner."""
    owner = der.only(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), 0x30)
    data = der.make(
        0x30,
        der.make(0x80, eim_id.encode()),
        der.make(0x82, _PROPRIETARY),
        der.make(0x83, der.integer(counter)),
        der.make(0x84, _WANTS_TOKEN),
        der.make(0xA5, der.make(0xA0, owner)),
        der.make(0x87, _PROTOCOLS),
        der.make(0x89),
    )
    return der.make(ASSOCIATE, der.make(0xA0, data))


def associated(answer: bytes) -> int:
    """The association token, 0 for none; `CardRefused` if the card refuses."""
    choice = der.single(der.only(answer, ASSOCIATE))
    if choice.tag == 0x81:
        code = der.number(choice.value)
        raise CardRefused(_ADD_ERRORS.get(code) or _("the card refuses: error {code}", code=code), code)
    if choice.tag != 0xA0:
        raise DerError("the card answers neither with an association nor with an error")
    added = der.single(choice.value)
    return _number(added.value, _MOST_TOKEN, "token") if added.tag == 0x84 else 0


def enable(iccid: str) -> bytes:
    """Enable a profile, with the right to return to the previous one. It is last in a package, because the
    device recognizes it there."""
    return der.make(_ENABLE, _named(iccid), der.make(0x05))


def disable(iccid: str) -> bytes:
    """Disable a profile."""
    return der.make(_DISABLE, _named(iccid))


def delete(iccid: str) -> bytes:
    """Delete a profile."""
    return der.make(_DELETE, _named(iccid))


def fall_back(iccid: str) -> bytes:
    """Make a profile the one that the device may enable without a signature."""
    return der.make(_FALLBACK, _named(iccid))


def list_profiles() -> bytes:
    """List all profiles."""
    return _LISTED


def end(eim_id: str) -> bytes:
    """End an association."""
    return der.make(_END, der.make(0x80, eim_id.encode()))


def _named(iccid: str) -> bytes:
    return der.make(0x5A, es10.iccid_bytes(iccid))


def package(
    head: Head, orders: Sequence[bytes], key: ec.EllipticCurvePrivateKey, of_profiles: bool = True
) -> bytes:
    """LoadEuiccPackage: orders for profiles, or for associations, signed."""
    signed = der.make(
        0x30,
        der.make(0x80, head.eim_id.encode()),
        der.make(0x5A, bytes.fromhex(head.eid)),
        der.make(0x81, der.integer(head.counter)),
        der.make(0x82, head.transaction),
        der.make(0xA0 if of_profiles else 0xA1, *orders),
    )
    return der.make(PACKAGE, signed, der.make(es10.SIGNATURE, _sign(key, signed + head.signed())))


def _sign(key: ec.EllipticCurvePrivateKey, content: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def transfer(content: bytes) -> bytes:
    """TransferEimPackage: the device keeps the package for its next switch."""
    return der.make(TRANSFER, content)


def check_kept(answer: bytes) -> None:
    """Raises unless the device has kept it."""
    if der.single(der.only(answer, TRANSFER)).tag != 0x05:
        raise DerError("the device has not kept the package")


def result(answer: bytes, head: Head, euicc: bytes) -> Result:
    """The result of the package, of the card with the certificate `euicc`. `CardRefused` if the card has
    refused the whole package, `Distrust` if it is not this card's or not of this package."""
    choice = der.single(der.only(answer, PACKAGE))
    if choice.tag == 0xA2:
        raise CardRefused(_BAD_SIGNATURE if der.find(choice.value, 0x84) else _UNKNOWN)
    if choice.tag not in (0xA0, 0xA1):
        raise DerError("neither the result nor the refusal of a package")
    data = der.find(choice.value, 0x30)
    if data is None:
        raise DerError("the result of a package without data")
    trust.signed_by_card(euicc, der.value(choice.value, es10.SIGNATURE), data.whole + head.signed())
    if not _is_of(data.value, head):
        raise Distrust(_("the card has signed the result of another package"))
    if choice.tag == 0xA1:
        code = der.number(der.value(data.value, 0x02))
        other = _("the card refuses the signed package: error {code}", code=code)
        raise CardRefused(_PACKAGE_ERRORS.get(code) or other, code)
    codes, profiles = [], None
    for each in der.objects(der.value(data.value, 0x30)):
        if each.tag == es10.PROFILES:
            profiles = _profiles(each.value)
        elif each.tag < 0xA0:
            codes.append((each.tag, der.number(each.value)))
    return Result(der.number(der.value(data.value, 0x83)), tuple(codes), profiles)


def _is_of(data: bytes, head: Head) -> bool:
    same = der.value(data, 0x80) == head.eim_id.encode() and der.number(der.value(data, 0x81)) == head.counter
    return same and der.value(data, 0x82) == head.transaction


def results(answer: bytes) -> list[bytes]:
    """The answer to RESULTS: each as in `result`."""
    listed = der.find(der.only(answer, es10.NOTIFICATIONS), 0xA2)
    return [each.whole for each in der.objects(listed.value)] if listed else []


def is_of(answer: bytes, head: Head) -> bool:
    """Whether a result among others is that of this package."""
    choice = der.single(der.only(answer, PACKAGE))
    data = der.find(choice.value, 0x30)
    return data is not None and _is_of(data.value, head)


def number(answer: bytes) -> int | None:
    """The number under which the card keeps a result; None for a refusal, which it does not keep."""
    choice = der.single(der.only(answer, PACKAGE))
    return der.number(der.value(choice.value, 0x30, 0x83)) if choice.tag == 0xA0 else None
