"""Adds and changes integrations: checks them, makes and encrypts their secrets."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row

from landbridge.core.errors import UserError
from landbridge.core.names import checked, is_of, only
from landbridge.core.texts import _
from landbridge.db import audit, order
from landbridge.db.keys import Keyring
from landbridge.events import again
from landbridge.events.queries import outbox
from landbridge.features.devices import queries as devices
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations.kinds import KINDS
from landbridge.features.integrations.queries import Integration

_SECRET_BYTES = 32
_DAY_S = 86_400


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
    only_public: bool = False,
) -> bytes:
    """Add an integration; return its secret, empty if it has none. `only_public`: messages go to no host of
    the operator's own network. `UserError` says what is wrong with it."""
    if any(each.tenant == tenant for each in integrations.named(connection, checked(name, "integration"))):
        raise UserError(
            _("there is an integration {name} already; remove it, or choose another name", name=name), "name"
        )
    if kind not in KINDS:
        raise UserError(_("no kind {kind}; choose from {kinds}", kind=repr(kind), kinds=", ".join(KINDS)))
    if tenant is not None:
        checked(tenant, "tenant")
    wanted = _accepted(what, kind)
    _check_address(address, kind)
    secret = secrets.token_bytes(_SECRET_BYTES) if KINDS[kind].spelled else b""
    wrapped = keyring.wrap(secret, first=devices.are_none(connection)) if secret else None
    cursor = outbox.last(connection)
    made = Integration(0, name, kind, address, tenant, wanted, wrapped, cursor, only_public)
    integrations.add(connection, made, who, now_s)
    return secret


def change(
    connection: Connection,
    found: Integration,
    changes: Mapping[str, Any],
    now_s: int,
    by_tenant: bool = False,
) -> None:
    """Change `address` (`by_tenant`: of public hosts only), `what` it gets (empty: all that it accepts), or
    whether it is `paused`. `UserError` says what is wrong."""
    values = dict(changes)
    if "address" in values:
        _check_address(values["address"], found.kind)
        values["only_public"] = by_tenant
    if "what" in values:
        values["what"] = json.dumps(_accepted(values["what"], found.kind))
    integrations.change(connection, found.integration, values, now_s)


