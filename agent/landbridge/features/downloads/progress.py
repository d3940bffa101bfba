"""Opens a stored order for its next step, and stores the result."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

import cbor2
from sqlalchemy import Connection, Row

from landbridge.core.clock import to_epoch_s
from landbridge.core.errors import UserError
from landbridge.core.texts import _, stored
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.features.downloads import activation, arrivals, notices, packages, rules
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads.orders import Next, Order, Remote
from landbridge.features.esim.queries import policies

_log = logging.getLogger(__name__)


def opened(connection: Connection, keyring: Keyring, row: Row[Any], now: datetime) -> Order:
    """Return an order that the device has answered, with its secrets."""
    found = {name: downloads.secret(keyring, row, name) for name in downloads.SECRETS}
    code = activation.restored(found["code"]) if found["code"] else None
    session = cbor2.loads(found["session"]) if found["session"] else {}
    imei = downloads.imei(connection, row.device)
    order = Order(row, code, found["request"], found["answer"], session, imei, now)
    return replace(order, remote=_remote(connection, keyring, order)) if packages.is_mine(order) else order


def _remote(connection: Connection, keyring: Keyring, order: Order) -> Remote:
    """Return the agent's data as the manager of the card."""
    row = order.row
    card, known = downloads.euicc(connection, row.eid), downloads.certificates(connection, row.eid)
    desired, used = policies.desired(connection, row.device), policies.used(connection, row.device)
    return Remote(
        downloads.manager(connection, keyring, to_epoch_s(order.now)),
        card.counter if card else 0,
        (known.euicc, known.maker) if known else None,
        desired.policy.profiles[desired.policy.fallback].iccid if desired else "",
        used or "",
        card.device if card and card.device != row.device else "",
    )


def apply(connection: Connection, keyring: Keyring, row: Row[Any], come: Next, now_s: int) -> None:
    """Store what follows from a step of an order."""
    values = {**come.values, "changed_s": now_s}
    if values.get("problem"):
        values["problem"] = stored(values["problem"])
    downloads.change(connection, keyring, row.download, values)
    if come.learned:
        downloads.learn(connection, *come.learned)
    _keep_card(connection, row, come, now_s)
    for each in come.results:
        notices.keep_result(connection, row.device, row.eid, each, now_s)
    if come.switch_to:
        _switch(connection, row, come.switch_to, now_s)
    if come.outcome:
        iccid = come.values.get("iccid", row.iccid)
        problem = come.problem
        if come.outcome == downloads.INSTALLED:
            problem = _installed(connection, row, iccid, now_s) or problem
        downloads.end(connection, row.download, come.outcome, stored(problem) if problem else None, now_s)


def _keep_card(connection: Connection, row: Row[Any], come: Next, now_s: int) -> None:
    """Store what is known of the card from now on. One that another device has is believed only when it has
    signed."""
    if come.is_gone:
        downloads.part_euicc(connection, row.eid, row.device)
    eid = come.values.get("eid") or row.eid
    if come.euicc is None or not eid:
        return
    seen = {"device": row.device, "reported_s": now_s, "iot": True}
    seen |= {"proved_s": come.proved_s} if come.proved_s else {}
    before = downloads.euicc(connection, eid)
    if not downloads.keep_euicc(connection, eid, {**seen, **come.euicc}):
        _log.warning(
            "%s reports the card %s of %s: ignored until the card proves it",
            row.device,
            eid,
            before and before.device,
        )
    elif before is not None and before.device != row.device:
        what = _(
            "card {eid} is in {device} now; it was in {before}",
            eid=eid,
            device=row.device,
            before=before.device,
        )
        audit.add(connection, policies.AGENT, what, now_s, row.device)
        audit.add(connection, policies.AGENT, what, now_s, before.device)


def _installed(connection: Connection, row: Row[Any], iccid: str, now_s: int) -> str | None:
    """Have the new profile enabled if that was requested: by a signed package on a card that requires it,
    there also if the policy has awaited it. Return why it cannot be enabled, or None."""
    who = row.ordered_by if row.then_enable else None
    if downloads.associated(connection, row.device) is None:
        return arrivals.installed(connection, row, iccid, who, now_s)
    desired = policies.desired(connection, row.device)
    named = desired.policy.profiles.values() if desired else ()
    is_awaited = any(each.iccid == iccid and each.awaited for each in named) and not _is_chosen(desired)
    why = arrivals.installed(connection, row, iccid, None, now_s)
    if who is None and not is_awaited:
        return why
    try:
        if who is None:
            arrivals.give(connection, row.device, iccid, now_s)
        else:
            rules.enable(connection, row.device, iccid, who, now_s, row.trip)
    except UserError as error:
        return _("installed, not enabled: {why}", why=str(error))
    return why


def _is_chosen(desired: policies.Desired | None) -> bool:
    """Whether a user has chosen a profile, so that the policy does not decide."""
    return desired is not None and desired.profile in desired.policy.profiles


def _switch(connection: Connection, row: Row[Any], iccid: str, now_s: int) -> None:
    """The device has the package: from now on the profile is the desired one."""
    why = arrivals.wanted(connection, row, iccid, row.ordered_by, now_s)
    if why:
        downloads.end(connection, row.download, downloads.FAILED, stored(why), now_s)
