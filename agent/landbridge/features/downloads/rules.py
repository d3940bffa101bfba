"""Orders of downloads: checked, encrypted, and logged in the audit log without secrets."""

import re
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
_ICCID = re.compile(r"[0-9]{18,20}", re.ASCII)
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
    """Order a download, until the end of `trip` if it is that one's tenant who wants it; returns its number.
    That of the ICCID `awaited` begins where the policy prefers that profile (arrivals.py). `UserError` if the
    card takes none, or the code is used already."""
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
    requests = es10.delete(iccid)
    number = _add(connection, keyring, device, downloads.DELETE, requests, who, now_s, **values)
    audit.add(connection, who, _("profile {iccid} to be deleted", iccid=iccid), now_s, device)
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
    audit.add(connection, who, _("profile {iccid} to be renamed", iccid=iccid), now_s, device)
    return number


def _check_card(connection: Connection, device: str, iccid: str) -> None:
    if not _ICCID.fullmatch(iccid):
        raise UserError(_("an ICCID has 18 to 20 digits"), "iccid")
    _check_euicc(connection, device)


def _check_euicc(connection: Connection, device: str) -> None:
    said = cards.report(connection, device)
    if said is not None and said.route == _NO_EUICC:
        raise UserError(_("the card of {device} is not an eUICC: it takes no profiles", device=device))


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
