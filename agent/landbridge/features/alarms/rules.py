"""Which events raise an alarm, which clear it, how grave it is. The table is the documentation:
docs/reference/events.md has it."""

from typing import NamedTuple

from landbridge.protocol.event import Event

SEVERITIES = ("warning", "minor", "major", "critical")
GRAVE = SEVERITIES[2:]
"""Of these a device is shown to be in alarm until somebody looks after them."""
_HOUR_S = 3_600
_DAY_S = 86_400


class Rule(NamedTuple):
    """One kind of alarm."""

    severity: str
    quiet_s: int | None
    """It is over when there was no event of it for so long; None: only when an event says so, or a person."""
    least_s: int = 0
    """Its minimum duration: it is raised when it has stood for so long, and what ends before is none. What
    ends at the second in which it begins is none in any case."""


RULES = {
    "light": Rule("major", _DAY_S),
    "shock": Rule("minor", _DAY_S),
    "temperature": Rule("major", None),
    "battery": Rule("major", 7 * _DAY_S),
    "tilt": Rule("minor", _DAY_S),
    "tamper": Rule("critical", None),
    "card": Rule("critical", None),
    "gnss": Rule("minor", _DAY_S),
    "silent": Rule("major", None),
    "off-route": Rule("major", None, _HOUR_S // 2),
    "gap": Rule("minor", _DAY_S, _HOUR_S),
    "dwell": Rule("warning", None, _HOUR_S),
}
"""By name, all but those of controls of cards."""
_CONTROL = Rule("major", None)
"""Broken until it is kept again; its own severity comes with the event."""

RAISE, CLEAR = "raise", "clear"
TYPES = ("alarm", "off-route", "gap", "dwell", "departure", "control")
"""Of events that may be about an alarm."""
_BACK = {"temperature-back": "temperature", "heard-again": "silent"}


def rule(name: str) -> Rule:
    """That of an alarm of this name."""
    return RULES.get(name, _CONTROL)


def meaning(event: Event) -> tuple[str, str] | None:
    """(name of the alarm, RAISE or CLEAR); None: the event is about none."""
    content = event.content
    match event.type:
        case "alarm":
            name = content["alarm"]
            return (_BACK[name], CLEAR) if name in _BACK else (name, RAISE) if name in RULES else None
        case "off-route":
            return "off-route", RAISE if content["action"] == "leave" else CLEAR
        case "gap" | "dwell":
            return event.type, RAISE
        case "departure":
            return "dwell", CLEAR
        case "control":
            return content["control"], RAISE if content["action"] == "broken" else CLEAR
    return None
