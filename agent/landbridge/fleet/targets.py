"""Targets as people name them: checked, their secrets made and wrapped."""

import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import Connection

from landbridge.errors import UserError
from landbridge.fleet.tokens import checked
from landbridge.outbound.kinds import KINDS
from landbridge.store import devices, targets
from landbridge.store.keys import Keyring
from landbridge.store.targets import Target

_SECRET_BYTES = 32


def add(
    connection: Connection,
    keyring: Keyring,
    name: str,
    kind: str,
    address: str,
    tenant: str | None,
    what: Sequence[str],
    who: str,
    now_s: int,
) -> bytes:
    """Add a target; returns its secret, empty if it has none. `UserError` says what is wrong with it."""
    if targets.named(connection, checked(name, "target")):
        raise UserError(f"there is a target {name}; `landbridge targets remove {name}` ends it")
    if kind not in KINDS:
        raise UserError(f"no kind {kind!r}; known are {', '.join(KINDS)}")
    if tenant is not None:
        checked(tenant, "tenant")
    known = KINDS[kind]
    for each in what:
        if each not in known.what:
            raise UserError(f"a {kind} takes no {each!r}; it takes {', '.join(known.what)}")
    parts = urlsplit(address)
    if parts.scheme not in known.scheme or not (
        parts.netloc if "http" in known.scheme else "@" in parts.path
    ):
        raise UserError(f"{address!r} is no address of a {kind}: it begins with {' or '.join(known.scheme)}:")
    secret = secrets.token_bytes(_SECRET_BYTES) if known.signs else b""
    wrapped = keyring.wrap(secret, first=not devices.every(connection)) if secret else None
    wanted = tuple(what) or known.what
    targets.add(connection, Target(0, name, kind, address, tenant, wanted, wrapped, 0), who, now_s)
    return secret


def remove(connection: Connection, name: str, who: str, now_s: int) -> None:
    """End a target; `UserError` if there is none."""
    targets.remove(connection, known(connection, name).target, who, now_s)


def known(connection: Connection, name: str) -> Target:
    """The target of this name; `UserError` if there is none."""
    found = targets.named(connection, name)
    if found is None:
        raise UserError(f"no target {name}; `landbridge targets list` shows those there are")
    return found
