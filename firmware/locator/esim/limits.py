"""Limits of the policy: blocked countries and the monthly quota of each profile; and the conditions of a
download.

A country is blocked if its row of the policy has no profile. The bytes of each profile are counted in a file,
[month, [ICCID, bytes, percent passed], ...], months from March 2000 on.
"""

from micropython import const

from locator import lazy
from locator import senses as sn
from locator import state as st
from locator.codec import checked
from locator.esim import files
from locator.scheduler import budget

USED_UP = const(100)
LEVELS = (50, 80, USED_UP)
"""Percent of the quota at which the agent is notified."""
_ICCID = const(0)
_BYTES = const(1)
_PASSED = const(2)
_QUOTA = const(6)
_KB = const(1024)
_DAY_S = const(86400)
_MARCH = const(60)  # the first of March 2000 in days since 2000
_MOST = const(8)

# Reasons to postpone a download.
_WEAK = const(16)
_COLD = const(17)
_SIGNAL = const(18)
_SWITCHING = const(19)
_QUOTA_USED = const(20)
_BLOCKED = const(21)
_A_DAY = const(23)
_SMALL_MESSAGES = const(24)
_LEAST_DBM = const(-110)
_LEAST_DC = const(-250)  # at which the cell supplies the current of a card that writes


def is_blocked(found, mcc):
    """Whether the policy blocks that country."""
    return found is not None and [mcc] in found[files.ROWS]


def spend(folder, found, number, size, epoch_s):
    """Count `size` bytes of the profile `number`; `epoch_s` 0: the time is unknown. Return the one of LEVELS,
    in percent of its quota, that this has passed, 0 for none. Raises OSError."""
    profiles = found[files.PROFILES] if found else []
    if not 0 < number <= len(profiles):
        return 0
    used, profile = _of_month(folder, epoch_s), profiles[number - 1]
    row = _row(used, profile[_ICCID])
    if row is None:
        row = [profile[_ICCID], 0, 0]
        used = used[:1] + used[1:][1 - _MOST :] + [row]
    row[_BYTES] += size
    passed, quota = 0, _quota(profile)
    for level in LEVELS:
        if quota and row[_PASSED] < level <= 100 * row[_BYTES] // quota:
            passed = row[_PASSED] = level
    files.write(folder + files.USED, used)
    return passed


def used_up(folder, found, epoch_s):
    """The profiles whose quotas of this month are used up, as bits."""
    used, bits = _of_month(folder, epoch_s), 0
    for i, profile in enumerate(found[files.PROFILES]):
        row, quota = _row(used, profile[_ICCID]), _quota(profile)
        if row and quota and row[_BYTES] >= quota:
            bits |= 2 << i
    return bits


def left_s(epoch_s):
    """Return the seconds to the end of the month, as far as the time is known."""
    day = epoch_s // _DAY_S
    last = day
    while epoch_s and month(last + 1) == month(day):
        last += 1
    return _DAY_S * (last + 1 - day) - epoch_s % _DAY_S


def postponed(wake, session):
    """The reason why no download of a profile may begin now (esim/download.py), 0 when it may."""
    state = wake.state
    if wake.modem is not session.modem:
        return _SMALL_MESSAGES
    if not budget.downloads_left(state):
        return _A_DAY
    if not budget.is_strong(state):
        return _WEAK
    if wake.senses[sn.TEMPERATURE_DC] < _LEAST_DC:
        return _COLD
    if wake.cell and wake.cell.worth < _LEAST_DBM:
        return _SIGNAL
    return _by_policy(state, wake.port.data_dir) if state[st.PROFILE_DUE] else 0


def _by_policy(state, folder):
    if state[st.PROFILE_DUE] & st.PROFILE_OPEN:
        return _SWITCHING
    with lazy("esim.policy") as policy:
        found = policy.read(folder)
    if not found:
        return 0
    if is_blocked(found, state[st.MCC]):
        return _BLOCKED
    full = used_up(folder, found, state[st.OFFSET] and state[st.NOW] + state[st.OFFSET])
    known = files.read(folder + files.CARD, files.FOLLOWS)
    return _QUOTA_USED if known and full >> known[files.INTEGERS][0] & 1 else 0


def _of_month(folder, epoch_s):
    used = checked.read(folder + files.USED)
    if type(used) is not list or not used:
        used = [0]
    if epoch_s and used[0] != month(epoch_s // _DAY_S):
        used = [month(epoch_s // _DAY_S)]
    return used


def _row(used, iccid):
    for row in used[1:]:
        if row[_ICCID] == iccid:
            return row
    return None


def _quota(profile):
    return _KB * profile[_QUOTA] if len(profile) > _QUOTA else 0


def month(day):
    """Of a day since 2000, counted from March 2000 on (Howard Hinnant's days_from_civil, backwards)."""
    day -= _MARCH
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    return 12 * year + (5 * (day - (365 * year + year // 4 - year // 100)) + 2) // 153
