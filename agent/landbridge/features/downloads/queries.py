"""Orders of profile downloads and of other tasks of a card, and what is known of eUICCs. Secrets are
encrypted here."""

import json
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from landbridge.core.clock import iso
from landbridge.core.texts import loaded
from landbridge.db.among import among_given
from landbridge.db.keys import Keyring
from landbridge.db.tables import downloads, eim, euicc_certificates, euiccs, sim_identities
from landbridge.features.downloads.coding import FIRST_POSTPONED, PIECE_BYTES

SECRETS = ("code", "request", "answer", "session", "package")
"""Kept encrypted, in columns of these names with `wrapped_` before them."""
WAITING = "waiting"
"""Stage of an order that begins in the first country whose policy prefers the profile."""
ORDERED, AUTHENTICATING, PREPARING, LOADING, CHECKING, CANCELLING = (
    "ordered", "authenticating", "preparing", "loading", "checking", "cancelling",
)  # fmt: skip
"""Stages: the last request to the device."""
ASSOCIATING, SIGNING, SWITCHING, REMOVING = "associating", "signing", "switching", "removing"
"""Stages of the tasks of an IoT eUICC (packages.py)."""
INSTALLED, DONE, FAILED, CANCELLED = "installed", "done", "failed", "cancelled"
"""Outcomes."""
ENABLED = "enabled"
DOWNLOAD, DELETE, RENAME = "download", "delete", "rename"
"""Tasks."""
ASSOCIATE, DISSOCIATE, ENABLE, DISABLE, LIST = "associate", "dissociate", "enable", "disable", "list"
"""Tasks of an IoT eUICC."""
_OPEN = downloads.c.outcome.is_(None)
_WITH_OPEN = (
    select(downloads.c.device)
    .distinct()
    .where(among_given(downloads.c.device), _OPEN, downloads.c.next_s <= bindparam("now_s"))
    .where(~downloads.c.answered, downloads.c.stage != SWITCHING)
)

_MANAGED = select(euiccs.c.device).where(
    among_given(euiccs.c.device), euiccs.c.eim_id == select(eim.c.eim_id).scalar_subquery()
)


def add(connection: Connection, **values: Any) -> int:
    """Add an order (columns of `downloads`); return its number."""
    row = {"stage": ORDERED, "changed_s": values["ordered_s"], **values}
    added = insert(downloads).values(**row).returning(downloads.c.download)
    return int(connection.execute(added).scalar_one())


def find(connection: Connection, download: int) -> Row[Any] | None:
    """Return an order."""
    return connection.execute(select(downloads).where(downloads.c.download == download)).one_or_none()


def of_device(connection: Connection, device: str) -> list[Row[Any]]:
    """Return all orders for a device, newest first."""
    mine = select(downloads).where(downloads.c.device == device)
    return list(connection.execute(mine.order_by(downloads.c.download.desc())))


def newest(connection: Connection, only_open: bool, before: int, limit: int) -> list[Row[Any]]:
    """Return the newest orders with numbers below `before`."""
    statement = select(downloads).where(downloads.c.download < before)
    statement = statement.where(_OPEN) if only_open else statement
    return list(connection.execute(statement.order_by(downloads.c.download.desc()).limit(limit)))


def every(connection: Connection) -> list[Row[Any]]:
    """Return all orders, oldest first."""
    return list(connection.execute(select(downloads).order_by(downloads.c.download)))


def on_card(connection: Connection, device: str) -> set[str]:
    """The ICCIDs of the profiles that were loaded onto the card and not deleted since."""
    found: set[str] = set()
    for row in reversed(of_device(connection, device)):
        if row.outcome == INSTALLED:
            found.add(row.iccid)
        elif row.task == DELETE and row.outcome == DONE:
            found.discard(row.iccid)
    return found


def waiting(connection: Connection, device: str) -> list[Row[Any]]:
    """The orders that wait for a country, the oldest first."""
    mine = select(downloads).where(downloads.c.device == device, _OPEN, downloads.c.stage == WAITING)
    return list(connection.execute(mine.order_by(downloads.c.download)))


def switching(connection: Connection, device: str) -> list[Row[Any]]:
    """The orders that wait for the outcome of a profile switch."""
    mine = downloads.c.device == device, downloads.c.stage == SWITCHING
    return list(connection.execute(select(downloads).where(_OPEN, *mine)))


def open_at(connection: Connection, server: str) -> list[Row[Any]]:
    """Return the open orders at a server."""
    return list(connection.execute(select(downloads).where(_OPEN, downloads.c.server == server)))


