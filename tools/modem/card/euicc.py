"""An eUICC: several profiles, one enabled; ES10c of SGP.22 in its ISD-R.

Tags and results: RSPDefinitions.asn1. ES10b, which downloads profiles, is in `rsp`, and so is SGP.32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from tools.modem.card import notifications, tlv
from tools.modem.card.card import Card
from tools.modem.card.files import iccid_text
from tools.modem.card.notifications import Notification
from tools.modem.card.profile import DELETE, DISABLE, ENABLE, OPERATIONAL, SMDP, TEST, Profile
from tools.modem.card.tlv import fields

if TYPE_CHECKING:
    from tools.modem.card.rsp.identity import Identity
    from tools.modem.card.rsp.rsp import Rsp

OK, NOT_FOUND, WRONG_STATE, BY_POLICY, REENABLING, BUSY, UNDEFINED = 0, 1, 2, 3, 4, 5, 127
NOTHING_TO_DELETE = 1
BAD_INPUT = 1
"""Of ProfileInfoList."""
RESET_OPERATIONAL, RESET_TESTS, RESET_ADDRESS = 0x80, 0x40, 0x20
"""Bits 0 to 2 of the options of eUICCMemoryReset."""
FETCH_MS = 700
"""From the answer to a switch to the REFRESH [C]."""
MOST_NOTIFICATIONS = 32
MEMORY = 400_000
"""For all profiles."""
FIRST_AID = 0x1100


class Euicc(Card):
    """`profiles`, the first is enabled; `iot`: it is one of SGP.32; `identity`: it is another than that of
    our test chain. `results`: what the next requests with a tag answer, whatever they ask. `toolkit_busy`: a
    session is open, so that no REFRESH can be sent."""

    has_isdr = True

    def __init__(
        self,
        profiles: Sequence[Profile],
        eid: str = "89049032123451234512345678901235",
        quirks: frozenset[str] = frozenset(),
        memory: int = MEMORY,
        iot: bool = False,
        identity: Identity | None = None,
    ) -> None:
        super().__init__()
        self.profiles: list[Profile] = []
        self._aids = 0
        for profile in profiles:
            self.add(profile)
        self.memory = memory
        self.iot = iot
        self._rsp: Rsp | None = None
        self.eid = identity.eid.hex() if identity else eid
        self._identity = identity
        self.quirks = quirks
        self.notifications: list[Notification] = []
        self.default_smdp = SMDP
        self.results: dict[int, int] = {}
        self.toolkit_busy = "cat-busy" in quirks
        self.switches: list[str] = []
        """ICCIDs that were enabled, in order."""
        self._pending: Profile | None = None
        self._seq = 0
        self.enabled = self.profiles[0]
        self.forbidden = self.enabled.forbidden
        self.adopt(self.enabled)

    def reset(self, cold: bool = False) -> None:
        """A switch that waited for its REFRESH takes effect."""
        super().reset(cold)
        self.toolkit_busy = False
        if self._rsp:
            self._rsp.reset()
        pending, self._pending = self._pending, None
        if pending and not (cold and "refresh-lost" in self.quirks):
            self.adopt(pending)
        if cold and "factory" in self.quirks:
            self.adopt(self.profiles[0])

    def es10(self, request: bytes) -> bytes:
        """The answer to one request. Raises LookupError for one that the card does not know, ValueError for
        bytes that are none."""
        segment = self._rsp.segment(request) if self._rsp else None
        if segment is not None:
            return segment
        objects = tlv.decode(request)
        if len(objects) != 1:
            raise ValueError("one object")
        tag, value = objects[0]
        if tag in self.results:
            code = self.results.pop(tag)
            return tlv.encode(tag, tlv.encode(0x81 if tag == 0xBF2D else 0x80, bytes([code])))
        if self.iot:
            answer = self._provisioning().iot.answer(tag, value)
            if answer is not None:
                return tlv.encode(tag, answer)
        if tag in self._functions:
            return tlv.encode(tag, self._functions[tag](self, value))
        return tlv.encode(tag, self._provisioning().answer(tag, value))

    def identity(self) -> Identity:
        """Keys and certificates; those of the test chain, unless it was made with others."""
        if self._identity is None:
            from tools.modem.card.rsp import identity

            self._identity = identity.of(self.eid)
        return self._identity

    def _provisioning(self) -> Rsp:
        """Made when it is first needed: its certificates and its library cost a second."""
        if self._rsp is None:
            from tools.modem.card.rsp.rsp import Rsp

            self._rsp = Rsp(self)
        return self._rsp

    def template(self, aid: bytes) -> bytes:
        """See `Card`."""
        from tools.modem.card.rsp import info

        return info.template(aid, self.iot)

    # What a download does

    @property
    def loads(self) -> bool:
        """See `Card`."""
        return self._rsp is not None and self._rsp.load.prepared is not None

    def free(self) -> int:
        """Bytes of memory for further profiles."""
        return self.memory - sum(each.size for each in self.profiles)

    def add(self, profile: Profile) -> None:
        """The profile is there, disabled."""
        profile.aid = bytes.fromhex("A0000005591010FFFFFFFF89") + (FIRST_AID + self._aids).to_bytes(4)
        self._aids += 1
        self.profiles.append(profile)

    def next_number(self) -> int:
        """Of a notification."""
        self._seq += 1
        return self._seq

    def note(self, note: Notification) -> None:
        """A server is to be notified; the oldest makes room."""
        self.notifications = [*self.notifications, note][-MOST_NOTIFICATIONS:]

    # What profile management does; each returns the result

    @property
    def current(self) -> Profile:
        """The enabled profile, also while it waits for its REFRESH."""
        return self._pending or self.enabled

    def enable(self, profile: Profile | None, refresh: bool) -> int:
        """Enable a profile, which disables the one in use."""
        if profile is None:
            return NOT_FOUND
        if profile is self.current:
            return WRONG_STATE
        if "disable" in self.current.keeps:
            return BY_POLICY
        if refresh and "no-refresh" in self.quirks:
            return UNDEFINED
        return self.switch(profile, refresh)

    def disable(self, profile: Profile | None, refresh: bool) -> int:
        """Disable the profile in use."""
        if profile is None:
            return NOT_FOUND
        if profile is not self.current:
            return WRONG_STATE
        if "disable" in profile.keeps:
            return BY_POLICY
        return self.switch(Profile("", ""), refresh)

    def delete(self, profile: Profile | None) -> int:
        """Delete a profile that is not in use."""
        if profile is None:
            return NOT_FOUND
        if profile in (self.enabled, self.current):
            return WRONG_STATE
        if "delete" in profile.keeps:
            return BY_POLICY
        self.profiles.remove(profile)
        self._notify(DELETE, profile)
        return OK

    def reset_memory(self, options: int) -> int:
        """Delete the profiles that the bits `options` name, whatever their state and policy rules, or set the
        default address back. Returns the result; when the enabled profile is gone, there is a REFRESH."""
        doomed = [each for each in self.profiles if _is_reset(each, options)]
        if not doomed and not options & RESET_ADDRESS:
            return NOTHING_TO_DELETE
        if self.toolkit_busy and self.current in doomed:
            return BUSY
        if options & RESET_ADDRESS:
            self.default_smdp = SMDP
        for profile in doomed:
            self.profiles.remove(profile)
            self._notify(DELETE, profile)
        if self.current in doomed:
            self.switch(Profile("", ""), refresh=True)
        return OK

    def set_default_smdp(self, value: bytes) -> int:
        """SetDefaultDpAddress; an empty address removes it. Returns the result."""
        address = tlv.find(value, 0x80)
        if address is None:
            raise ValueError("no address")
        self.default_smdp = address.decode()
        return OK

    def switch(self, profile: Profile, refresh: bool) -> int:
        """The identity is another at once, or with the REFRESH."""
        if refresh and self.toolkit_busy:
            return BUSY
        if refresh:
            self._pending, self.refresh_ms = profile, FETCH_MS
        else:
            self.adopt(profile)
        return OK

    def named(self, search: bytes) -> Profile | None:
        """The profile with the ICCID or the AID of which `search` consists. Raises ValueError."""
        ((tag, _),) = tlv.decode(search)
        if tag not in (0x4F, 0x5A):
            raise ValueError("neither ICCID nor AID")
        return next((each for each in self.profiles if self._matches(each, search)), None)

    # The functions; each is given the value of its tag and returns that of the answer.

    def listed(self, value: bytes) -> bytes:
        """ProfileInfoList"""
        search = tlv.find(value, 0xA0)
        wanted = tlv.find(value, 0x5C)
        if search is not None and [tag for tag, _ in tlv.decode(search)] not in ([0x4F], [0x5A], [0x95]):
            return tlv.encode(0x81, bytes([BAD_INPUT]))
        found = self.profiles if search is None else [p for p in self.profiles if self._matches(p, search)]
        leaves_out = "default-class" in self.quirks
        listed = (each.info(each is self.enabled, wanted, leaves_out) for each in found)
        return tlv.encode(0xA0, *(tlv.encode(0xE3, each) for each in listed))

    def _enable(self, value: bytes) -> bytes:
        return _result(self.enable(*self._target(value)))

    def _disable(self, value: bytes) -> bytes:
        return _result(self.disable(*self._target(value)))

    def _delete(self, value: bytes) -> bytes:
        return _result(self.delete(self.named(value)))

    def _nickname(self, value: bytes) -> bytes:
        number, name = fields(value, 0x5A, 0x90)
        profile = self.named(tlv.encode(0x5A, number))
        if profile is None:
            return _result(NOT_FOUND)
        if len(name) > 64:
            return _result(UNDEFINED)
        profile.nickname = name.decode()
        return _result(OK)

    def _sent(self, value: bytes) -> bytes:
        number = int.from_bytes(fields(value, 0x80)[0])
        kept = [each for each in self.notifications if each.seq != number]
        found = len(kept) < len(self.notifications)
        self.notifications = kept
        return _result(OK if found else NOT_FOUND)

    def _data(self, value: bytes) -> bytes:
        if fields(value, 0x5C) != [b"\x5a"]:
            raise ValueError("not the EID")
        return tlv.encode(0x5A, bytes.fromhex(self.eid))

    def _addresses(self, value: bytes) -> bytes:
        default = tlv.encode(0x80, self.default_smdp.encode()) if self.default_smdp else b""
        return default + tlv.encode(0x81, b"lpa.ds.gsma.com")

    def _memory_reset(self, value: bytes) -> bytes:
        return _result(self.reset_memory(reset_options(value)))

    # Inside

    def _target(self, value: bytes) -> tuple[Profile | None, bool]:
        search, refresh = fields(value, 0xA0, 0x81)
        return self.named(search), flag(refresh)

    def _matches(self, profile: Profile, search: bytes) -> bool:
        tags = dict(tlv.decode(search))
        if 0x4F in tags:
            return tags[0x4F] == profile.aid
        if 0x5A in tags and "aid-only" not in self.quirks:
            return iccid_text(tags[0x5A]) == profile.iccid
        return 0x95 in tags and tags[0x95] == bytes([profile.kind])

    def adopt(self, profile: Profile) -> None:
        if profile is not self.enabled:
            if profile.iccid:
                self.switches.append(profile.iccid)
                self._notify(ENABLE, profile)
            if self.enabled in self.profiles:
                self._notify(DISABLE, self.enabled)
        self.enabled.forbidden = self.forbidden
        self.enabled = profile
        self.iccid, self.imsi, self.forbidden = profile.iccid, profile.imsi, profile.forbidden

    def _notify(self, operation: int, profile: Profile) -> None:
        for operations, address in profile.addresses if profile.notifies else ():
            if operations & operation:
                self.note(Notification(self.next_number(), operation, profile.iccid, address))

    _functions: ClassVar[dict[int, Callable[[Euicc, bytes], bytes]]] = {
        0xBF28: lambda card, value: notifications.listed(card.notifications, value),
        0xBF29: _nickname,
        0xBF2B: lambda card, value: notifications.retrieved(card.notifications, value, card.identity()),
        0xBF2D: listed,
        0xBF30: _sent,
        0xBF31: _enable,
        0xBF32: _disable,
        0xBF33: _delete,
        0xBF34: _memory_reset,
        0xBF3C: _addresses,
        0xBF3E: _data,
        0xBF3F: lambda card, value: _result(card.set_default_smdp(value)),
        0xBF43: lambda card, value: tlv.encode(0xA0),
    }


def _result(code: int) -> bytes:
    return tlv.encode(0x80, bytes([code]))


def _is_reset(profile: Profile, options: int) -> bool:
    """Of test profiles those that were downloaded are."""
    if profile.kind == TEST:
        return bool(options & RESET_TESTS and profile.package)
    return bool(options & RESET_OPERATIONAL) and profile.kind == OPERATIONAL


def reset_options(value: bytes) -> int:
    """The first eight options of eUICCMemoryReset. Raises ValueError when there are none."""
    options = tlv.find(value, 0x82)
    if options is None or not 1 < len(options) < 4:
        raise ValueError("no options")
    return options[1]


def flag(value: bytes) -> bool:
    """A BOOLEAN. Raises ValueError."""
    if len(value) != 1:
        raise ValueError("not a BOOLEAN")
    return value != b"\0"
