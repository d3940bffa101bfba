"""The copy of RTC memory in flash that survives a loss of power, in two files.

The copy of RTC memory is a day old at most (journal/snapshots.py decides). After it is the lasting part of
the state, packed in the same way, with its own version, so that a release with another state can read it,
too. Before each connection attempt, and every two hours, only the lasting part is written, to a separate
file, which belongs to the copy whose checksum it names: LittleFS keeps so small a file in its directory,
which seldom takes an erase. LittleFS commits a file as a whole when it is closed, so both are written in
place.
"""

import struct

from micropython import const

from locator import state as st
from locator.journal import numbers, rtc

_VERSION_OF_LASTING = const(2)
_COPY = "/plan.bin"
_ATTEMPT = "/attempt.bin"

# The energy account, counters and answers of operators, counters of failed attempts, and the state of the
# modem's own memory.
_LASTING = (
    st.NOW, st.BEGAN, st.NEXT_ATTEMPT, st.ENERGY_MJ, st.ENERGY_MJ + 1, st.ENERGY_MJ + 2, st.LAST_ATTEMPT,
    st.ATTEMPT_FAILS, st.ATTEMPTED, st.FAILED, st.SENT_TODAY, st.IN_PSM, st.LOADED_MV, st.MCC, st.LOCKED_PLMN,
    st.LOCKED_LOST, st.BARRED_UNTIL, st.REFUSALS, st.REFUSED_UNTIL, st.UNNAMED, st.DATA_REFUSALS,
    st.DATA_UNTIL, st.TRIAL, st.PATH, st.PATH_FAILS, st.PATH_SINCE, st.TLS_FAILED, st.PROFILE_DUE,
    st.PROFILE_UNTIL, st.PROFILE_FAILS, st.CARD, st.IMSI, st.OPEN_PLMN, st.CHOSEN_PLMN, st.ALLOWED_PLMN,
    st.SEARCHED,
) + tuple(range(st.ATTEMPTS, st.ATTEMPTS + st.ATTEMPTS_KEPT))  # fmt: skip


def keep(folder, data, state):
    """Replace the copy in the directory `folder` by `data`, which `rtc.pack` wrote, and the lasting part of
    `state`."""
    with open(folder + _COPY, "wb") as f:
        f.write(data)
        f.write(_packed(state))


def keep_attempt(folder, state):
    """Write only the lasting part of `state`."""
    data = _head(folder + _COPY) + _packed(state)
    with open(folder + _ATTEMPT, "wb") as f:
        f.write(data)


def read(folder):
    """Return the copy that `keep` wrote last, b"" if there is none."""
    return numbers.read(folder + _COPY)


def state(folder, data):
    """Return the last copy of the state: that of `data`, which `read` returned, or only the lasting part if
    its release had another state; in both cases with the lasting part as of the last attempt. A new state if
    there is none, or it is damaged."""
    end = rtc.HEAD_SIZE + struct.unpack_from("<H", data, 2)[0] if len(data) >= rtc.HEAD_SIZE else 0
    kept = rtc.unpack(data, st.SIZE)
    found = st.new(kept or b"")
    if kept is None and end:
        _take(found, data[end:])
    attempt = numbers.read(folder + _ATTEMPT)
    if attempt[: rtc.HEAD_SIZE] == (data[: rtc.HEAD_SIZE] or bytes(rtc.HEAD_SIZE)):
        _take(found, attempt[rtc.HEAD_SIZE :])
    return found


def _packed(state):
    room = bytearray(rtc.HEAD_SIZE + 4 * len(_LASTING))
    return rtc.pack_into(room, state, b"", _VERSION_OF_LASTING, _LASTING)


def _take(state, data):
    """Set the lasting part from `data`, unless that is damaged."""
    for i, number in enumerate(rtc.unpack(data, len(_LASTING), _VERSION_OF_LASTING) or ()):
        state[_LASTING[i]] = number


def _head(path):
    """Return the head of the copy, with its checksum; zeros if there is none."""
    try:
        with open(path, "rb") as f:
            return f.read(rtc.HEAD_SIZE)
    except OSError:
        return bytes(rtc.HEAD_SIZE)
