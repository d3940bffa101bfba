"""Profiles that a policy names and the card does not have yet: each is ordered with the policy, and its
download begins by itself, once, when the device is in a country for which the policy prefers it."""

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
from landbridge.points import queries as points

ELSEWHERE = 0
"""Key of a policy's countries: all others."""
AGENT = "the agent"
_RECENT_S = 86_400
"""Age of a position before the last point up to which it says where the device is."""

OnInstalled = Callable[[Connection, str, str, str | None, int, int | None], str | None]
"""(connection, device, ICCID, who, now, trip): a profile is on the card. Returns why it cannot be enabled,
None: `who` wants it and it was asked for, or nobody does."""
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
    """The order for the profile that the policy prefers where the device is, which begins now; None: there is
    none."""
    waiting = {row.iccid: row for row in downloads.waiting(connection, device)}
    desired = cards.desired(connection, device) if waiting else None
    country = _country(connection, device) if desired else None
    if not desired or not country:
        return None
    names = _names(desired.policy.countries, country)
    row = waiting.get(desired.policy.profiles[names[0]].iccid) if names else None
    if row is None:
        return None
    downloads.begin(connection, row, now_s)
    what = _("download {number} begun in {country}", number=row.download, country=country)
    audit.add(connection, AGENT, what, now_s, device)
    return downloads.find(connection, row.download)


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
