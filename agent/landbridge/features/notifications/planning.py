"""Applies the rules of channels to published events: schedules notifications and cancels those that are out
of date."""

import json
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import from_iso
from landbridge.events.queries import events as published
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications import rules
from landbridge.features.notifications.queries import Channel
from landbridge.features.notifications.rules import RAISED, Rule

BATCH = 500
_ENDS = ("alarm-cleared", "alarm-acknowledged")
_ESCALATION = "escalation"


def plan(connection: Connection, channel: Channel, now_s: int) -> bool:
    """Apply the rules of a channel to the next events; False when there was none. The place among the events
    is moved on in the same transaction, so that none is left out or taken twice."""
    found = stored.new_events(connection, channel.cursor, channel.tenant, BATCH)
    upto = found[-1].event if found else published.newest(connection)
    if upto <= channel.cursor or not stored.advance(connection, channel, upto):
        return False
    known = [rule_of(each) for each in stored.rules(connection, channel.channel)]
    # Of a name, the tenant's own channel comes before that of the operator.
    every = sorted(stored.channels(connection), key=lambda each: each.tenant is not None)
    names = {each.name: each for each in every if each.tenant in (channel.tenant, None)}
    for row in found:
        _Planned(connection, channel, names, known, now_s).take(row)
    return bool(found)


def rule_of(content: dict[str, Any]) -> Rule:
    """Return a rule as the database has it."""
    return Rule(**content | {"kinds": tuple(content["kinds"])})


def weekly(connection: Connection, channel: Channel) -> dict[str, Rule]:
    """Return the rules of a channel that make weekly digests, by name."""
    known = (rule_of(each) for each in stored.rules(connection, channel.channel))
    return {each.name: each for each in known if each.digest == "week"}


def postponed_s(
    connection: Connection, channel: Channel, row: Row[Any], digests: dict[str, Rule], now_s: int
) -> int | None:
    """Return until when a notification waits because its container has had its messages of the week; None:
    not at all. `digests` are the weekly ones: the one before closed the week before, and does not count."""
    most: int | None = row.most_a_week
    if most is None or row.device is None:
        return None
    digest = digests.get(row.rule)
    times = stored.sent_times(connection, channel.channel, row.device, now_s, digest and digest.name)
    if len(times) < most:
        return None
    if digest is not None:
        return rules.due_s(digest, now_s, now_s, channel.zone)
    return times[-most] + stored.WEEK_S


class _Planned:
    """The effect of events on one channel."""

    def __init__(
        self,
        connection: Connection,
        channel: Channel,
        names: dict[str, Channel],
        known: list[Rule],
        now_s: int,
    ) -> None:
        self._connection, self._channel, self._names = connection, channel, names
        self._rules, self._now_s = known, now_s

    def take(self, row: Row[Any]) -> None:
        """Take one event."""
        event = json.loads(row.content)
        if row.type == "retraction":
            for channel in (self._channel, *self._targets()):
                stored.withdraw_event(self._connection, channel.channel, event["retracts"])
            return
        if row.type in _ENDS and not (
            row.type == "alarm-cleared" and stored.became_quiet(self._connection, event["number"])
        ):
            self._end(event)
        trip = {"tenant": row.tenant, "tags": json.loads(row.tags or "[]"), "route": row.route}
        rule = rules.first_fit(self._rules, event, trip)
        if rule is not None and self._is_news(row.type, event):
            self._put(row, event, rule)

    def _end(self, event: dict[str, Any]) -> None:
        """An alarm that is over, or that a user handles, needs no notification. A weekly digest says what
        happened: it keeps what is over, if it lasted."""
        connection, alarm = self._connection, event["number"]
        kept = self._kept(event) if event["state"] == "cleared" else []
        stored.end(connection, self._channel.channel, alarm, kept, event["cleared"])
        stored.withdraw_alarm(connection, self._channel.channel, alarm, but=kept)
        for channel in self._targets():
            stored.withdraw_alarm(connection, channel.channel, alarm, only=_ESCALATION)

    def _kept(self, event: dict[str, Any]) -> list[str]:
        lasted_s = from_iso(event["cleared"]) - from_iso(event["since"])
        return [each.name for each in self._rules if each.digest == "week" and lasted_s >= each.least_s]

    def _targets(self) -> list[Channel]:
        """Return the channels to which this one escalates."""
        named = {each.escalate_to for each in self._rules}
        return [channel for name, channel in self._names.items() if name in named]

    def _is_news(self, kind: str, event: dict[str, Any]) -> bool:
        """Those who were notified of an alarm are notified of its end."""
        return kind != "alarm-cleared" or stored.was_sent(
            self._connection, self._channel.channel, event["number"]
        )

    def _put(self, row: Row[Any], event: dict[str, Any], rule: Rule) -> None:
        began_s = from_iso(event["since"]) if row.type == RAISED else row.at_s or self._now_s
        due_s = rules.due_s(rule, began_s, self._now_s, self._channel.zone)
        values = {
            "event": row.id,
            "alarm": event["number"] if row.type == RAISED else None,
            "device": row.device,
            "tenant": row.tenant,
            "content": row.content,
        }
        mine = {"id": f"{self._channel.channel}/{row.id}", "channel": self._channel.channel, "due_s": due_s}
        mine |= {"rule": rule.name, "is_digest": rule.digest is not None, "most_a_week": rule.most_a_week}
        stored.plan(self._connection, values | mine, self._now_s)
        target = self._names.get(rule.escalate_to or "")
        if target is not None and row.type == RAISED:
            later = {"id": f"{target.channel}/{row.id}/{_ESCALATION}", "channel": target.channel}
            later |= {"rule": _ESCALATION, "is_digest": False, "most_a_week": None}
            later |= {"due_s": due_s + (rule.escalate_s or 0)}
            stored.plan(self._connection, values | later, self._now_s)
