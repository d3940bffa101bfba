"""The copy of RTC memory in flash, which survives a loss of power, and behind it what lasts: packed alike,
under a version of its own, so that a release with another state reads it too.

It is as old as the last time the network was asked, or some hours (wake.py). LittleFS takes a file in at its
close, whole: it is written in place.
"""

import struct
from array import array

from micropython import const

from locator.journal import rtc
from locator.plan import state as st

_VERSION_OF_LASTING = const(1)
_COPY = "/plan.bin"

# What goes on under a release with another state: the battery's account and the tries that operators count.
_LASTING = (st.NOW, st.BEGAN, st.NEXT_TRY, st.SPENT, st.SPENT + 1, st.SPENT + 2) + tuple(
    range(st.TRIES, st.TRIES + st.TRIES_KEPT)
)


def keep(folder, data, state):
    """Replace the copy in the directory `folder` by what `rtc.pack` wrote, and by what lasts of `state`."""
    lasting = array("i", [state[i] for i in _LASTING])
    with open(folder + _COPY, "wb") as f:
        f.write(data)
        f.write(rtc.pack(lasting, b"", _VERSION_OF_LASTING))


def read(folder):
    """What `keep` wrote last, b"" when there is none."""
    try:
        with open(folder + _COPY, "rb") as f:
            return f.read()
    except OSError:
        return b""


def lasting(data):
    """A state in which only what lasts is as in `data`, which `read` gave, whatever state is before that;
    None when there is nothing, or it is damaged."""
    if len(data) < rtc.HEAD_SIZE:
        return None
    end = rtc.HEAD_SIZE + struct.unpack_from("<H", data, 2)[0]
    numbers = rtc.unpack(data[end:], len(_LASTING), _VERSION_OF_LASTING)
    if numbers is None:
        return None
    state = st.new()
    for i, number in enumerate(numbers):
        state[_LASTING[i]] = number
    return state
