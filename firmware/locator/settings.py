"""The settings: index of each in their array, and what it may be.

From docs/reference/settings.toml by tools/flash/settings_schema.py: change it there.
"""

from array import array

from micropython import const

INTERVAL_S = const(0)  # when not paced: pause between records
UPLOAD_EVERY_S = const(1)  # when not paced: pause between reports when nothing is wrong
FIX_LIMIT_S = const(2)  # longest search for a fix; half of it where the last search was in vain
BATTERY_LOW_MV = const(3)  # battery alarm below it; armed again 100 mV above
LIGHT_LUX = const(4)  # a door is open from this light on
SHOCK_MG = const(5)  # shock alarm from this acceleration on
TILT_DEG = const(6)  # tilt alarm from this angle to the resting position on
TEMPERATURE_LOW_DC = const(7)  # temperature alarm below it, in 0.1 C
TEMPERATURE_HIGH_DC = const(8)  # temperature alarm above it, in 0.1 C
TEMPERATURE_HOLD_S = const(9)  # how long a temperature must be out of bounds for an alarm
DENSE_INTERVAL_S = const(10)  # pause between records and, budgets allowing, reports on the command dense
GNSS_LOST_S = const(11)  # alarm when nothing was found for so long on the move, after a wide sky
ALARMS = const(12)  # sum of the event bits (landbridge.cddl) that are told at once
PACED = const(13)  # 1: the device paces itself by its energy; 0: by interval_s and upload_every_s alone
PRIORITY = const(14)  # when paced, 0: balanced, 1: fresh reports, 2: dense points, 3: cheap
REPORT_LEAST_S = const(15)  # when paced: no two reports closer than this when nothing is wrong
REPORT_MOST_S = const(16)  # when paced: a report is tried at the latest after so long, energy allowing
TARGET_DAYS = const(17)  # for so long from its first use the battery is to last; 365 gives way to a trip
BATTERY_MAH = const(18)  # capacity of the battery when it was new, at 20 C
BATTERY_KIND = const(19)  # 0: Li-SOCl2, 1: LiFePO4, 2: NMC
COLDEST_DC = const(20)  # the coldest that the battery is to meet, in 0.1 C
SMS_TO_CARD = const(21)  # 1: voice and SMS on, for a card that its vendor reaches by SMS; 0: off

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