def _accepted(what: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return these kinds of messages, or all if there are none; `UserError` for one that is not accepted."""
    known = ", ".join(KINDS[kind].what)
    for each in what:
        if each not in KINDS[kind].what:
            named = {"kind": kind, "what": repr(each), "known": known}
            raise UserError(_("{kind} does not accept {what}; it accepts {known}", **named))
    return tuple(what) or KINDS[kind].what


def _check_address(address: str, kind: str) -> None:
    """`UserError` if nothing could ever be delivered there."""
    schemes = KINDS[kind].scheme
    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0  # one beyond 65535 is a ValueError
    except ValueError as error:
        why = _("{address} is not a valid address: {error}", address=repr(address), error=error)
        raise UserError(why, "address") from None
    if parts.scheme not in schemes or not (parts.hostname and has_port):
        why = _(
            "{address} is not an address for {kind}: it must begin with {schemes}",
            address=repr(address), kind=kind, schemes=" / ".join(f"{each}://" for each in schemes),
        )  # fmt: skip
        raise UserError(why, "address")
    if not (address.isascii() and address.isprintable()) or " " in address:
        why = _("{address}: write the host in ASCII (xn--...), and %20 for a space", address=repr(address))
        raise UserError(why, "address")
    if "@" in parts.netloc or parts.fragment:
        host = parts.hostname
        why = _(
            "the address of {host} has a user or a part after #, which is not sent: leave it out", host=host
        )
        raise UserError(why, "address")


def rotate(connection: Connection, keyring: Keyring, found: Integration) -> bytes:
    """Give a webhook a new secret; return it. Until `finish_rotation` its messages have a signature by each.
    `UserError` if it has none, or two already."""
    _require_webhook(found)
    name = found.name
    if found.wrapped_old_secret:
        raise UserError(
            _("{name} has two secrets; `landbridge integrations rotate {name} --finish` ends one", name=name)
        )
    secret = secrets.token_bytes(_SECRET_BYTES)
    wrapped = keyring.wrap(secret, first=False)
    integrations.set_secrets(connection, found.integration, wrapped, found.wrapped_secret)
    return secret


def finish_rotation(connection: Connection, found: Integration) -> None:
    """End the old secret of a webhook; `UserError` if it has one only."""
    _require_webhook(found)
    name = found.name
    if not (found.wrapped_old_secret and found.wrapped_secret):
        raise UserError(
            _("{name} has one secret; `landbridge integrations rotate {name}` makes a new one", name=name)
        )
    integrations.set_secrets(connection, found.integration, found.wrapped_secret, None)


def _require_webhook(found: Integration) -> None:
    if found.kind != "webhook":
        raise UserError(
            _(
                "{name} is not a webhook: only webhooks can have two secrets; to change it, remove it with"
                " its waiting messages, and add it again",
                name=found.name,
            )
        )


def remove(connection: Connection, found: Integration, who: str, now_s: int) -> None:
    """Remove an integration."""
    integrations.remove(connection, found.integration, who, now_s)
    outbox.remove_delivered(connection)


def discard(connection: Connection, found: Integration, device: str, who: str, now_s: int) -> int:
    """Discard the message of a device that an integration refuses; the following ones are sent at once.
    Returns its number; `UserError` if it refuses none."""
    name = found.name
    waits = next(
        (each for each in integrations.retries(connection, found.integration) if each.device == device), None
    )
    if waits is None:
        raise UserError(
            _(
                "{name} has refused no message of {device}; `landbridge integrations deliveries {name}` lists"
                " refused messages",
                name=name, device=device,
            )
        )  # fmt: skip
    following = waits._replace(message=waits.message + 1, attempts=0, next_s=now_s)
    integrations.keep_retry(connection, found.integration, following, waits)
    audit.add(
        connection,
        who,
        _(
            "message {number} of {device} discarded for {name}",
            number=waits.message,
            device=device,
            name=name,
        ),
        now_s,
        tenant=found.tenant,
    )
    return waits.message


def replay(
    connection: Connection, found: Integration, first: int, raw_days: int, who: str, now_s: int
) -> int:
    """Let an integration get its events and tracks from message `first` on again, in order and under their
    numbers; return how many. `UserError` if it has not got that far, or they are kept no longer."""
    name = found.name
    oldest = order.of_time(max(now_s - raw_days * _DAY_S, 0))
    if first > found.cursor:
        raise UserError(
            _(
                "{name} has not received message {first} yet and will receive it without a replay; its"
                " newest is {last}",
                name=name, first=first, last=found.cursor,
            ),
            "from",
        )  # fmt: skip
    if first < oldest:
        raise UserError(
            _(
                "message {first} is older than {days} days ([store] raw_days); the oldest kept is {oldest}",
                first=first, days=raw_days, oldest=oldest,
            ),
            "from",
        )  # fmt: skip
    last = max(found.cursor, found.replay_to or 0)
    integrations.go_back(connection, found.integration, first - 1, last)
    what = _("messages from {first} on replayed to {name}", first=first, name=name)
    audit.add(connection, who, what, now_s, tenant=found.tenant)
    return again.count(connection, found.tenant, found.what, (first, last))


def waiting(connection: Connection, row: Row[Any]) -> int:
    """Return how many messages an integration will get, those that are replayed included."""
    what, replay_to = json.loads(row.what), max(row.replay_to or 0, row.cursor)
    replayed = again.count(connection, row.tenant, what, (row.cursor + 1, replay_to))
    return replayed + outbox.waiting(connection, row.tenant, what, replay_to)


def known(connection: Connection, name: str, owner: str | None = None) -> Integration:
    """Return the integration of this name, of the tenant `owner` if given; `UserError` if there is none, or
    several tenants have one."""
    found = [each for each in integrations.named(connection, name) if is_of(each.tenant, owner)]
    if not found:
        raise UserError(_("no integration {name}; `landbridge integrations list` lists them", name=name))
    return only(found, name)
