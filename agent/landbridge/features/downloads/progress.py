"""An order as it is stored, opened for its next step; and what follows from the step, stored."""

from datetime import datetime
from typing import Any

import cbor2
from sqlalchemy import Connection, Row

from landbridge.core.texts import stored
from landbridge.db.keys import Keyring
from landbridge.features.downloads import activation, arrivals, notices
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads.steps import Next, Order


def opened(connection: Connection, keyring: Keyring, row: Row[Any], now: datetime) -> Order:
    """Return an order that the device has answered, with its secrets."""
    found = {name: downloads.secret(keyring, row, name) for name in downloads.SECRETS}
    code = activation.restored(found["code"]) if found["code"] else None
    session = cbor2.loads(found["session"]) if found["session"] else {}
    imei = downloads.imei(connection, row.device)
    return Order(row, code, found["request"], found["answer"], session, imei, now)


def apply(connection: Connection, keyring: Keyring, row: Row[Any], come: Next, now_s: int) -> None:
    """Store what follows from a step of an order."""
    values = {**come.values, "changed_s": now_s}
    if values.get("problem"):
        values["problem"] = stored(values["problem"])
    downloads.change(connection, keyring, row.download, values)
    if come.learned:
        downloads.learn(connection, *come.learned)
    for each in come.results:
        notices.keep_result(connection, row.device, row.eid, each, now_s)
    if come.outcome:
        iccid = come.values.get("iccid", row.iccid)
        problem = come.problem
        if come.outcome == downloads.INSTALLED:
            who = row.ordered_by if row.then_enable else None
            problem = arrivals.installed(connection, row, iccid, who, now_s) or problem
        downloads.end(connection, row.download, come.outcome, stored(problem) if problem else None, now_s)
