"""Orders of downloads: checked, encrypted, and logged in the audit log without secrets."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.core.errors import UserError, is_one_line
from landbridge.core.texts import _, stored
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.features.downloads import activation, es10
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads.activation import Code
from landbridge.features.downloads.trust import Trust
from landbridge.features.esim.queries import policies as cards

_NO_EUICC = 4
"""Route to the card that a device reports (features/esim/coding.py, ROUTES)."""
_MOST_NAME = 64


class Wanted(NamedTuple):
    """A profile for a device."""

    device: str
    code: Code


def order(
    connection: Connection,
    keyring: Keyring,
    wanted: Wanted,
    then_enable: bool,
    who: str,
    now_s: int,
    trip: int | None = None,
    awaited: str | None = None,
) -> int:
    """Order a download, until the end of `trip` if the tenant of that trip orders it; return its number. With
    an ICCID `awaited` it begins where the policy prefers that profile (arrivals.py). `UserError` if the card
    cannot download, or the code is used already."""
    device, code = wanted
    _check_euicc(connection, device)
    for other in downloads.open_at(connection, code.server):
        same = activation.restored(downloads.secret(keyring, other, "code")).matching_id == code.matching_id
        if same and (code.matching_id or other.device == device):
            raise UserError(
                _(
                    "download {number} for {device} uses this activation code; cancel it first",
                    number=other.download,
                    device=other.device,
                ),
                "code",
            )
    values = {"server": code.server, "then_enable": then_enable, "trip": trip, "iccid": awaited}
    if awaited:
        values["stage"] = downloads.WAITING
    number = _add(connection, keyring, device, downloads.DOWNLOAD, es10.COLLECT, who, now_s, **values)
    downloads.change(connection, keyring, number, {"code": code.stored()})
    what = _("profile download {number} ordered from {server}", number=number, server=code.server)
    audit.add(connection, who, what, now_s, device)
    return number


def delete(
    connection: Connection,
    keyring: Keyring,
    device: str,
    iccid: str,
    who: str,
    now_s: int,
    trip: int | None = None,
) -> int:
    """Order the deletion of a profile; return the number of the order. `UserError` for a profile that the
    policy names, because the device would look for it."""
    _check_card(connection, device, iccid)
    desired = cards.desired(connection, device)
    if desired and iccid in [each.iccid for each in desired.policy.profiles.values()]:
        raise UserError(
            _("the policy of {device} names {iccid}; assign one without it first", device=device, iccid=iccid)
        )
    values = {"iccid": iccid, "trip": trip}
    if downloads.associated(connection, device) is not None:
        number = _signed(connection, device, downloads.DELETE, who, now_s, **values)
    else:
        _check_new(connection, device, downloads.DELETE, iccid)
        requests = es10.delete(iccid)
        number = _add(connection, keyring, device, downloads.DELETE, requests, who, now_s, **values)
    audit.add(connection, who, _("deletion of profile {iccid} ordered", iccid=iccid), now_s, device)
    return number


def rename(
    connection: Connection,
    keyring: Keyring,
    device: str,
    iccid: str,
    name: str,
    who: str,
    now_s: int,
    trip: int | None = None,
) -> int:
    """Order a new nickname for a profile; return the number of the order. `UserError` if the name is
    invalid."""
    _check_card(connection, device, iccid)
    if not is_one_line(name) or not 0 < len(name.encode()) <= _MOST_NAME:
        raise UserError(_("a profile's name has 1 to {number} bytes on one line", number=_MOST_NAME), "name")
    values = {"iccid": iccid, "profile": name, "trip": trip}
    requests = es10.rename(iccid, name)
    number = _add(connection, keyring, device, downloads.RENAME, requests, who, now_s, **values)
    audit.add(connection, who, _("renaming of profile {iccid} ordered", iccid=iccid), now_s, device)
    return number


def manage(
    connection: Connection,
    keyring: Keyring,
    trusted: Trust,
    device: str,
    task: str,
    iccid: str,
    who: str,
    now_s: int,
    trip: int | None = None,
) -> int:
    """Order one of the tasks of an IoT eUICC, with the ICCID of a profile if it is about one; return the
    number of the order."""
    if task in (downloads.ENABLE, downloads.DISABLE):
        act = enable if task == downloads.ENABLE else disable
        return act(connection, device, iccid, who, now_s, trip)
    if iccid:
        raise UserError(_("{task} applies to the whole card: leave the ICCID out", task=task), "iccid")
    if task == downloads.ASSOCIATE:
        return associate(connection, keyring, device, trusted, who, now_s)
    if task == downloads.DISSOCIATE:
        return dissociate(connection, device, who, now_s)
    return list_profiles(connection, device, who, now_s, trip)


def associate(
    connection: Connection, keyring: Keyring, device: str, trusted: Trust, who: str, now_s: int
) -> int:
    """Order the association of a device's card with the agent; return the number of the order. `UserError`
    if the card is known as another kind, or obeys the agent already."""
    _check_euicc(connection, device)
    trusted.check_roots()
    card = downloads.euicc_of(connection, device)
    if card is not None and not card.iot:
        raise UserError(
            _(
                "the card of {device} is not an IoT eUICC: it needs no association",
                device=device,
            )
        )
    if downloads.associated(connection, device) is not None:
        raise UserError(_("the card of {device} is associated with the agent already", device=device))
    downloads.manager(connection, keyring, now_s)
    return _signed(connection, device, downloads.ASSOCIATE, who, now_s)


def dissociate(connection: Connection, device: str, who: str, now_s: int) -> int:
    """Order the end of an association; return the number of the order. `UserError` if there is none."""
    _associated(connection, device)
    return _signed(connection, device, downloads.DISSOCIATE, who, now_s)


def list_profiles(connection: Connection, device: str, who: str, now_s: int, trip: int | None = None) -> int:
    """Order a list of the profiles that the card has signed; return the number of the order."""
    _associated(connection, device)
    return _signed(connection, device, downloads.LIST, who, now_s, trip=trip)


def enable(
    connection: Connection, device: str, iccid: str, who: str, now_s: int, trip: int | None = None
) -> int:
    """Order that a profile is enabled by a signed package; return the number of the order. `UserError` if the
    policy does not name the profile: the device would not know its access point."""
    _check_card(connection, device, iccid)
    _associated(connection, device)
    policy = _desired(connection, device).policy
    if iccid not in [each.iccid for each in policy.profiles.values()]:
        raise UserError(
            _(
                "no profile in the policy of {device} has ICCID {iccid}; add it first",
                device=device,
                iccid=iccid,
            )
        )
    return _signed(connection, device, downloads.ENABLE, who, now_s, iccid=iccid, trip=trip)


def by_package(
    connection: Connection, device: str, iccid: str, who: str, now_s: int, trip: int | None
) -> bool:
    """Whether a profile is enabled by a signed package, which is ordered then (features/esim/handler.py)."""
    if downloads.associated(connection, device) is None or cards.used(connection, device) == iccid:
        return False
    enable(connection, device, iccid, who, now_s, trip)
    return True


def disable(
    connection: Connection, device: str, iccid: str, who: str, now_s: int, trip: int | None = None
) -> int:
    """Order that the profile in use is disabled, and the policy's fallback profile enabled with it; return
    the number of the order. `UserError` for the fallback profile, and for one that is not in use."""
    _check_card(connection, device, iccid)
    _associated(connection, device)
    policy = _desired(connection, device).policy
    if iccid == policy.profiles[policy.fallback].iccid:
        raise UserError(_("{iccid} is the fallback profile; enable another one instead", iccid=iccid))
    used = cards.used(connection, device)
    if used != iccid:
        raise UserError(
            _("{device} does not use {iccid}: it is disabled already", device=device, iccid=iccid)
        )
    return _signed(connection, device, downloads.DISABLE, who, now_s, iccid=iccid, trip=trip)


def _associated(connection: Connection, device: str) -> None:
    if downloads.associated(connection, device) is None:
        raise UserError(
            _("the card of {device} is not associated with the agent; associate it first", device=device)
        )


def _desired(connection: Connection, device: str) -> cards.Desired:
    desired = cards.desired(connection, device)
    if desired is None:
        raise UserError(
            _("{device} has no policy; give it one with `landbridge esim set-policy`", device=device)
        )
    return desired


def _signed(connection: Connection, device: str, task: str, who: str, now_s: int, **values: Any) -> int:
    """Add an order that the agent carries out as the manager of the card (packages.py)."""
    _check_new(connection, device, task)
    card = downloads.euicc_of(connection, device)
    row = {"server": "", "then_enable": False, "device": device, "task": task, "step": now_s, **values}
    known = card.eid if card and task != downloads.ASSOCIATE else None
    number = downloads.add(connection, **row, eid=known, ordered_by=who, ordered_s=now_s)
    audit.add(connection, who, _TOLD[task], now_s, device)
    return number


def _check_new(connection: Connection, device: str, task: str, iccid: str = "") -> None:
    """`UserError` if such an order is open: with an ICCID, for this profile."""
    for other in downloads.of_device(connection, device):
        if other.outcome is None and other.task == task and iccid in ("", other.iccid):
            raise UserError(
                _("order {number} for {device} is not done yet", number=other.download, device=device)
            )


_TOLD = {
    downloads.ASSOCIATE: _("association of the card with the agent ordered"),
    downloads.DISSOCIATE: _("end of the card's association ordered"),
    downloads.LIST: _("list of the card's profiles requested"),
    downloads.ENABLE: _("enabling of a profile by signed package ordered"),
    downloads.DISABLE: _("disabling of a profile by signed package ordered"),
    downloads.DELETE: _("deletion of a profile by signed package ordered"),
}


def _check_card(connection: Connection, device: str, iccid: str) -> None:
    if not es10.ICCID.fullmatch(iccid):
        raise UserError(_("an ICCID has 18 to 20 digits"), "iccid")
    _check_euicc(connection, device)


def _check_euicc(connection: Connection, device: str) -> None:
    said = cards.report(connection, device)
    if said is not None and said.route == _NO_EUICC:
        raise UserError(
            _("the card of {device} is not an eUICC: no profile can be downloaded onto it", device=device)
        )


def _add(
    connection: Connection,
    keyring: Keyring,
    device: str,
    task: str,
    requests: bytes,
    who: str,
    now_s: int,
    **values: Any,
) -> int:
    """Add an order that begins with these requests."""
    row = {"server": "", "then_enable": False, **values, "device": device, "task": task, "step": now_s}
    number = downloads.add(connection, **row, ordered_by=who, ordered_s=now_s)
    downloads.change(connection, keyring, number, {"request": requests})
    return number


def cancel(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Cancel a download; `UserError` if it has ended. A profile that the card has loaded meanwhile stays."""
    if row.outcome is not None:
        raise UserError(
            _(
                "download {number} has ended: {state}",
                number=row.download,
                state=downloads.state(connection, row),
            )
        )
    why = stored(_("cancelled by {who}", who=who))
    downloads.end(connection, row.download, downloads.CANCELLED, why, now_s)
    audit.add(connection, who, _("download {number} cancelled", number=row.download), now_s, row.device)


def code_of(text: str, confirmation: str, trusted: Trust) -> Code:
    """Return an activation code whose server is on the list; `UserError`."""
    code = activation.parse(text, confirmation)
    trusted.check(code.server)
    return code
