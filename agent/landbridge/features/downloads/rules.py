"""Downloads as people order them: checked, encrypted, in the audit log without what is secret."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.core import files
from landbridge.core.errors import UserError
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
_COLUMNS = ("device", "code", "confirmation")


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
) -> int:
    """Order a download, until the end of `trip` if it is that one's tenant who wants it; returns its number.
    `UserError` if the card takes none, or the code is used already."""
    device, code = wanted
    said = cards.report(connection, device)
    if said is not None and said.route == _NO_EUICC:
        raise UserError(_("the card of {device} is not an eUICC: it takes no profiles", device=device))
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
    number = downloads.add(
        connection,
        keyring,
        code.stored(),
        device=device,
        trip=trip,
        server=code.server,
        then_enable=then_enable,
        ordered_by=who,
        ordered_s=now_s,
        changed_s=now_s,
        stage=downloads.ORDERED,
        step=now_s,
    )
    downloads.change(connection, keyring, number, {"request": es10.COLLECT})
    what = _("profile download {number} ordered from {server}", number=number, server=code.server)
    audit.add(connection, who, what, now_s, device)
    return number


def cancel(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Cancel a download; `UserError` if it is over. What the card has loaded meanwhile it keeps."""
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
    """An activation code whose server is on the list; `UserError`."""
    code = activation.parse(text, confirmation)
    trusted.check(code.server)
    return code


def read(path: Path, trusted: Trust) -> list[Wanted]:
    """The devices and activation codes of a CSV file with the columns device, code and, if any has one,
    confirmation; `UserError` names the line that is wrong, never the code."""
    reader = csv.DictReader(files.text(path).splitlines())
    if not reader.fieldnames or set(_COLUMNS[:2]) - set(reader.fieldnames):
        raise UserError(f"{path}: the first line must name the columns {', '.join(_COLUMNS)}")
    found: list[Wanted] = []
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        device, text = (row.get("device") or "").strip(), (row.get("code") or "").strip()
        if not device or not text:
            raise UserError(f"{where}: device or code is missing")
        try:
            code = code_of(text, (row.get("confirmation") or "").strip(), trusted)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        found.append(Wanted(device, code))
    return _once(found, path)


def _once(found: Sequence[Wanted], path: Path) -> list[Wanted]:
    seen: set[tuple[str, str]] = set()
    for number, (_device, code) in enumerate(found, 1):
        key = code.server, code.matching_id
        if code.matching_id and key in seen:
            raise UserError(
                f"{path}: the activation code of row {number} is there twice; each is for one device"
            )
        seen.add(key)
    return list(found)
