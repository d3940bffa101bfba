"""An IoT eUICC (SGP.32 5.9): executes packages that its remote manager has signed, signs their results and
keeps them until they are fetched; roll-back, fallback and return need no signature.

ES10c.EnableProfile, DisableProfile and DeleteProfile it does not have, but for the quirk "es10c".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.modem.card import tlv
from tools.modem.card.euicc import NOTHING_TO_DELETE, Euicc, reset_options
from tools.modem.card.profile import Profile
from tools.modem.card.rsp import signature
from tools.modem.card.rsp.eims import ID, LAST_DELETED, MOST_COUNTER, TOKEN, Eim, EimError, Eims
from tools.modem.card.rsp.identity import Identity
from tools.modem.card.rsp.signature import SIGNATURE
from tools.modem.card.rsp.times import SIGN_MS, VERIFY_MS
from tools.modem.card.tlv import fields

OK, NOT_FOUND, UNDEFINED = 0, 1, 127
INVALID_EID, REPLAY, OUT_OF_RANGE = 3, 4, 6
"""Errors of a package as a whole."""
NO_ROLLBACK, RETURN_PROFILE = 20, 21
UNKNOWN_COMMAND = 2
ROLLBACK_NOT_ALLOWED, NO_FALLBACK, WRONG_STATE = 1, 6, 2
FALLBACK_NOT_ALLOWED, FALLBACK_ENABLED = 2, 3
MOST_RESULTS = 8
PACKAGE, CERTIFICATES = 0xBF51, 0xBF56
CONSUMER_ONLY = frozenset({0xBF31, 0xBF32, 0xBF33})
RESET_EIMS = 0x04
"""Bit 5 of the options of eUICCMemoryReset."""


@dataclass(frozen=True)
class Granted:
    """A roll-back that the eIM has allowed: to this profile, with the package that has enabled another."""

    profile: Profile
    eim: bytes
    head: bytes


class Iot:
    """Of one card. Each function is given the value of its request and returns that of its answer."""

    def __init__(self, card: Euicc, identity: Identity) -> None:
        self._card = card
        self._identity = identity
        self.eims = Eims(identity.roots)
        self._results: dict[int, bytes] = {}
        """Packages' results by their number, until they are removed."""
        self._granted: Granted | None = None
        self._left: Profile | None = None
        """What the fallback has replaced."""
        self._before: Profile | None = None
        """What was enabled when the package came."""

    def answer(self, tag: int, value: bytes) -> bytes | None:
        """The value of the answer; None: what SGP.22 says. Raises LookupError for what an IoT eUICC has not,
        ValueError for a bad value."""
        if tag in CONSUMER_ONLY and "es10c" not in self._card.quirks:
            raise LookupError(tag)
        if tag == 0xBF2B and tlv.find(value, 0xA0, 0x82) is not None:
            return tlv.encode(0xA2, *(tlv.encode(PACKAGE, each) for each in self._results.values()))
        if tag == 0xBF30:
            gone = self._results.pop(int.from_bytes(tlv.find(value, 0x80) or b""), None)
            return _code(0x80, OK) if gone else None
        function = self._functions().get(tag)
        return function(value) if function else None

    def _functions(self) -> dict[int, Callable[[bytes], bytes]]:
        return {
            PACKAGE: self._load,
            0xBF55: self._configured,
            CERTIFICATES: self._certificates,
            0xBF57: self._associate,
            0xBF58: self._roll_back,
            0xBF5D: self._fall_back,
            0xBF5E: self._return,
            0xBF64: self._reset,
            0xBF65: self._set_address,
        }

    def _configured(self, value: bytes) -> bytes:
        """GetEimConfigurationData"""
        listed = self.eims.listed(tlv.find(value, 0xA0, ID))
        return tlv.encode(0xA0, *(each.data() for each in listed))

    def _certificates(self, value: bytes) -> bytes:
        """GetCerts"""
        root = tlv.find(value, 0x80)
        if root is not None and root not in self._identity.roots:
            return _code(0x81, 1)
        eum, euicc = (tlv.decode(each)[0][1] for each in (self._identity.eum, self._identity.euicc))
        return tlv.encode(0xA0, tlv.encode(0xA5, eum), tlv.encode(0xA6, euicc))

    def _associate(self, value: bytes) -> bytes:
        """AddInitialEim"""
        requests = [each for tag, each in tlv.decode(fields(value, 0xA0)[0]) if tag == 0x30]
        if not requests:
            return _code(0x81, 7)
        try:
            added = self.eims.begin(requests)
        except EimError as error:
            return _code(0x81, error.code)
        return tlv.encode(0xA0, *(_token(each) if each.token else tlv.encode(0x05) for each in added))

    def _reset(self, value: bytes) -> bytes:
        """eUICCMemoryReset, with the option to forget the eIMs."""
        options = reset_options(value)
        result = _code(0x80, self._card.reset_memory(options))
        if options & RESET_EIMS:
            result += _code(0x81, OK if self.eims.reset() else NOTHING_TO_DELETE)
        return result

    def _set_address(self, value: bytes) -> bytes:
        """SetDefaultDpAddress"""
        return _code(0x80, self._card.set_default_smdp(value))

    # Packages

    def _load(self, value: bytes) -> bytes:
        """LoadEuiccPackage"""
        self._card.work_ms += VERIFY_MS + SIGN_MS
        signed, signed_by = fields(value, 0x30, SIGNATURE)
        objects = tlv.decode(signed)
        parts = dict(objects)
        given = [0x82] if 0x82 in parts else []
        if [tag for tag, _ in objects[:-1]] != [ID, 0x5A, 0x81, *given] or objects[-1][0] not in (0xA0, 0xA1):
            raise ValueError("other objects")
        transaction = tlv.encode(0x82, parts[0x82]) if given else b""
        eim = self.eims.find(parts[ID])
        if eim is None:
            return tlv.encode(0xA2, tlv.encode(ID, parts[ID]), transaction)
        if not signature.verifies(signed_by, eim.key, tlv.encode(0x30, signed) + _token(eim)):
            return tlv.encode(0xA2, tlv.encode(ID, parts[ID]), transaction, _token(eim))
        head = tlv.encode(ID, eim.name) + tlv.encode(0x81, parts[0x81]) + transaction
        counter = int.from_bytes(parts[0x81], signed=True)
        if code := self._refused(eim, parts[0x5A], counter):
            return tlv.encode(0xA1, *self._signed(head + _code(0x02, code), eim))
        self.eims.count(eim.name, counter)
        self._before = self._card.current
        of_profiles = objects[-1][0] == 0xA0
        results = self._done(objects[-1][1], self._profiles if of_profiles else self._associations, eim, head)
        return self._result(head, results, eim)

    def _refused(self, eim: Eim, eid: bytes, counter: int) -> int:
        """Why the whole package is refused; 0: it is not."""
        if eid != self._identity.eid:
            return INVALID_EID
        if not 0 <= counter <= MOST_COUNTER:
            return OUT_OF_RANGE
        return REPLAY if counter <= eim.counter else 0

    def _done(
        self, orders: bytes, do: Callable[[int, bytes, Eim, bytes], bytes | None], eim: Eim, head: bytes
    ) -> bytes:
        """The results in the order of the orders; an unknown or damaged one ends them."""
        results = b""
        for tag, value in tlv.decode(orders):
            try:
                found = do(tag, value, eim, head)
            except ValueError:
                found = None
            if found is None:
                return results + _code(0x02, UNKNOWN_COMMAND)
            results += found
        return results

    def _result(self, head: bytes, results: bytes, eim: Eim) -> bytes:
        """The value of EuiccPackageResult, which is kept; the oldest makes room."""
        number = self._card.next_number()
        data = head + tlv.encode(0x83, tlv.integer(number)) + tlv.encode(0x30, results)
        found = tlv.encode(0xA0, *self._signed(data, eim))
        self._results[number] = found
        while len(self._results) > MOST_RESULTS:
            self._results.pop(next(iter(self._results)))
        return found

    def _signed(self, data: bytes, eim: Eim) -> tuple[bytes, bytes]:
        whole = tlv.encode(0x30, data)
        return whole, signature.sign(self._identity.key, whole + _token(eim))

    # Profiles (PSMO)

    def _profiles(self, tag: int, value: bytes, eim: Eim, head: bytes) -> bytes | None:
        card, rollback, named = self._card, False, None
        if tag in (0xA3, 0xA4, 0xA5, 0xA8):
            identifier, *flags = tlv.decode(value)
            if flags not in ([], [(0x05, b"")] if tag == 0xA3 else []):
                raise ValueError("other objects")
            rollback, named = bool(flags), card.named(tlv.encode(*identifier))
        orders: dict[int, Callable[[], bytes]] = {
            0xA3: lambda: _code(0x83, self._enable(named, rollback, eim, head)),
            0xA4: lambda: _code(0x84, card.disable(named, refresh=True)),
            0xA5: lambda: _code(0x85, self._delete(named)),
            0xBF2D: lambda: tlv.encode(0xBF2D, card.listed(value)),
            0xA6: lambda: tlv.encode(0xA6),
            0xA7: lambda: _code(0x87, OK),
            0xA8: lambda: _code(0x8D, self._mark(named)),
            0xA9: lambda: _code(0x8E, self._unmark()),
            0xBF65: lambda: tlv.encode(0xBF65, self._set_address(value)),
        }
        order = orders.get(tag)
        return order() if order else None

    def _delete(self, profile: Profile | None) -> int:
        is_left = profile is not None and profile is self._left
        return RETURN_PROFILE if is_left else self._card.delete(profile)

    def _enable(self, profile: Profile | None, with_rollback: bool, eim: Eim, head: bytes) -> int:
        before = self._before
        if with_rollback and profile is not None and (before is None or before not in self._card.profiles):
            return NO_ROLLBACK
        code = self._card.enable(profile, refresh=True)
        if code == OK:
            self._granted = Granted(before, eim.name, head) if with_rollback and before else None
        return code

    def _mark(self, profile: Profile | None) -> int:
        """SetFallbackAttribute"""
        if profile is None:
            return NOT_FOUND
        if not profile.fallback_allowed:
            return FALLBACK_NOT_ALLOWED
        if self._left:
            return FALLBACK_ENABLED
        for each in self._card.profiles:
            each.fallback = each is profile
        return OK

    def _unmark(self) -> int:
        """UnsetFallbackAttribute"""
        marked = [each for each in self._card.profiles if each.fallback]
        if not marked:
            return FALLBACK_NOT_ALLOWED
        if self._left:
            return FALLBACK_ENABLED
        marked[0].fallback = False
        return OK

    # Associations (eCO)

    def _associations(self, tag: int, value: bytes, _eim: Eim, _head: bytes) -> bytes | None:
        try:
            match tag:
                case 0xA8:
                    added = self.eims.add(value)
                    return tlv.encode(0xA8, _token(added) if added.token else _code(0x02, OK))
                case 0xA9:
                    return _code(0x89, self._end(fields(value, ID)[0]))
                case 0xAA:
                    return _code(0x8A, self.eims.update(value))
                case 0xAB:
                    listed = (each.info() for each in self.eims.listed())
                    return tlv.encode(0xAB, tlv.encode(0xA0, *listed))
        except EimError as error:
            return tlv.encode(0xA8, _code(0x02, error.code)) if tag == 0xA8 else _code(0x8A, error.code)
        return None

    def _end(self, name: bytes) -> int:
        """DeleteEim; what it has allowed ends with it."""
        code = self.eims.delete(name)
        if code in (OK, LAST_DELETED) and self._granted and self._granted.eim == name:
            self._granted = None
        return code

    # Without a signature

    def _roll_back(self, value: bytes) -> bytes:
        """ProfileRollback: to the profile before the last enabling, if the eIM has allowed it."""
        refresh, granted = _flag(value), self._granted
        eim = self.eims.find(granted.eim) if granted else None
        if granted is None or eim is None or granted.profile not in self._card.profiles:
            return _code(0x02, ROLLBACK_NOT_ALLOWED)
        if code := self._card.switch(granted.profile, refresh):
            return _code(0x02, code)
        self._granted = None
        self._card.work_ms += SIGN_MS
        return _code(0x02, OK) + tlv.encode(PACKAGE, self._result(granted.head, _code(0x8C, OK), eim))

    def _fall_back(self, value: bytes) -> bytes:
        """ExecuteFallbackMechanism"""
        refresh, card = _flag(value), self._card
        target = next((each for each in card.profiles if each.fallback), None)
        if target is None:
            return _code(0x80, NO_FALLBACK)
        if target is card.current:
            return _code(0x80, WRONG_STATE)
        left = card.current
        code = card.switch(target, refresh)
        if code == OK:
            self._left, self._granted = left, None
        return _code(0x80, code)

    def _return(self, value: bytes) -> bytes:
        """ReturnFromFallback"""
        refresh = _flag(value)
        if self._left not in self._card.profiles or not self._card.current.fallback:
            return _code(0x80, NO_FALLBACK)
        code = self._card.switch(self._left, refresh)
        if code == OK:
            self._left = None
        return _code(0x80, code)


def _code(tag: int, number: int) -> bytes:
    return tlv.encode(tag, bytes([number]))


def _token(eim: Eim) -> bytes:
    """The association token as signatures cover it: 0 if there is none."""
    return tlv.encode(TOKEN, tlv.integer(eim.token))


def _flag(value: bytes) -> bool:
    """The refresh flag, the only component. Raises ValueError."""
    (found,) = fields(value, 0x80)
    if found not in (b"\0", b"\xff"):
        raise ValueError("not a BOOLEAN")
    return bool(found[0])
