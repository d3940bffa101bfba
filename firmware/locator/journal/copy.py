"""The copy of RTC memory in flash that survives a loss of power, in two files.

The copy of RTC memory is a day old at most (wake.py). After it lies what lasts: packed alike, under a
version of its own, so that a release with another state reads it too. Before each attempt to connect, and
every two hours, only what lasts is written, to a file of its own, which holds for the copy whose checksum it
names: LittleFS keeps so small a file in its directory, where it seldom takes an erase. LittleFS takes a file
in at its close, whole: both are written in place.
"""

import struct

from micropython import const

from locator import state as st
from locator.journal import numbers, rtc

_VERSION_OF_LASTING = const(2)
_COPY = "/plan.bin"
_ATTEMPT = "/attempt.bin"

# The battery's account, what operators count and have said, what counts attempts that fail, and what the
# modem keeps in its own memory.
_LASTING = (
    st.NOW, st.BEGAN, st.NEXT_ATTEMPT, st.ENERGY_MJ, st.ENERGY_MJ + 1, st.ENERGY_MJ + 2, st.LAST_ATTEMPT,
    st.ATTEMPT_FAILS, st.ATTEMPTED, st.FAILED, st.SENT_TODAY, st.IN_PSM, st.LOADED_MV, st.MCC, st.LOCKED_PLMN,
    st.LOCKED_LOST, st.BARRED_UNTIL, st.REFUSALS, st.REFUSED_UNTIL, st.UNNAMED, st.DATA_REFUSALS,
    st.DATA_UNTIL, st.TRIAL, st.PATH, st.PATH_FAILS, st.PATH_SINCE, st.TLS_FAILED, st.PROFILE_DUE,
    st.PROFILE_UNTIL, st.PROFILE_FAILS, st.CARD, st.IMSI, st.OPEN_PLMN, st.CHOSEN_PLMN, st.ALLOWED_PLMN,
    st.SEARCHED,
) + tuple(range(st.ATTEMPTS, st.ATTEMPTS + st.ATTEMPTS_KEPT))  # fmt: skip


def keep(folder, data, state):
    """Replace the copy in the directory `folder` by what `rtc.pack` wrote, and by what lasts of `state`."""
    with open(folder + _COPY, "wb") as f:
        f.write(data)
        f.write(_packed(state))


def keep_attempt(folder, state):
    """Keep what lasts of `state` alone."""
    data = _head(folder + _COPY) + _packed(state)
    with open(folder + _ATTEMPT, "wb") as f:
        f.write(data)


def read(folder):
    """The copy that `keep` wrote last, b"" when there is none."""
    return numbers.read(folder + _COPY)


def state(folder, data):
    """The state as it was kept last: that of the copy `data`, which `read` gave, or only what lasts of it
    where its release had another state, with what lasts as it was before the last attempt. A new one when
    there is nothing, or it is damaged."""
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
    """Set what lasts, as it is in `data`, unless that is damaged."""
    for i, number in enumerate(rtc.unpack(data, len(_LASTING), _VERSION_OF_LASTING) or ()):
        state[_LASTING[i]] = number


def _head(path):
    """The head of the copy, its checksum in it; zeros when there is none."""
    try:
        with open(path, "rb") as f:
            return f.read(rtc.HEAD_SIZE)
    except OSError:
        return bytes(rtc.HEAD_SIZE)
