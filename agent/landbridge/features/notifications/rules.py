"""Rules: which events go to a channel, and when. The first rule of a channel that fits an event holds."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from landbridge.core.clock import from_epoch_s, to_epoch_s
from landbridge.core.durations import seconds
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.protocol.event import SEVERITIES

DIGESTS = ("hour", "day", "week")
_DIGEST_HOUR = 7
"""Local hour of the daily digest, and on Mondays of the weekly one."""
LONGEST_S = 7 * 86_400
MOST_A_WEEK = 1_000
EVENTS = ("arrival", "border", "departure", "geofence", "start-suggested", "alarm-cleared")
"""Types of events, in addition to raised alarms, that a rule may name."""
ALARMS = (
    "light", "shock", "temperature", "battery", "tilt", "tamper", "card", "gnss", "silent", "off-route",
    "gap", "dwell", "separation", "binding", "region", "network", "high-risk", "area", "quota-50", "quota-80",
    "quota-100", "usage", "traffic", "services", "blocked", "life-cycle",
)  # fmt: skip
"""Names of alarms that are raised, as the schema of events has them."""
KINDS = (*ALARMS, *EVENTS)
RAISED = "alarm-raised"
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Rule(NamedTuple):
    """A rule; empty or None: any, or none."""

    name: str
    kinds: tuple[str, ...] = ()
    """Names of alarms, and types of events; empty: raised alarms of any name."""
    severity: str = SEVERITIES[0]
    """The least severity of an alarm."""
    tenant: str | None = None
    tag: str | None = None
    route: str | None = None
    least_s: int = 0
    """An alarm that ends before it has lasted so long is not sent."""
    quiet: str | None = None
    """Quiet hours, 22:00-06:00, in the time zone of the channel: what is due then is sent afterwards."""
    digest: str | None = None
    """Sent with others once an hour, day or week. A weekly one has what is over, too."""
    most_a_week: int | None = None
    """Messages about a container within seven days, whatever rule sent them; more wait, and go if they still
    matter. For a weekly digest the one before does not count: it closed the week before."""
    escalate_s: int | None = None
    """After so long without acknowledgement it goes to `escalate_to` too."""
    escalate_to: str | None = None


DEFAULT = (
    Rule("critical", severity="critical"),
    Rule("important", severity="major", least_s=3_600, digest="week", most_a_week=2),
)
"""Rules of a new channel: at most two messages a container and week, unless more is critical. Only a digest
that closes the week can know how many critical alarms it leaves room for."""


def check(rule: Rule) -> Rule:
    """Return the rule; `UserError` for what no rule can have."""
    for kind in rule.kinds:
        if kind not in KINDS:
            events = ", ".join(EVENTS)
            raise UserError(
                _(
                    "no event type {kind}; choose from alarms and {events}",
                    kind=repr(kind),
                    events=events,
                ),
                "kind",
            )
    if rule.severity not in SEVERITIES:
        known = ", ".join(SEVERITIES)
        raise UserError(
            _("no severity {severity}; choose from {known}", severity=repr(rule.severity), known=known),
            "severity",
        )
    if rule.digest is not None and rule.digest not in DIGESTS:
        known = ", ".join(DIGESTS)
        raise UserError(
            _("no digest {digest}; choose from {known}", digest=repr(rule.digest), known=known), "digest"
        )
    if rule.quiet is not None and not _HOURS.fullmatch(rule.quiet):
        raise UserError(
            _("{hours} is not a time range; write quiet hours like 22:00-06:00", hours=repr(rule.quiet)),
            "quiet",
        )
    if rule.most_a_week is not None and not 1 <= rule.most_a_week <= MOST_A_WEEK:
        raise UserError(_("the maximum per container per week is 1 to {most}", most=MOST_A_WEEK), "weekly")
    if (rule.escalate_s is None) != (rule.escalate_to is None):
        raise UserError(_("an escalation needs a delay, such as 30m, and a channel"), "escalate")
    return rule


def duration_s(text: str | None, field: str = "duration") -> int | None:
    """Return the seconds of a duration such as 30m; None for None. `UserError`, at the `field` of a form."""
    return None if text is None else seconds(text, LONGEST_S, field)


def first_fit(rules: Sequence[Rule], event: Mapping[str, Any], trip: Mapping[str, Any]) -> Rule | None:
    """Return the first rule that fits an event; `trip` has its tenant, tags and route."""
    return next((rule for rule in rules if _fits(rule, event, trip)), None)


def _fits(rule: Rule, event: Mapping[str, Any], trip: Mapping[str, Any]) -> bool:
    is_raised = event["type"] == RAISED
    kind = event["alarm"] if is_raised else event["type"]
    return (
        (kind in rule.kinds if rule.kinds else is_raised)
        and ("severity" not in event or _rank(event["severity"]) >= _rank(rule.severity))
        and rule.tenant in (None, trip["tenant"])
        and rule.route in (None, trip["route"])
        and (rule.tag is None or rule.tag in trip["tags"])
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def due_s(rule: Rule, began_s: int, now_s: int, zone: str) -> int:
    """Return when an event that began then is to be sent."""
    at_s = max(now_s, began_s + rule.least_s)
    local = from_epoch_s(at_s).astimezone(ZoneInfo(zone))
    if rule.digest == "hour":
        # In seconds: the clock's hours are not those between them when it is put back.
        hour_s = at_s + 3_600 - (local.minute * 60 + local.second)
        local = from_epoch_s(hour_s).astimezone(local.tzinfo)
    if rule.digest in ("day", "week"):
        local = _next(local, time(_DIGEST_HOUR))
    if rule.digest == "week":
        local += timedelta(days=-local.weekday() % 7)
    if rule.quiet:
        local = _after(local, rule.quiet)
    return max(to_epoch_s(local), at_s)


def _after(local: datetime, quiet: str) -> datetime:
    """Return the moment, or the end of the quiet hours that it lies in."""
    begin, end = (time.fromisoformat(each) for each in quiet.split("-"))
    now = local.time()
    is_quiet = begin <= now < end if begin <= end else now >= begin or now < end
    return _next(local, end) if is_quiet else local


def _next(local: datetime, at: time) -> datetime:
    """Return the next moment at which the clock shows that time; of an hour that it shows twice, in the same
    one as `local`."""
    found = datetime.combine(local.date(), at.replace(fold=local.fold), local.tzinfo)
    return found if found > local else datetime.combine(local.date() + timedelta(days=1), at, local.tzinfo)
