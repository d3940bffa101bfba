"""Encodes the profile policy for the card of a device, and decodes the card report."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import cbor2

from landbridge.core.texts import _
from landbridge.protocol.limits import WireError

DOWNLINK_KEY, REPORT_KEY = 10, 14
"""Key of the downlink: [revision, a byte string: CBOR of [revision, profile, fallback, profiles, rows]]; of
the uplink: see `Report`."""
MOST_PROFILES, MOST_ROWS, MOST_TEXT, MOST_HOSTS = 8, 40, 63, 4
MOST_BYTES = 1_300
"""The most bytes of a policy, for which a downlink has room."""
ELSEWHERE = 0
"""In place of an MCC: all other countries."""
REFUSED_POLICY, QUOTA, BLOCKED = 7, 9, 10
OUTCOMES = {
    1: _("switched"),
    2: _("returned to the previous profile"),
    3: _("on the fallback profile"),
    4: _("refused by the card"),
    5: _("no connection"),
    6: _("changed by the card itself"),
    REFUSED_POLICY: _("policy refused by the device"),
    8: _("no connection with this access point, trying the previous one"),
    QUOTA: _("{cause} % of the month's data used"),
    BLOCKED: _("radio off: no profile is allowed in that country"),
}
"""The outcomes of an event, in words."""
CONFIRMED = 0
STAGES = (
    _("confirmed"),
    _("on trial"),
    _("returning to the previous profile"),
    _("switching to the fallback profile"),
)
ROUTES = ("not known", "AT+CGLA", "AT+CSIM", "AT+CSIM, basic channel", "no eUICC")
CLASSES = ("test", "provisioning", "operational")
_U31, _U32 = 2**31 - 1, 2**32 - 1
OPERATIONS = {0x80: "install", 0x40: "enable", 0x20: "disable", 0x10: "delete"}
"""The operations of notifications."""
_DIGITS, _LEAST_ITEMS, _ITEMS = 32, 7, 9
_MOST_NOTICE = 4_096
_MOST_DATA = 2**40


class Profile(NamedTuple):
    """One profile of a policy, and the access point that belongs to it."""

    iccid: str
    apn: str
    user: str
    password: str
    hosts: tuple[tuple[str, int], ...] = ()
    """(name, port) to which the access point may lead, the broker first; none: those of the provisioning."""
    updates: tuple[str, str, str, str, int] | tuple[()] = ()
    """(APN, user, password, host, port) over which releases are pulled; none: over the same as all else."""
    quota_kb: int = 0
    """Kilobytes a month; 0: unlimited."""
    awaited: bool = False
    """It is not on the card yet: no country's row in the downlink names it."""


class Event(NamedTuple):
    """A switch that ended; profiles by their number in the policy, from 1 on, 0: none of them."""

    at_s: int
    """Seconds since 2000; 0: the device did not know the time."""
    before: int
    after: int
    outcome: int
    cause: int
    """EMM cause of the network, the result of the card, the revision of the policy that is refused, percent
    of the quota, or the MCC that is blocked."""


class Piece(NamedTuple):
    """Part of a notification of the eUICC, signed by it for the server of a profile (SGP.22)."""

    seq: int
    operation: int
    """A key of OPERATIONS."""
    iccid: str
    total: int
    """Bytes of the whole."""
    offset: int
    content: bytes


class Report(NamedTuple):
    """What a device reports about its card."""

    revision: int
    """Revision of the device's policy."""
    route: int
    """To the card's applications, index into ROUTES."""
    eid: str
    used: int
    """Place of the profile in use."""
    stage: int
    """Index into STAGES."""
    profiles: tuple[tuple[str, int], ...]
    """ICCID and class of each profile on the card."""
    events: tuple[Event, ...]
    month: int = 0
    """The month of `used_kb`, counted from March 2000 on; 0: nothing was counted yet."""
    used_kb: tuple[tuple[str, int], ...] = ()
    """Kilobytes of each profile in that month, by ICCID."""
    notice: Piece | None = None


def describe(event: Any) -> str:
    """Describe an event of a card in words; `event` has the columns of `Event`."""
    outcome = OUTCOMES.get(event.outcome) or _("outcome {number}", number=event.outcome)
    if event.outcome == QUOTA:
        return _(outcome, cause=event.cause)
    return _("{outcome}, cause {cause}", outcome=outcome, cause=event.cause) if event.cause else outcome


def encode(
    revision: int, profile: int, fallback: int, profiles: Sequence[Profile], rows: Sequence[Sequence[int]]
) -> dict[int, Any]:
    """Return the pair of a downlink; numbers count `profiles` from 1 on, 0: none; a row is [MCC, number,
    ...]."""
    policy = [revision, profile, fallback, [_listed(each) for each in profiles], [list(row) for row in rows]]
    return {DOWNLINK_KEY: [revision, cbor2.dumps(policy)]}


