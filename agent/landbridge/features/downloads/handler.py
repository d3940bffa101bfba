"""Downlink handler of downloads: requests for the card, packages in pieces, and the answers of devices;
notifications that the server has are removed from the card."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import from_epoch_s
from landbridge.core.texts import _, stored
from landbridge.db import audit
from landbridge.db.keys import lent
from landbridge.features.downloads import (
    arrivals,
    es10,
    notices,
    packages,
    postponed,
    progress,
    steps,
    switches,
)
from landbridge.features.downloads import coding as wire
from landbridge.features.downloads import queries as downloads
from landbridge.features.esim.queries import notifications
from landbridge.features.trips import queries as trips
from landbridge.protocol import der
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink

_OF_SESSION = (downloads.AUTHENTICATING, downloads.PREPARING, downloads.CANCELLING)
"""Stages of a session that the device may have lost: their requests are sent only in answer to the device's
own."""
_WITHOUT_SESSION = (downloads.ORDERED, downloads.CHECKING)
"""Stages that a device may put off."""


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store the card's answers, the progress of a package, and what has become of a switch."""
    if switches.REPORT_KEY in uplink.reports:
        switches.settle(connection, device, now_s)
    if wire.ANSWER_KEY in uplink.reports:
        answer = wire.decode_answer(uplink.reports[wire.ANSWER_KEY])
        if answer.download:
            _answered(connection, device, answer, now_s)
        else:
            _of_notification(connection, device, answer, now_s)
    if wire.PULL_KEY in uplink.reports:
        pull = wire.decode_pull(uplink.reports[wire.PULL_KEY])
        row = _mine(connection, device, pull.download)
        if row is not None and _waits_for(row, pull.step) and pull.offset <= row.package_bytes:
            values = {"pulled": min(pull.offset + wire.PIECE_BYTES, row.package_bytes), "changed_s": now_s}
            downloads.change(connection, lent(connection), row.download, {**values, "reason": wire.DONE})


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices for which there is a request for the card."""
    names = uplinks.keys()
    waiting = downloads.devices_with_open(connection, names, now_s)
    waiting |= downloads.devices_managed(connection, names)
    return waiting | notifications.devices_with_posted(connection, names)


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """Return the next request, the package or a piece of it; else the removal of a notification."""
    spoken = _spoken_of(uplink)
    if spoken and _is_refusal(uplink):
        return wire.wait(*spoken, wire.OVER)
    row = downloads.current(connection, device, now_s) or arrivals.begin(connection, device, now_s)
    if spoken and (row is None or row.download != spoken[0]):
        if row is None:
            return wire.wait(*spoken, wire.OVER)
        spoken = None
    if row is not None and (found := _next(connection, row, uplink, spoken is not None, now_s)):
        return found
    return {} if spoken else _removal(connection, device)


def on_trip_end(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """Cancel the open orders of the trip's tenant."""
    for row in downloads.open_of_trip(connection, device, trip):
        downloads.end(connection, row.download, downloads.CANCELLED, stored(_("the trip has ended")), now_s)
        audit.add(
            connection,
            trips.END,
            _("download {number} cancelled", number=row.download),
            now_s,
            device,
        )


def _mine(connection: Connection, device: str, download: int) -> Row[Any] | None:
    row = downloads.find(connection, download)
    return row if row is not None and row.device == device else None


def _waits_for(row: Row[Any], step: int) -> bool:
    return row.outcome is None and not row.answered and row.step == step


def _answered(connection: Connection, device: str, answer: wire.Answer, now_s: int) -> None:
    row = _mine(connection, device, answer.download)
    if row is None or answer.asks:
        return
    if not _waits_for(row, answer.step):
        _late(connection, row, answer, now_s)
        return
    if row.stage == downloads.LOADING and answer.reason == wire.DONE:
        keyring = lent(connection)
        order = progress.opened(connection, keyring, row, from_epoch_s(now_s))
        progress.apply(connection, keyring, row, steps.loaded(replace(order, answer=answer.content)), now_s)
        return
    if answer.reason >= wire.FIRST_POSTPONED and row.stage in _WITHOUT_SESSION:
        postponed.refuse(connection, row, answer.reason, now_s)
        return
    values = {"answer": answer.content, "answered": True, "reason": answer.reason, "postponed": 0}
    downloads.change(connection, lent(connection), row.download, {**values, "changed_s": now_s, "next_s": 0})


