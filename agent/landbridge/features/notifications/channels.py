"""Adds and changes channels and their rules, and sends tests."""

import json
import zoneinfo
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.names import checked, is_of, only
from landbridge.core.texts import _, catalogues
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.events.queries import events as published
from landbridge.features.devices import queries as devices
from landbridge.features.notifications import mail, rules, services
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.message import TEST
from landbridge.features.notifications.queries import Channel
from landbridge.features.notifications.rules import DEFAULT, Rule


def add(
    connection: Connection,
    keyring: Keyring,
    name: str,
    address: str,
    language: str,
    zone: str,
    tenant: str | None,
    who: str,
    now_s: int,
    only_mail: bool = False,
) -> Channel:
    """Add a channel with the default rules; it gets the events from now on. `address` may be a mailbox alone;
    with `only_mail` it must be one. `UserError` says what is wrong with it."""
    checked(name, "channel")
    if any((each.name, each.tenant) == (name, tenant) for each in stored.channels(connection)):
        raise UserError(
            _("there is a channel {name}; `landbridge notifications remove {name}` ends it", name=name),
            "name",
        )
    _check_language(language)
    if tenant is not None:
        checked(tenant, "tenant")
    _check_zone(zone)
    address, service = _checked_address(address, only_mail)
    wrapped = keyring.wrap(address.encode(), first=devices.are_none(connection))
    cursor = published.newest(connection)
    channel = Channel(0, name, service, wrapped, language, zone, tenant, cursor)
    number = stored.add(connection, channel, who, now_s)
    audit.add(connection, who, _("notification channel {name} added", name=name), now_s)
    for rule in DEFAULT:
        stored.put_rule(connection, number, rule._asdict(), is_first=False)
    return channel._replace(channel=number)


def change(
    connection: Connection, keyring: Keyring, channel: Channel, changes: Mapping[str, Any],
    only_mail: bool = False,
) -> None:  # fmt: skip
    """Change `address`, `language` or `zone` of a channel, or whether it is `paused`; `UserError` says what
    is wrong."""
    values = dict(changes)
    _check_language(values.get("language", channel.language))
    _check_zone(values.get("zone", channel.zone))
    if "address" in values:
        address, values["service"] = _checked_address(values.pop("address"), only_mail)
        values["wrapped_address"] = keyring.wrap(address.encode(), first=False)
    stored.change(connection, channel.channel, values)


def _checked_address(given: str, only_mail: bool) -> tuple[str, str]:
    """Return a complete address and what people see of it."""
    address = mail.address(given)
    if only_mail and not mail.is_mailbox(address):
        raise UserError(
            _("a tenant has channels by mail only; give a mailbox, such as dispatch@example.org"), "address"
        )
    return address, mail.mailbox(address) if mail.is_mailbox(address) else services.name(address)


def _check_language(language: str) -> None:
    if language not in catalogues():
        known_ones = ", ".join(catalogues())
        raise UserError(
            _("no language {name}; choose from {known}", name=language, known=known_ones), "language"
        )


def _check_zone(zone: str) -> None:
    try:
        zoneinfo.ZoneInfo(zone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise UserError(
            _("no time zone {zone}; write it like Asia/Shanghai", zone=repr(zone)), "zone"
        ) from None


def remove(connection: Connection, name: str, who: str, now_s: int, owner: str | None = None) -> None:
    """Remove a channel (`known`); `UserError` if there is none."""
    stored.remove(connection, known(connection, name, owner).channel, who, now_s)
    audit.add(connection, who, _("notification channel {name} removed", name=name), now_s)


def set_rule(
    connection: Connection,
    name: str,
    rule: Rule,
    is_first: bool,
    who: str,
    now_s: int,
    owner: str | None = None,
    by_tenant: bool = False,
) -> None:
    """Add a rule to a channel (`known`), or replace the one of its name. It escalates to channels of the same
    tenant, and unless it is set `by_tenant` also to those of the operator."""
    channel = known(connection, name, owner)
    checked(rule.name, "rule")
    if rule.escalate_to is not None:
        allowed = (channel.tenant,) if by_tenant else (channel.tenant, None)
        named = [each for each in stored.channels(connection) if each.name == rule.escalate_to]
        if not any(each.tenant in allowed for each in named):
            if named and not by_tenant:
                raise UserError(_("{name} is a channel of another tenant", name=rule.escalate_to), "to")
            raise _unknown(rule.escalate_to)
    stored.put_rule(connection, channel.channel, rules.check(rule)._asdict(), is_first)
    what = _("notification rule {rule} of {name} set", rule=rule.name, name=name)
    audit.add(connection, who, what, now_s)


def remove_rule(
    connection: Connection, name: str, rule: str, who: str, now_s: int, owner: str | None = None
) -> None:
    """Remove a rule of a channel (`known`); `UserError` if there is none."""
    if not stored.remove_rule(connection, known(connection, name, owner).channel, rule):
        raise UserError(
            _(
                "{name} has no rule {rule}; `landbridge notifications rules {name}` lists them",
                name=name,
                rule=rule,
            )
        )
    what = _("notification rule {rule} of {name} removed", rule=rule, name=name)
    audit.add(connection, who, what, now_s)


def test(connection: Connection, name: str, owner: str | None, who: str, now_s: int) -> None:
    """Send a test to a channel (`known`): it goes the way of all notifications."""
    channel = known(connection, name, owner)
    event = f"{TEST}/{now_s}"
    values = {"id": f"{channel.channel}/{event}", "channel": channel.channel, "event": event, "due_s": now_s}
    values |= {
        "rule": TEST,
        "is_digest": False,
        "content": json.dumps({"type": TEST}),
        "tenant": channel.tenant,
    }
    stored.plan(connection, values, now_s)
    audit.add(connection, who, _("test sent to notification channel {name}", name=name), now_s)


def known(connection: Connection, name: str, owner: str | None = None) -> Channel:
    """Return the channel of this name, of the tenant `owner` if given; `UserError` if there is none, or
    several tenants have one."""
    named = [each for each in stored.channels(connection) if each.name == name]
    found = [each for each in named if is_of(each.tenant, owner)]
    if not found:
        raise _unknown(name)
    return only(found, name)


def _unknown(name: str) -> UserError:
    return UserError(_("no channel {name}; `landbridge notifications list` lists them", name=name))
