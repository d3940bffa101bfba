"""Commands to a device, and the results it reports."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from landbridge.core.texts import _
from landbridge.protocol.limits import WireError

DOWNLINK_KEY = 5
"""Key of a downlink: [[id, expiry, verb, argument], ...], ids rising."""
REPORT_KEY = 7
"""Key of an uplink: [[id, result], ...]."""
MOST_AT_ONCE = 4
"""Commands in one downlink; a device keeps eight."""
MAX_ID = 2**31 - 1
_MOST_RESULTS = 8

DONE = 1
REPEATED = 6
RESULTS = {
    DONE: _("done"),
    2: _("interrupted: the device lost power or restarted"),
    3: _("not executed: expired"),
    4: _("not executed: not supported by the firmware"),
    5: _("not executed: argument out of range"),
    REPEATED: _("not repeated: the device had received this number before"),
    7: _("done, without a fix: other data was reported"),
}


class Verb(NamedTuple):
    """A kind of command."""

    code: int
    help: str
    most: int = 0
    """The largest argument, 0 if it has none."""
    wanted: str = ""
    """The meaning of the argument."""


DENSE = "dense"
SHIPPING = "shipping"
NEW_BATTERY = "new-battery"
VERBS = {
    "locate": Verb(1, _("take a position fix and report it about one minute after receipt")),
    DENSE: Verb(
        2,
        _("more frequent positions and sessions for some time, as budgets permit"),
        86400,
        _("seconds; 0 ends it"),
    ),
    "reboot": Verb(3, _("restart")),
    "log": Verb(4, _("send the device log and counters")),
    "factory-reset": Verb(
        5, _("erase settings and learned data; keep identity, keys, sequence numbers and records")
    ),
    SHIPPING: Verb(6, _("shipping mode: sleep until light or motion, at most 20 days")),
    NEW_BATTERY: Verb(7, _("restart the energy account after a battery change")),
}
"""By name."""


class Command(NamedTuple):
    """A command in a downlink."""

    command: int
    expires_s: int
    verb: str
    argument: int


def encode(commands: Iterable[Command]) -> dict[int, Any]:
    """Return the pair for a downlink with these commands, whose ids rise; empty without commands."""
    items = [[each.command, each.expires_s, VERBS[each.verb].code, each.argument] for each in commands]
    return {DOWNLINK_KEY: items} if items else {}


def decode_results(item: Any) -> dict[int, int]:
    """Return the results in an uplink by id; `WireError` if they are malformed."""
    if type(item) is not list or not 1 <= len(item) <= _MOST_RESULTS:
        raise WireError(f"command results: not an array of 1 to {_MOST_RESULTS}")
    return dict(_decode_result(each) for each in item)


def _decode_result(item: Any) -> tuple[int, int]:
    match item:
        case [int(command), int(result)] if type(command) is int and type(result) is int:
            if 1 <= command <= MAX_ID and result in RESULTS:
                return command, result
    raise WireError("command results: not [id, result] with a result that this agent knows")