def _late(connection: Connection, row: Row[Any], answer: wire.Answer, now_s: int) -> None:
    """Store the result of an installation whose order has ended meanwhile."""
    is_over = row.outcome in (downloads.CANCELLED, downloads.FAILED)
    if not is_over or answer.content[:2] != es10.RESULT.to_bytes(2, "big"):
        return
    try:
        result = es10.installed(answer.content)
    except der.DerError as error:
        raise WireError(f"download: the result of an installation: {error}") from None
    notices.keep_result(connection, row.device, row.eid, answer.content, now_s)
    if result.error is None and result.iccid == row.iccid:
        why = stored(_("installed although the order had ended"))
        downloads.end(connection, row.download, downloads.INSTALLED, why, now_s)
        arrivals.installed(connection, row, row.iccid, None, now_s)


def _spoken_of(uplink: Uplink) -> tuple[int, int] | None:
    """Return the (download, step) that the uplink names."""
    for key in (wire.ANSWER_KEY, wire.PULL_KEY):
        item = uplink.reports.get(key)
        if type(item) is list and len(item) > 1 and all(type(each) is int and each > 0 for each in item[:2]):
            return item[0], item[1]
    return None


def _next(connection: Connection, row: Row[Any], uplink: Uplink, asks: bool, now_s: int) -> Mapping[int, Any]:
    """Return what the device must do for its order."""
    if row.answered:
        return wire.wait(row.download, row.step, _wait(row, now_s)) if asks else {}
    if not postponed.is_over(connection, row, now_s):
        return {}
    if row.stage == downloads.LOADING:
        return _package(connection, row, uplink)
    if row.stage in _OF_SESSION and not asks:
        return wire.wait(row.download, row.step, 1)
    requests = downloads.secret(lent(connection), row, "request") or packages.first(row.task)
    return wire.request(row.download, row.step, requests)


def _wait(row: Row[Any], now_s: int) -> int:
    """Return the quarter seconds after which a device repeats its request: more while the server does not
    answer."""
    if 4 * (row.next_s - now_s) > wire.LONGEST_WAIT:
        return wire.OVER
    wanted = max(row.next_s - now_s, now_s - row.changed_s)
    return int(min(max(4 * wanted, wire.WAIT), wire.LONGEST_WAIT))


def _is_refusal(uplink: Uplink) -> bool:
    """Whether the uplink reports that the device cannot begin yet: then there are no other requests."""
    item = uplink.reports.get(wire.ANSWER_KEY)
    return item is not None and wire.decode_answer(item).reason >= wire.FIRST_POSTPONED


def _package(connection: Connection, row: Row[Any], uplink: Uplink) -> Mapping[int, Any]:
    try:
        pull = wire.decode_pull(uplink.reports.get(wire.PULL_KEY))
    except WireError:
        pull = None
    if pull is None or pull[:2] != (row.download, row.step):
        return wire.offer(row.download, row.step, row.package_bytes, row.package_digest, row.segments)
    return wire.piece(pull, downloads.secret(lent(connection), row, "package"))


def _removal(connection: Connection, device: str) -> Mapping[int, Any]:
    """Return the notification that the device must remove or send whole."""
    row = notifications.to_ask(connection, device)
    if row is None:
        return {}
    requests = es10.retrieve(row.seq) if row.wants_whole else es10.remove(row.seq)
    return wire.request(0, row.notification, requests)


def _of_notification(connection: Connection, device: str, answer: wire.Answer, now_s: int) -> None:
    """Store the card's answer about a notification."""
    row = notifications.find(connection, answer.step)
    if row is None or row.device != device or answer.reason != wire.DONE or answer.asks:
        return
    try:
        is_removed = der.single(answer.content).tag == es10.SENT
        whole = None if is_removed else es10.retrieved(answer.content)
    except der.DerError as error:
        raise WireError(f"download: an answer about a notification: {error}") from None
    if whole and row.wants_whole:
        sizes = {"content": whole, "total": len(whole)}
        notifications.change(connection, row.notification, **sizes, wants_whole=False, next_s=0)
    elif not whole:
        gone = {"posted_s": row.posted_s or now_s, "wants_whole": False}
        notifications.change(connection, row.notification, removed_s=now_s, **gone)
