"""The settings: index, default and range of each.

From docs/reference/settings.toml by tools/flash/settings_schema.py: change it there.
"""

from array import array

from micropython import const

INTERVAL_S = const(0)  # pacing off: interval between positions
UPLOAD_EVERY_S = const(1)  # pacing off: interval between sessions without alarms
FIX_LIMIT_S = const(2)  # maximum time for a fix; half of it in every other attempt after a failure
BATTERY_LOW_MV = const(3)  # battery alarm below this voltage; re-armed 100 mV above
LIGHT_LUX = const(4)  # illuminance from which a door counts as open
SHOCK_MG = const(5)  # acceleration from which a shock alarm is raised
TILT_DEG = const(6)  # angle from the resting position from which a tilt alarm is raised
TEMPERATURE_LOW_DC = const(7)  # temperature alarm below this value, in 0.1 C
TEMPERATURE_HIGH_DC = const(8)  # temperature alarm above this value, in 0.1 C
TEMPERATURE_HOLD_S = const(9)  # time out of range before a temperature alarm is raised
DENSE_INTERVAL_S = const(10)  # command dense: interval between positions and, budgets permitting, sessions
GNSS_LOST_S = const(11)  # time on the move without a fix, since the last good one, before an alarm is raised
ALARMS = const(12)  # sum of the event bits (landbridge.cddl) that are reported at once
PACED = const(13)  # 1: pacing by remaining energy; 0: fixed intervals interval_s and upload_every_s
PRIORITY = const(14)  # pacing: 0 balanced, 1 timely sessions, 2 dense positions, 3 low energy
REPORT_LEAST_S = const(15)  # pacing: shortest interval between sessions without alarms
REPORT_MOST_S = const(16)  # pacing: longest interval between sessions, energy permitting
TARGET_DAYS = const(17)  # days the battery must last from its first use; with 365, the trip decides
BATTERY_MAH = const(18)  # capacity of the new battery at 20 C
BATTERY_KIND = const(19)  # 0: Li-SOCl2, 1: LiFePO4, 2: NMC
COLDEST_DC = const(20)  # lowest temperature expected for the battery, in 0.1 C
SMS_TO_CARD = const(21)  # 1: voice and SMS on, for cards managed by SMS; 0: off

# fmt: off
_DEFAULTS = (
    3600, 14400, 90, 3250, 20, 4000, 30, -400, 600, 1800, 300, 10800, 3855, 1, 0, 1800, 604800, 365,
    17000, 0, -300, 0
)
_LOWEST = (
    300, 3600, 40, 3000, 5, 500, 10, -600, 0, 0, 120, 3600, 0, 0, 0, 600, 3600, 7, 100, 0, -600, 0
)
_HIGHEST = (
    86400, 86400, 300, 3500, 1000, 16000, 180, 200, 850, 86400, 3600, 604800, 65535, 1, 3, 86400,
    604800, 3650, 100000, 2, 200, 1
)
# fmt: on


def defaults():
    """A new array of all settings at their defaults."""
    return array("i", _DEFAULTS)


def is_good(key, value):
    """Whether `value` (of any type) may be that of setting `key`; False for a key that is none."""
    return 0 <= key < len(_DEFAULTS) and type(value) is int and _LOWEST[key] <= value <= _HIGHEST[key]