@dataclass(frozen=True)
class Policy:
    """`profiles` by name, in their order; `countries`: MCC, 0 for all others -> names, the best first; no
    names: there none may be used."""

    profiles: dict[str, Profile]
    fallback: str
    countries: dict[int, tuple[str, ...]]

    def number(self, name: str) -> int:
        """Return its number, from 1 on; 0: there is no such name."""
        names = list(self.profiles)
        return names.index(name) + 1 if name in names else 0

    def name(self, number: int) -> str | None:
        """The profile at a place."""
        return list(self.profiles)[number - 1] if 0 < number <= len(self.profiles) else None

    def encode(self, revision: int, profile: str) -> dict[int, Any]:
        """As in a reply."""
        rows = [[mcc, *numbers] for mcc, numbers in self._rows() if numbers or not self.countries[mcc]]
        listed = list(self.profiles.values())
        return encode(revision, self.number(profile), self.number(self.fallback), listed, rows)

    def _rows(self) -> list[tuple[int, list[int]]]:
        """By country what of its profiles is on the card."""
        return [
            (mcc, [self.number(name) for name in names if not self.profiles[name].awaited])
            for mcc, names in sorted(self.countries.items())
        ]

    def awaits(self, name: str) -> bool:
        """Whether the profile of this name must still be downloaded."""
        return name in self.profiles and self.profiles[name].awaited

    def loaded(self, iccids: Collection[str]) -> "Policy":
        """The same with these profiles on the card."""
        profiles = {
            name: each._replace(awaited=False) if each.iccid in iccids else each
            for name, each in self.profiles.items()
        }
        return replace(self, profiles=profiles)

    def complete(self) -> "Policy":
        """The same with all of its profiles on the card."""
        return self.loaded([each.iccid for each in self.profiles.values()])

    def stored(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def restored(value: Mapping[str, Any]) -> Policy:
    """From `stored`."""
    profiles = {name: _restored(*each) for name, each in value["profiles"].items()}
    countries = {int(mcc): tuple(names) for mcc, names in value["countries"].items()}
    return Policy(profiles, value["fallback"], countries)


def _restored(
    iccid: str,
    apn: str,
    user: str,
    password: str,
    hosts: Any = (),
    updates: Any = (),
    quota_kb: int = 0,
    awaited: bool = False,
) -> Profile:
    pairs = tuple((name, port) for name, port in hosts)
    return Profile(iccid, apn, user, password, pairs, tuple(updates), quota_kb, awaited)


def _listed(profile: Profile) -> list[Any]:
    found = [to_bytes(profile.iccid), profile.apn, profile.user, profile.password]
    others: list[Any] = [
        [part for host in profile.hosts for part in host],
        [*profile.updates],
        profile.quota_kb,
    ]
    while others and not others[-1]:
        others.pop()
    return found + others


def decode_report(item: Any) -> Report:
    """The report as received in an uplink; `WireError` if it is invalid."""
    if type(item) is not list or not _LEAST_ITEMS <= len(item) <= _ITEMS:
        raise WireError(f"card report: not an array of {_ITEMS}")
    item = item + [[]] * (_ITEMS - len(item))
    revision, route, eid, used, stage, profiles, events, data, notice = item
    if type(eid) is not str or len(eid) > _DIGITS or type(profiles) is not list or type(events) is not list:
        raise WireError("card report: EID, profiles or events")
    return Report(
        _number(revision, _U31),
        _number(route, len(ROUTES) - 1),
        eid,
        _number(used, MOST_PROFILES),
        _number(stage, len(STAGES) - 1),
        tuple(_profile(each) for each in profiles),
        tuple(_event(each) for each in events),
        *_data(data),
        _piece(notice),
    )


def to_bytes(iccid: str) -> bytes:
    """Ten bytes, as on the card: digits swapped in pairs, filled with F."""
    text = iccid.ljust(20, "F")
    return bytes(int(text[i + 1] + text[i], 16) for i in range(0, 20, 2))


def to_text(iccid: bytes) -> str:
    """The digits of an ICCID."""
    return "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in iccid).rstrip("F")


def _profile(item: Any) -> tuple[str, int]:
    if type(item) is not list or len(item) != 2 or type(item[0]) is not bytes or len(item[0]) != 10:
        raise WireError("card report: a profile")
    return to_text(item[0]), _number(item[1], 255)


def _data(item: Any) -> tuple[int, tuple[tuple[str, int], ...]]:
    if type(item) is not list or len(item) > MOST_PROFILES + 1:
        raise WireError("card report: data used")
    used = []
    for row in item[1:]:
        if type(row) is not list or len(row) != 3 or type(row[0]) is not bytes or len(row[0]) != 10:
            raise WireError("card report: data used by a profile")
        used.append((to_text(row[0]), _number(row[1], _MOST_DATA) // 1024))
    return _number(item[0], _U31) if item else 0, tuple(used)


def _piece(item: Any) -> Piece | None:
    if item == []:
        return None
    if type(item) is not list or len(item) != len(Piece._fields) or type(item[2]) is not bytes:
        raise WireError("card report: a notification")
    seq, operation, iccid, total, offset, content = item
    if type(content) is not bytes or not content:
        raise WireError("card report: the contents of a notification")
    total = _number(total, _MOST_NOTICE)
    _number(len(content) + _number(offset, total), total)
    return Piece(_number(seq, _U31), _number(operation, 255), to_text(iccid), total, offset, content)


def _event(item: Any) -> Event:
    if type(item) is not list or len(item) != len(Event._fields):
        raise WireError("card report: an event")
    at_s, before, after, outcome, cause = item
    if type(cause) is not int or abs(cause) > _U31:
        raise WireError("card report: the cause of an event")
    places = (_number(before, MOST_PROFILES), _number(after, MOST_PROFILES))
    return Event(_number(at_s, _U32), *places, _number(outcome, 255), cause)


def _number(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise WireError(f"card report: {value!r} is not an integer up to {most}")
    return value
