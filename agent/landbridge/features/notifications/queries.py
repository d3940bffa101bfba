"""Channels, rules and notifications in the database."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from landbridge.core.names import AGENT
from landbridge.db import order
from landbridge.db.tables import (
    alarms,
    events,
    notification_channels,
    notification_rules,
    notifications,
    trips,
)

WAITING, SENDING, SENT, WITHDRAWN, FAILED = "waiting", "sending", "sent", "withdrawn", "failed"
WEEK_S = 7 * 86_400


class Channel(NamedTuple):
    """Where notifications go."""

    channel: int
    name: str
    service: str
    """The part of the address that is shown."""
    wrapped_address: bytes
    language: str
    zone: str
    tenant: str | None
    """The tenant whose events it gets; None: all."""
    cursor: int
    paused: bool = False
    """Its notifications wait."""


def add(connection: Connection, channel: Channel, who: str, now_s: int) -> int:
    """Add a channel, which gets the events after its cursor; return its number."""
    values = channel._asdict() | {"added_by": who, "added_s": now_s}
    del values["channel"]
    statement = insert(notification_channels).values(values).returning(notification_channels.c.channel)
    return int(connection.execute(statement).scalar_one())


def channels(connection: Connection, tenant: str | None = None) -> list[Channel]:
    """Return the channels (of one tenant; None: all), in order."""
    active = select(*(notification_channels.c[name] for name in Channel._fields)).where(
        notification_channels.c.removed_s.is_(None)
    )
    if tenant is not None:
        active = active.where(notification_channels.c.tenant == tenant)
    return [Channel(*row) for row in connection.execute(active.order_by(notification_channels.c.channel))]


def change(connection: Connection, channel: int, values: Mapping[str, Any]) -> None:
    """Change columns of a channel."""
    of_channel = notification_channels.c.channel == channel
    connection.execute(update(notification_channels).where(of_channel).values(**values))


def remove(connection: Connection, channel: int, who: str, now_s: int) -> None:
    """Remove a channel, and take back what waits for it."""
    of_channel = notification_channels.c.channel == channel
    connection.execute(
        update(notification_channels).where(of_channel).values(removed_by=who, removed_s=now_s)
    )
    of_it = notifications.c.channel == channel, notifications.c.state.in_((WAITING, SENDING))
    connection.execute(update(notifications).where(*of_it).values(state=WITHDRAWN))


def advance(connection: Connection, channel: Channel, cursor: int) -> bool:
    """Move the place of a channel among the events on; False if another agent has done it meanwhile."""
    unmoved = (
        notification_channels.c.channel == channel.channel,
        notification_channels.c.cursor == channel.cursor,
    )
    return (
        connection.execute(update(notification_channels).where(*unmoved).values(cursor=cursor)).rowcount == 1
    )


def rules(connection: Connection, channel: int) -> list[dict[str, Any]]:
    """Return the rules of a channel, in order."""
    of_channel = select(notification_rules).where(notification_rules.c.channel == channel)
    return [
        json.loads(row.content) for row in connection.execute(of_channel.order_by(notification_rules.c.place))
    ]


def put_rule(connection: Connection, channel: int, rule: dict[str, Any], is_first: bool) -> None:
    """Add a rule, or replace the one of its name; it becomes the first or the last one."""
    remove_rule(connection, channel, rule["name"])
    end = func.min if is_first else func.max
    place = connection.execute(
        select(func.coalesce(end(notification_rules.c.place), 0)).where(
            notification_rules.c.channel == channel
        )
    ).scalar_one() + (-1 if is_first else 1)
    values = {"channel": channel, "name": rule["name"], "place": place, "content": json.dumps(rule)}
    connection.execute(insert(notification_rules).values(values))


def remove_rule(connection: Connection, channel: int, name: str) -> bool:
    """Remove a rule; False if there is none."""
    of_name = notification_rules.c.channel == channel, notification_rules.c.name == name
    return connection.execute(delete(notification_rules).where(*of_name)).rowcount == 1


def new_events(connection: Connection, after: int, tenant: str | None, limit: int) -> Sequence[Row[Any]]:
    """Return the published events after that number, with tags and route of their trips."""
    columns = (events, trips.c.tags, trips.c.route)
    found = select(*columns).select_from(events.outerjoin(trips, events.c.trip == trips.c.trip))
    found = found.where(events.c.event > after)
    if tenant is not None:
        found = found.where(events.c.tenant == tenant)
    return connection.execute(found.order_by(events.c.event).limit(limit)).all()


def plan(connection: Connection, values: dict[str, Any], now_s: int) -> None:
    """Plan a notification, unless one with this id is under way or was sent; what was taken back is planned
    again, what waits says what is so now."""
    known = connection.execute(
        select(notifications.c.notification, notifications.c.state).where(notifications.c.id == values["id"])
    ).one_or_none()
    again = {"state": WAITING, "message": None, "made_s": now_s}
    if known is None:
        number = order.next_number(connection, _newest, now_s)
        connection.execute(insert(notifications).values(notification=number, **values, **again))
        return
    of_number = update(notifications).where(notifications.c.notification == known.notification)
    if known.state == WITHDRAWN:
        connection.execute(of_number.values(**values, **again))
    elif known.state == WAITING:
        connection.execute(of_number.values(content=values["content"]))


def _newest(connection: Connection) -> int:
    return int(
        connection.execute(select(func.coalesce(func.max(notifications.c.notification), 0))).scalar_one()
    )


def withdraw_alarm(
    connection: Connection, channel: int, alarm: int, but: Collection[str] = (), only: str | None = None
) -> None:
    """Take back what waits about an alarm, except by these rules, or only by that one."""
    of_rules = notifications.c.rule.not_in(but) if only is None else notifications.c.rule == only
    _withdraw(connection, channel, (notifications.c.alarm == alarm) & of_rules)


def end(connection: Connection, channel: int, alarm: int, rules: Collection[str], at: str | None) -> None:
    """Note in what waits about an alarm by these rules when it ended."""
    of_alarm = notifications.c.channel == channel, notifications.c.alarm == alarm
    waits = *of_alarm, notifications.c.rule.in_(rules), notifications.c.state == WAITING
    columns = notifications.c.notification, notifications.c.content
    for row in connection.execute(select(*columns).where(*waits)):
        ended = json.dumps(json.loads(row.content) | {"cleared": at})
        of_row = notifications.c.notification == row.notification
        connection.execute(update(notifications).where(of_row).values(content=ended))


def withdraw_event(connection: Connection, channel: int, event: str) -> None:
    """Take back what waits about an event."""
    _withdraw(connection, channel, notifications.c.event == event)


def _withdraw(connection: Connection, channel: int, about: Any) -> None:
    waits = about, notifications.c.channel == channel, notifications.c.state == WAITING
    connection.execute(update(notifications).where(*waits).values(state=WITHDRAWN))


def was_sent(connection: Connection, channel: int, alarm: int) -> bool:
    """Whether the channel has sent a notification of this alarm."""
    sent = notifications.c.channel == channel, notifications.c.alarm == alarm, notifications.c.state == SENT
    return connection.execute(select(notifications.c.notification).where(*sent)).first() is not None


def became_quiet(connection: Connection, alarm: int) -> bool:
    """Whether an alarm is over only because nothing more was heard: it happened all the same."""
    quiet = alarms.c.alarm == alarm, alarms.c.cleared_by == AGENT, alarms.c.cleared_event.is_(None)
    return connection.execute(select(alarms.c.alarm).where(*quiet)).first() is not None


def waiting(connection: Connection, channel: int, now_s: int) -> list[Row[Any]]:
    """Return what is due, what goes by itself first."""
    due = notifications.c.channel == channel, notifications.c.state == WAITING, notifications.c.due_s <= now_s
    in_order = notifications.c.is_digest, notifications.c.due_s, notifications.c.notification
    return list(connection.execute(select(notifications).where(*due).order_by(*in_order)))


def abandoned(connection: Connection, channel: int, now_s: int) -> list[Row[Any]]:
    """Return the rows of the oldest message whose sending was started and whose result is unknown."""
    begun = (
        notifications.c.channel == channel,
        notifications.c.state == SENDING,
        notifications.c.lease_until_s <= now_s,
    )
    oldest = select(func.min(notifications.c.message)).where(*begun).scalar_subquery()
    of_message = select(notifications).where(*begun, notifications.c.message == oldest)
    return list(connection.execute(of_message.order_by(notifications.c.notification)))


def has_work(connection: Connection, now_s: int) -> set[int]:
    """Return the channels for which something is due."""
    waits = (notifications.c.state == WAITING) & (notifications.c.due_s <= now_s)
    is_over = (notifications.c.state == SENDING) & (notifications.c.lease_until_s <= now_s)
    open_ones = notifications.c.state.in_((WAITING, SENDING))
    return set(
        connection.execute(select(notifications.c.channel).where(open_ones, waits | is_over)).scalars()
    )


def claim(connection: Connection, rows: Collection[Row[Any]], message: int, until_s: int) -> None:
    """Begin to send these rows as one message, and note it until then."""
    values = {"state": SENDING, "message": message, "lease_until_s": until_s}
    values["attempts"] = notifications.c.attempts + 1
    connection.execute(update(notifications).where(_are(rows)).values(values))


def finish(connection: Connection, rows: Collection[Row[Any]], state: str, answer: str, now_s: int) -> None:
    """Note the end of a message: sent, or failed permanently."""
    values = {"state": state, "answer": answer, "answered_s": now_s, "lease_until_s": None}
    connection.execute(update(notifications).where(_are(rows)).values(values))


def put_off(
    connection: Connection, rows: Collection[Row[Any]], answer: str, in_doubt: bool, now_s: int, next_s: int
) -> None:
    """Note why a message did not go. Its rows wait again; if it is `in_doubt` whether it went, they stay
    together under its number, by which a receiver recognises it."""
    values = {"answer": answer, "answered_s": now_s}
    more = {"lease_until_s": next_s} if in_doubt else {"state": WAITING, "message": None, "due_s": next_s}
    connection.execute(update(notifications).where(_are(rows)).values(values | more))


def postpone(connection: Connection, row: Row[Any], due_s: int) -> None:
    """Let a row wait until then."""
    of_row = notifications.c.notification == row.notification
    connection.execute(update(notifications).where(of_row).values(due_s=due_s))


def sent_times(
    connection: Connection, channel: int, device: str, now_s: int, but: str | None = None
) -> list[int]:
    """Return when messages about the device went to the channel within a week, the oldest first; those of the
    rule `but` are left out."""
    lately = notifications.c.answered_s > now_s - WEEK_S
    about = [notifications.c.channel == channel, notifications.c.device == device]
    if but is not None:
        about.append(notifications.c.rule != but)
    sent = notifications.c.state.in_((SENT, SENDING))
    times = select(func.max(func.coalesce(notifications.c.answered_s, now_s))).where(
        *about, sent, lately | (notifications.c.state == SENDING)
    )
    return sorted(connection.execute(times.group_by(notifications.c.message)).scalars())


def log(connection: Connection, tenant: str | None, before: int, limit: int) -> list[Row[Any]]:
    """Return the newest notifications with numbers below `before`, with their channels' names."""
    columns = (notifications, notification_channels.c.name.label("channel_name"))
    wanted = select(*columns).select_from(notifications.join(notification_channels))
    wanted = wanted.where(notifications.c.notification < before)
    if tenant is not None:
        wanted = wanted.where(notification_channels.c.tenant == tenant)
    return list(connection.execute(wanted.order_by(notifications.c.notification.desc()).limit(limit)))


def _are(rows: Collection[Row[Any]]) -> Any:
    return notifications.c.notification.in_([row.notification for row in rows])
