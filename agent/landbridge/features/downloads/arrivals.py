"""Profiles that a policy names and the card does not have yet: each is ordered with the policy, and its
download begins automatically, once, when the device is in a country for which the policy prefers it. For an
IoT eUICC also the package without which the device cannot use there what is on the card."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.config import Esim
from landbridge.core.errors import UserError
from landbridge.core.hooks import Hook
from landbridge.core.texts import _, stored
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads import rules, trust
from landbridge.features.downloads.rules import Wanted
from landbridge.features.esim.queries import policies as cards
from landbridge.geo import countries
from landbridge.points.queries import points

_NO_SWITCH = 0
"""Stage of a device (features/esim/coding.py, STAGES)."""
ELSEWHERE = 0
"""Key of a policy's countries: all others."""
_DAY_S = 86_400
_RECENT_S = _DAY_S
"""Age relative to the last point up to which a position shows where the device is."""

OnInstalled = Callable[[Connection, str, str, str | None, int, int | None], str | None]
"""(connection, device, ICCID, who, now, trip): a profile is on the card. Returns why it cannot be enabled,
None: it was requested for `who`, or `who` is None."""
ON_INSTALLED: Hook[OnInstalled] = Hook()


def expect(
    connection: Connection,
    keyring: Keyring,
    esim: Esim,
    device: str,
    codes: Mapping[str, tuple[str, str]],
    who: str,
    now_s: int,
) -> None:
    """Order the profiles of a policy that the card does not have, in place of those of the policy before.
    `codes`: ICCID -> activation and confirmation code. `UserError` if one cannot be ordered."""
    why = stored(_("another profile policy was assigned"))
    for row in downloads.waiting(connection, device):
        downloads.end(connection, row.download, downloads.CANCELLED, why, now_s)
    trusted = trust.load(esim) if codes else None
    begun = {row.iccid for row in downloads.of_device(connection, device) if row.outcome is None}
    for iccid, code in codes.items():
        if trusted and iccid not in begun:
            try:
                wanted = Wanted(device, rules.code_of(*code, trusted))
                rules.order(connection, keyring, wanted, False, who, now_s, awaited=iccid)
            except UserError as error:
                raise UserError(f"profile with ICCID {iccid}, download: {error}") from None


def begin(connection: Connection, device: str, now_s: int) -> Row[Any] | None:
    """Return the order for the profile that the policy prefers in the device's country, which begins now, or
    None."""
    waiting = {row.iccid: row for row in downloads.waiting(connection, device)}
    is_managed = downloads.associated(connection, device) is not None
    desired = cards.desired(connection, device) if waiting or is_managed else None
    country = _country(connection, device) if desired else None
    names = _names(desired.policy.countries, country) if desired and country else ()
    if not desired or not names:
        return None
    row = waiting.get(desired.policy.profiles[names[0]].iccid)
    if row is None:
        return _enable(connection, device, desired, names, now_s) if is_managed else None
    downloads.begin(connection, row, now_s)
    what = _("download {number} begun in {country}", number=row.download, country=country)
    audit.add(connection, cards.AGENT, what, now_s, device)
    return downloads.find(connection, row.download)


def _enable(
    connection: Connection, device: str, desired: cards.Desired, names: Sequence[str], now_s: int
) -> Row[Any] | None:
    """Order the package with which a device that may choose changes to the preferred one of the profiles
    `names`; None if it uses one of them already, or has had such a package within a day."""
    policy, said = desired.policy, cards.report(connection, device)
    wanted, used = policy.profiles[names[0]], cards.used(connection, device)
    is_settled = said is not None and (said.revision, said.stage) == (desired.revision, _NO_SWITCH)
    is_chosen = desired.profile in policy.profiles or names[0] == policy.fallback
    if not is_settled or is_chosen or wanted.awaited or not used:
        return None
    if used in [policy.profiles[name].iccid for name in names if name != policy.fallback]:
        return None
    if _has_left(connection, device, policy.number(names[0]), now_s):
        return None
    if any(_stands_in_the_way(row, wanted.iccid, now_s) for row in downloads.of_device(connection, device)):
        return None
    return downloads.find(connection, give(connection, device, wanted.iccid, now_s))


def _has_left(connection: Connection, device: str, profile: int, now_s: int) -> bool:
    """Whether the device has left the profile of that number by itself within a day: it already hears the
    next country."""
    events = cards.events(connection, device)
    return bool(events) and events[-1].before == profile and now_s - events[-1].received_s < _DAY_S


def _stands_in_the_way(row: Row[Any], iccid: str, now_s: int) -> bool:
    """Whether an order is for a package that enables the profile, of the last day, or for any that the device
    may still use."""
    if row.task != downloads.ENABLE:
        return False
    is_unused = row.ordered_by == cards.AGENT and row.stage == downloads.SWITCHING
    is_recent = row.iccid == iccid and now_s - row.ordered_s < _DAY_S
    return is_recent or (row.outcome is None and not is_unused)


def give(connection: Connection, device: str, iccid: str, now_s: int) -> int:
    """Order the package with which the policy can choose a profile, in place of one that was not used; return
    the number of the order. `UserError` as in `rules.enable`."""
    for row in downloads.switching(connection, device):
        if row.ordered_by == cards.AGENT:
            why = stored(_("another package was sent in its place"))
            downloads.end(connection, row.download, downloads.CANCELLED, why, now_s)
    return rules.enable(connection, device, iccid, cards.AGENT, now_s)


def is_blocked(connection: Connection, device: str) -> bool:
    """Whether the policy allows no profile where the device is."""
    desired, country = cards.desired(connection, device), _country(connection, device)
    return desired is not None and country is not None and not _names(desired.policy.countries, country)


def _names(of_countries: Mapping[int, Sequence[str]], country: str) -> Sequence[str]:
    """The profiles of a policy in a country, the preferred one first."""
    there = (
        names for mcc, names in of_countries.items() if mcc and countries.of_network(1_000 * mcc) == country
    )
    return next(there, of_countries.get(ELSEWHERE, ()))


def _country(connection: Connection, device: str) -> str | None:
    """ISO 3166-1 code of the country in which a device was last: by position if one is recent, because
    networks are heard across a border."""
    last = points.last(connection, device)
    if last is None:
        return None
    for found in (last, points.latest_position(connection, device)):
        if found is None or (last.at_s or 0) - (found.at_s or 0) > _RECENT_S:
            continue
        latitude_deg, longitude_deg = found.point.latitude_deg, found.point.longitude_deg
        if latitude_deg is not None and longitude_deg is not None:
            return countries.of_place(latitude_deg, longitude_deg)
    return countries.of_network(last.point.plmn) if last.point.plmn else None


def installed(connection: Connection, row: Row[Any], iccid: str, who: str | None, now_s: int) -> str | None:
    """The profile of an order is on the card; have it enabled if `who` wants that. Returns why it cannot
    be."""
    why = wanted(connection, row, iccid, who, now_s)
    return _("installed, not enabled: {why}", why=why) if why else None


def wanted(connection: Connection, row: Row[Any], iccid: str, who: str | None, now_s: int) -> str | None:
    """Have the device use the profile, which is on the card, if `who` wants that. Returns why it cannot."""
    for act in ON_INSTALLED:
        if why := act(connection, row.device, iccid, who, now_s, row.trip):
            return why
    return None
