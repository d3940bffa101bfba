"""Compares received notifications with the database."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from landbridge.db.tables import alarms, events, notification_channels, notifications
from landbridge.features.notifications.queries import FAILED, SENDING, SENT, WAITING
from sqlalchemy import Connection, select

_WEEK_S = 7 * 86_400
_MOST_A_WEEK = 2
_LONGEST_S = 60
_SINKS = ("mail", "apprise")
MONDAY_S = 2 * 86_400 + 7 * 3_600
"""A Monday at 07:00, when weekly digests are due."""
_DIGEST_DELAY_S = 86_400
"""A digest that comes so late still closes the week before."""
_ALARM = re.compile(r"Alarm: (\d+)")
_DEVICE = re.compile(r"Device: (\S+)")
Received = Sequence[Mapping[str, Any]]


def webhook_events(received: Received) -> set[int]:
    """Return the numbers of the events that the webhook got."""
    return {json.loads(each["text"])["event"] for each in received if each["sink"] == "webhook"}


def figures(connection: Connection, received: Received, published_s: Mapping[int, int]) -> dict[str, Any]:
    """Return what came, by kind, what was lost, what was sent twice, and how late."""
    names = {row.alarm: row.name for row in connection.execute(select(alarms.c.alarm, alarms.c.name))}
    shown = {sink: _shown(received, sink) for sink in _SINKS}
    sent = _sent(connection)
    lost = _of_alarms({sink: (sent[sink] | set(published_s)) - shown[sink].keys() for sink in _SINKS})
    lost += [f"never sent: {each}" for each in _stuck(connection)]
    lost += [f"webhook: event {each}" for each in _published(connection) - webhook_events(received)]
    unexpected = _of_alarms({sink: shown[sink].keys() - sent[sink] for sink in _SINKS})
    twice = _of_alarms({sink: {each for each, ids in shown[sink].items() if len(ids) > 1} for sink in _SINKS})
    twice += _twice_by_webhook(received)
    ids = Counter((each["sink"], each["id"]) for each in received)
    weeks = weeks_of(received)
    late = [
        min(ids.values()) - published_s[alarm]
        for sink in _SINKS
        for alarm, ids in shown[sink].items()
        if alarm in published_s
    ]
    return {
        "messages": dict(sorted(Counter(sink for sink, _ in ids).items())),
        "alarms_by_kind": dict(sorted(Counter(names[each] for each in shown["mail"]).items())),
        "alarms_raised": len(names),
        "messages_a_container_and_week": max(sum(week) for week in weeks.values()),
        "messages_in_any_seven_days": max(_most_in_seven_days(received, sink) for sink in _SINKS),
        "weeks": len(weeks),
        "weeks_over_by_critical_alarms": sum(week.critical > _MOST_A_WEEK for week in weeks.values()),
        "weeks_over_by_others": [
            f"{device} by {sink}: {week.critical} critical, {week.other} other"
            for (sink, device, _), week in weeks.items()
            if week.other > max(_MOST_A_WEEK - week.critical, 0)
        ],
        "critical": len(published_s),
        "slowest_critical_s": max(late, default=0),
        "repeated_and_recognised": sum(count - 1 for count in ids.values()),
        "states": dict(Counter(connection.execute(select(notifications.c.state)).scalars())),
        "lost": sorted(lost),
        "unexpected": sorted(unexpected),
        "twice": sorted(twice),
    }  # fmt: skip


def _of_alarms(by_sink: Mapping[str, Set[int]]) -> list[str]:
    return [f"{sink}: alarm {each}" for sink, numbers in by_sink.items() for each in numbers]


def _shown(received: Received, sink: str) -> dict[int, dict[str, int]]:
    """Return, of each alarm, the numbers of the messages about it, with the time of each."""
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for each in received:
        for alarm in _ALARM.findall(each["text"]) if each["sink"] == sink else ():
            found[int(alarm)].setdefault(each["id"], each["at_s"])
    return dict(found)


def _sent(connection: Connection) -> dict[str, set[int]]:
    """Return the alarms that were sent, by channel, as the agent has it."""
    joined = notifications.join(notification_channels)
    rows = connection.execute(
        select(notification_channels.c.name, notifications.c.alarm)
        .select_from(joined)
        .where(notifications.c.state == SENT)
    )
    found: dict[str, set[int]] = {sink: set() for sink in _SINKS}
    for name, alarm in rows:
        found[name].add(alarm)
    return found


def _stuck(connection: Connection) -> list[str]:
    """Return what should have been sent by now."""
    states = notifications.c.state.in_((WAITING, SENDING, FAILED))
    return list(connection.execute(select(notifications.c.id).where(states)).scalars())


def _published(connection: Connection) -> set[int]:
    return set(connection.execute(select(events.c.event)).scalars())


def _twice_by_webhook(received: Received) -> list[str]:
    ids: defaultdict[int, set[str]] = defaultdict(set)
    for each in received:
        if each["sink"] == "webhook":
            ids[json.loads(each["text"])["event"]].add(each["id"])
    return [f"webhook: event {number}" for number, found in ids.items() if len(found) > 1]


class Week(NamedTuple):
    """Messages about a container on a channel, from Monday 07:00 to Monday 07:00 (UTC)."""

    critical: int
    other: int


def weeks_of(received: Received) -> dict[tuple[str, str, int], Week]:
    """Return the weeks by sink, device and number. A digest counts for the week that it closes."""
    found: dict[tuple[str, str, int], Week] = {}
    for sink in _SINKS:
        for device, messages in _by_device(received, sink).items():
            for at_s, critical in messages:
                key = sink, device, (at_s - MONDAY_S - (0 if critical else _DIGEST_DELAY_S)) // _WEEK_S
                before = found.get(key, Week(0, 0))
                found[key] = Week(before.critical + critical, before.other + (not critical))
    return found


def _most_in_seven_days(received: Received, sink: str) -> int:
    return max(
        sum(begin_s <= at_s < begin_s + _WEEK_S for at_s, _ in messages)
        for messages in _by_device(received, sink).values()
        for begin_s, _ in messages
    )


def _by_device(received: Received, sink: str) -> dict[str, list[tuple[int, bool]]]:
    """Return when messages about each device came, and whether they are critical; a repeat is none."""
    found: defaultdict[str, dict[str, tuple[int, bool]]] = defaultdict(dict)
    for each in received:
        if each["sink"] == sink:
            for device in set(_DEVICE.findall(each["text"])):
                found[device].setdefault(each["id"], (each["at_s"], is_critical(each["text"])))
    return {device: list(messages.values()) for device, messages in found.items()}


def is_critical(text: str) -> bool:
    """Whether a message is about a critical alarm; those go alone."""
    return text.startswith("[critical]")


def wrong(found: Mapping[str, Any]) -> list[str]:
    """Return what fell short."""
    checks = {
        f"more than {_MOST_A_WEEK} a week, not by critical alarms: {found['weeks_over_by_others'][:5]}":
            not found["weeks_over_by_others"],
        f"a critical alarm took {found['slowest_critical_s']} s, more than {_LONGEST_S}":
            found["slowest_critical_s"] <= _LONGEST_S,
        f"lost: {', '.join(found['lost'][:5])}": not found["lost"],
        f"sent although the agent does not know of it: {', '.join(found['unexpected'][:5])}":
            not found["unexpected"],
        f"sent twice: {', '.join(found['twice'][:5])}": not found["twice"],
        "no critical alarm in this month: nothing was shown": found["critical"] > 0,
    }  # fmt: skip
    return [text for text, is_good in checks.items() if not is_good]


def show(found: Mapping[str, Any]) -> None:
    """Print the figures."""
    print(f"{found['trackers']} trackers, {found['days']} days; killed: {found['killed']}")
    print(f"alarms raised {found['alarms_raised']}; sent by mail, by kind:")
    for name, count in found["alarms_by_kind"].items():
        print(f"  {name:14} {count}")
    print(f"messages: {found['messages']}; notifications: {found['states']}")
    print(f"at most a container and week: {found['messages_a_container_and_week']}; weeks with a message: "
          f"{found['weeks']}, over by critical ones: {found['weeks_over_by_critical_alarms']}")  # fmt: skip
    print(f"  in any seven days, across two weeks: {found['messages_in_any_seven_days']}")
    print(f"critical alarms: {found['critical']}, the slowest after {found['slowest_critical_s']} s")
    print(f"lost {len(found['lost'])}, twice {len(found['twice'])}, "
          f"repeated under the same number {found['repeated_and_recognised']}")  # fmt: skip