def open_of_trip(connection: Connection, device: str, trip: int) -> list[Row[Any]]:
    """Return the open orders of the tenant of a trip."""
    mine = downloads.c.device == device, downloads.c.trip == trip
    return list(connection.execute(select(downloads).where(_OPEN, *mine)))


def devices_with_open(connection: Connection, devices: Collection[str], now_s: int) -> set[str]:
    """Return the devices that must do something for an order."""
    return set(connection.execute(_WITH_OPEN, {"texts": list(devices), "now_s": now_s}).scalars())


def current(connection: Connection, device: str, now_s: int) -> Row[Any] | None:
    """The order that a device works on: the oldest that is open and not put off."""
    idle = downloads.c.stage.in_((WAITING, SWITCHING))
    mine = select(downloads).where(downloads.c.device == device, _OPEN, ~idle)
    due = mine.where(downloads.c.answered | (downloads.c.next_s <= now_s))
    return connection.execute(due.order_by(downloads.c.download).limit(1)).one_or_none()


def to_go_on(connection: Connection, now_s: int, most: int) -> list[int]:
    """Return the orders that wait for the agent."""
    waiting = select(downloads.c.download).where(_OPEN, downloads.c.answered, downloads.c.next_s <= now_s)
    return list(connection.execute(waiting.order_by(downloads.c.next_s).limit(most)).scalars())


def begin(connection: Connection, row: Row[Any], now_s: int) -> None:
    """An order that has waited for its country is the device's to do."""
    values = {"stage": ORDERED, "step": max(row.step + 1, now_s), "changed_s": now_s}
    connection.execute(update(downloads).where(downloads.c.download == row.download).values(**values))


def change(connection: Connection, keyring: Keyring, download: int, values: Mapping[str, Any]) -> None:
    """Change columns of an order; SECRETS by their plain names, None empties them."""
    row = {
        f"wrapped_{name}" if name in SECRETS else name: keyring.wrap(value, first=False)
        if name in SECRETS and value is not None
        else value
        for name, value in values.items()
    }
    connection.execute(update(downloads).where(downloads.c.download == download).values(**row))


def end(connection: Connection, download: int, outcome: str, problem: str | None, now_s: int) -> None:
    """End an order and remove its secrets. `problem` as `texts.stored` makes it."""
    empty = dict.fromkeys((f"wrapped_{name}" for name in SECRETS), None)
    ended = {"outcome": outcome, "problem": problem, "ended_s": now_s, "changed_s": now_s, "answered": False}
    connection.execute(update(downloads).where(downloads.c.download == download).values(**empty, **ended))


def secret(keyring: Keyring, row: Row[Any], name: str) -> bytes:
    """Return one of the SECRETS of an order; empty if it has none."""
    wrapped = getattr(row, f"wrapped_{name}")
    return keyring.unwrap(wrapped) if wrapped else b""


def free_bytes(connection: Connection, device: str, eid: str | None) -> int | None:
    """Return the card's free memory for profiles as last reported; None if unknown. Without an `eid`: of the
    card that had the last download, because a device without a policy does not report its card."""
    mine = [downloads.c.device == device, downloads.c.free_bytes.is_not(None)]
    mine += [downloads.c.eid == eid] if eid else []
    newest = select(downloads.c.free_bytes).where(*mine).order_by(downloads.c.changed_s.desc())
    return connection.execute(newest.limit(1)).scalar()


def learn(connection: Connection, eid: str, euicc: bytes, maker: bytes) -> None:
    """Store the certificates of a card."""
    values = {"euicc": euicc, "maker": maker}
    statement = upsert(euicc_certificates).values(eid=eid, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["eid"], set_=values))


def certificates(connection: Connection, eid: str | None) -> Row[Any] | None:
    """Return (eid, euicc, maker) of a card; None if unknown."""
    return connection.execute(select(euicc_certificates).where(euicc_certificates.c.eid == eid)).one_or_none()


class Manager(NamedTuple):
    """The agent as remote manager of IoT eUICCs."""

    eim_id: str
    key: ec.EllipticCurvePrivateKey


