"""Receives, tries and reports the settings. New ones are on trial until the agent was reached with them.

Downlink key 4: [revision, {key: value}], the values that differ from the defaults. Uplink key 6:
[revision, CRC-32 of all values, source, refused revision, why].
"""

from binascii import crc32

from micropython import const

from locator import settings as cfg
from locator import state as st
from locator.codec import cbor, checked
from locator.downlink import applied

_KEY = const(6)
_TRIES = const(10)
_FRESH = const(11)  # received in this session, which does not confirm them
_MOST_BYTES = const(192)
_MAX_REVISION = const(0x7FFFFFFF)
_MAX_KEY = const(0x7FFFFFFF)
# The settings of the battery and of the time that it must last.
_ENERGY = (cfg.TARGET_DAYS, cfg.BATTERY_MAH, cfg.BATTERY_KIND, cfg.COLDEST_DC)

# Why a revision was refused: the key of the setting, or
UNREACHED = const(-1)  # the agent was not reached with it
MALFORMED = const(-2)


def take(handlers, value):
    """Apply a revision as a whole, or not at all."""
    folder = handlers.port.data_dir
    found = applied.read(folder + applied.FILE) or _built_in()
    revision, values, why = _judge(value)
    if why is not None:
        if [revision, why] != found[applied.REFUSED :]:
            found[applied.REFUSED :] = [revision, why]
            if _write(folder + applied.FILE, found):
                handlers.will_report(st.REPORT_SETTINGS)
        return
    if revision == found[applied.REVISION] and values == found[applied.VALUES]:
        return
    if _write(folder + applied.FILE, [applied.ON_TRIAL, revision, values, 0, 0]):
        handlers.state[st.TRIAL] = _FRESH
        _weigh(handlers.state, found[applied.VALUES], values)
        handlers.will_report(st.REPORT_SETTINGS)


def _judge(value):
    """(revision, values, why it is refused or None)"""
    if not cbor.is_list(value, int, dict) or not 0 < value[0] <= _MAX_REVISION:
        return 0, None, MALFORMED
    revision, values = value
    why = applied.bad_key(values)
    return revision, values, why if why is None or -1 <= why <= _MAX_KEY else MALFORMED


def write(handlers, out):
    """Write the report of the settings in force."""
    found = applied.read(handlers.port.data_dir + applied.FILE) or _built_in()
    source = found[applied.SOURCE]
    if 0 < handlers.state[st.TRIAL] <= _TRIES:
        source = applied.CONFIRMED  # a device that reads this was reached
    crc = crc32(bytes(applied.values_of(found)))
    return out.pair(_KEY, [found[applied.REVISION], crc, source] + found[applied.REFUSED :])


def on_ack(handlers):
    """Confirm the settings in force, with which the agent was reached: they are the last good ones from now
    on."""
    if not 0 < handlers.state[st.TRIAL] <= _TRIES:
        return
    folder = handlers.port.data_dir
    found = applied.read(folder + applied.FILE)
    if found is None:
        return
    found[applied.SOURCE] = applied.CONFIRMED
    # The last good ones first: a power cut between the two leaves a trial that is confirmed again.
    if _write(folder + applied.LAST_GOOD_FILE, found) and _write(folder + applied.FILE, found):
        handlers.state[st.TRIAL] = 0


def settle(folder, state, found):
    """Return the settings to apply if the file is missing or damaged (`found` is None), or on trial."""
    state[st.TO_REPORT] |= st.REPORT_SETTINGS
    if found is None:
        state[st.TRIAL] = 0
        found = _last_good(folder)
    elif state[st.TRIAL] >= 0:
        state[st.TRIAL] = min(state[st.TRIAL] or _TRIES, _TRIES)
        return found
    else:
        state[st.TRIAL] = 0
        tried, found = found, _last_good(folder)
        _weigh(state, tried[applied.VALUES], found[applied.VALUES])
        found[applied.REFUSED :] = [tried[applied.REVISION], UNREACHED]
    _write(folder + applied.FILE, found)
    return found


def _weigh(state, before, values):
    """Apply changed values: with another energy the scheduler plans again."""
    if any(before.get(key) != values.get(key) for key in _ENERGY):
        st.replan(state)


def forget(folder):
    """Return to the built-in settings from the next wake on."""
    checked.remove(folder + applied.LAST_GOOD_FILE)
    checked.remove(folder + applied.FILE)


def _last_good(folder):
    found = applied.read(folder + applied.LAST_GOOD_FILE)
    if found is None:
        return _built_in()
    found[applied.SOURCE] = applied.LAST_GOOD
    found[applied.REFUSED :] = [0, 0]
    return found


def _built_in():
    return [applied.BUILT_IN, 0, {}, 0, 0]


def _write(path, found):
    """Write the file; return False if the flash refuses it."""
    try:
        checked.put(path, found, _MOST_BYTES)
    except OSError:
        return False
    return True
