"""The events that raise and clear each alarm, and its severity. The table is the documentation:
docs/reference/events.md has it."""

from typing import NamedTuple

from landbridge.protocol.event import SEVERITIES, Event

GRAVE = SEVERITIES[2:]
"""With an unacknowledged alarm of these severities a device is shown as in alarm."""
_HOUR_S = 3_600
_DAY_S = 86_400


class Rule(NamedTuple):
    """The rule of one kind of alarm."""

    severity: str
    quiet_s: int | None
    """The quiet period after which it is cleared; None: only an event or an operator clears it."""
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
"""Rules by name, except those of SIM controls."""
_CONTROL = Rule("major", None)
"""Open while a SIM control is broken; the event has the severity."""

RAISE, CLEAR = "raise", "clear"
TYPES = ("alarm", "off-route", "gap", "dwell", "departure", "control")
"""Types of events that may concern an alarm."""
_BACK = {"temperature-back": "temperature", "heard-again": "silent"}


def rule(name: str) -> Rule:
    """Return the rule of an alarm of this name."""
    return RULES.get(name, _CONTROL)


def meaning(event: Event) -> tuple[str, str] | None:
    """Return (name of the alarm, RAISE or CLEAR); None if the event concerns no alarm."""
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