def manager(connection: Connection, keyring: Keyring, now_s: int) -> Manager:
    """Return the agent's id and key as a manager; they are made the first time."""
    row = connection.execute(select(eim)).one_or_none()
    if row is None:
        row = _made(connection, keyring, now_s)
    key = load_der_private_key(keyring.unwrap(row.wrapped_key), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Manager(row.eim_id, key)


def _made(connection: Connection, keyring: Keyring, now_s: int) -> Row[Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    row = {
        "eim_id": f"landbridge-{sha256(public).hexdigest()[:16]}",
        "wrapped_key": keyring.wrap(private, first=False),
        "made_s": now_s,
    }
    connection.execute(insert(eim).values(**row))
    return connection.execute(select(eim)).one()


def keep_euicc(connection: Connection, eid: str, values: Mapping[str, Any]) -> bool:
    """Store a card's data, columns of `euiccs`; return False and store nothing if another device has the
    card, unless this one has proved later (`proved_s`) that the card is there."""
    statement = upsert(euiccs).values(eid=eid, **values)
    is_later = func.coalesce(euiccs.c.proved_s, 0) < values.get("proved_s", 0)
    is_mine = (euiccs.c.device == values["device"]) | is_later
    stored = statement.on_conflict_do_update(index_elements=["eid"], set_=dict(values), where=is_mine)
    return connection.execute(stored.returning(euiccs.c.eid)).one_or_none() is not None


def part_euicc(connection: Connection, eid: str, device: str) -> None:
    """The card is not in the device any more."""
    connection.execute(delete(euiccs).where(euiccs.c.eid == eid, euiccs.c.device == device))


def euicc(connection: Connection, eid: str | None) -> Row[Any] | None:
    """Return the stored data of a card, or None."""
    return connection.execute(select(euiccs).where(euiccs.c.eid == eid)).one_or_none()


def euicc_of(connection: Connection, device: str) -> Row[Any] | None:
    """Return the card that has answered last in a device; None: none has."""
    mine = select(euiccs).where(euiccs.c.device == device).order_by(euiccs.c.reported_s.desc())
    return connection.execute(mine.limit(1)).one_or_none()


def associated(connection: Connection, device: str) -> Row[Any] | None:
    """Return the card of a device if it obeys the agent; else None."""
    card = euicc_of(connection, device)
    mine = connection.execute(select(eim.c.eim_id)).scalar_one_or_none()
    return card if card is not None and card.eim_id is not None and card.eim_id == mine else None


def devices_managed(connection: Connection, devices: Collection[str]) -> set[str]:
    """Return the devices with a card that obeys the agent."""
    return set(connection.execute(_MANAGED, {"texts": list(devices)}).scalars())


def shown_euicc(connection: Connection, device: str) -> dict[str, Any] | None:
    """Return the card of a device for people and the API; None if it has not reported its type."""
    card = euicc_of(connection, device)
    if card is None:
        return None
    listed = json.loads(card.profiles) if card.profiles else None
    return {
        "eid": card.eid,
        "kind": "iot" if card.iot else "consumer",
        "manager": card.eim_id,
        "associated": associated(connection, device) is not None,
        "counter": card.counter if card.eim_id else None,
        "reported": iso(card.reported_s),
        "proved": card.proved_s and iso(card.proved_s),
        "profiles": listed and [dict(zip(_LISTED, each, strict=True)) for each in listed],
    }


_LISTED = ("iccid", "name", "enabled", "fallback", "may_fall_back")


def imei(connection: Connection, device: str) -> str:
    """Return the modem's IMEI as last reported; empty if unknown."""
    mine = select(sim_identities.c.imei).where(sim_identities.c.device == device)
    found = connection.execute(mine.order_by(sim_identities.c.identity.desc()).limit(1)).scalar()
    return found or ""


def shown(connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Return orders for people and the API, without secrets."""
    return [_shown(connection, row) for row in rows]


def _shown(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    why = loaded(row.problem) if row.problem else None
    is_postponed = row.outcome is None and row.reason >= FIRST_POSTPONED
    return {
        "download": row.download,
        "device": row.device,
        "task": row.task,
        "server": row.server or None,
        "by": row.ordered_by,
        "ordered": iso(row.ordered_s),
        "changed": iso(row.changed_s),
        "state": state(connection, row),
        "loaded": _pieces(row.pulled) if row.stage == LOADING else None,
        "pieces": _pieces(row.package_bytes) if row.stage == LOADING else None,
        "enable": row.then_enable,
        "iccid": row.iccid,
        "profile": row.profile,
        "provider": row.provider,
        "problem": None if is_postponed else why,
        "postponed": why if is_postponed else None,
        "refusal": row.refusal,
        "open": row.outcome is None,
    }


def _pieces(size: int) -> int:
    return -(-size // PIECE_BYTES)


def state(connection: Connection, row: Row[Any]) -> str:
    """Return the progress of an order; `enabled` when the device has used the profile since."""
    if row.outcome == INSTALLED:
        return ENABLED if _was_used(connection, row) else INSTALLED
    return str(row.outcome or row.stage)


def _was_used(connection: Connection, row: Row[Any]) -> bool:
    used = sim_identities.c.device == row.device, sim_identities.c.iccid == row.iccid
    since = select(func.count()).where(*used, sim_identities.c.seen_s >= row.ended_s)
    return connection.execute(since).scalar_one() > 0
