"""Commands: each runs at most once; its result is reported until the agent has it.

Downlink key 5: [[id, expiry in epoch seconds, verb, argument], ...], ids rising. Uplink key 7: [[id, result],
...]. A command is noted in flash before it runs: after a power cut it does not run again, and is reported as
"cut short".
"""

from micropython import const

from locator import state as st
from locator.codec import cbor
from locator.downlink.executed import ID, MOST, RESULT, VERB, Executed
from locator.journal import copy, rtc

_KEY = const(7)
_MAX_ID = const(0x7FFFFFFF)

LOCATE = const(1)
DENSE = const(2)
REBOOT = const(3)
LOG = const(4)
FACTORY = const(5)
SHIPPING = const(6)
NEW_BATTERY = const(7)

BEGUN = const(0)  # only in flash
DONE = const(1)
CUT_SHORT = const(2)
EXPIRED = const(3)
UNKNOWN_VERB = const(4)
BAD_ARGUMENT = const(5)
REPEATED = const(6)
NO_FIX = const(7)

_MOST_DENSE_S = const(86400)
_DENSE_J = const(3000)  # 1.4 % of a battery of 220 kJ
_REQUESTS = (st.LOCATE, st.LOCATED, st.NOT_LOCATED)


def take(handlers, value):
    """Run the commands; invalid entries are ignored."""
    if type(value) is not list:
        return
    now = _now(handlers)
    executed = Executed(handlers.port.data_dir, now)
    for command in value:
        if not _is_command(command) or len(executed.entries) >= MOST:
            continue
        try:
            _obey(handlers, executed, command, now)
        except OSError:  # the flash refused the note: the command does not run, and the agent sends it again
            return


def _is_command(value):
    return cbor.is_list(value, int, int, int, int) and 0 < value[0] <= _MAX_ID


def _now(handlers):
    """Return the agent's time in the downlink, or the device's if that cannot be right."""
    from locator import clock as timing

    clock_s = handlers.port.clock_s()
    if timing.believes(handlers.state, clock_s, handlers.server_s):
        return handlers.server_s
    return clock_s + handlers.state[st.OFFSET]


def _obey(handlers, executed, command, now):
    number, expiry, verb, argument = command
    for entry in executed.entries:
        if entry[ID] == number:
            if _result(handlers, entry) != BEGUN:  # the bit for its report was lost
                handlers.will_report(st.REPORT_COMMANDS)
            return
    result = REPEATED if number <= executed.last else _refusal(now, expiry, verb, argument)
    entry = [number, verb if verb in _DO else 0, result]
    before = executed.last
    executed.last = max(number, before)
    executed.entries.append(entry)
    try:
        executed.save()
    except OSError:
        executed.last = before
        executed.entries.pop()
        raise
    handlers.will_report(st.REPORT_COMMANDS)
    if result == BEGUN:
        entry[RESULT] = _DO[verb](handlers, argument)
        if entry[RESULT] != BEGUN:
            executed.save()


def _refusal(now, expiry, verb, argument):
    """Return why a new command does not run, BEGUN if it may."""
    if verb not in _DO:
        return UNKNOWN_VERB
    if now >= expiry:
        return EXPIRED
    if argument and (verb != DENSE or not 0 < argument <= _MOST_DENSE_S):
        return BAD_ARGUMENT
    return BEGUN


def write(handlers, out):
    """Write the results."""
    results = _results(handlers, Executed(handlers.port.data_dir, 0))
    if not results:
        return 0
    return out.pair(_KEY, [(number, result) for number, _, result in results])


def on_ack(handlers):
    """Delete the results, which the agent has. A device in shipping mode may sleep now."""
    executed = Executed(handlers.port.data_dir, 0)
    for number, verb, result in _results(handlers, executed):
        executed.entries = [entry for entry in executed.entries if entry[ID] != number]
        if verb == LOCATE and handlers.state[st.REQUEST] in (st.LOCATED, st.NOT_LOCATED):
            handlers.state[st.REQUEST] = 0
        elif verb == SHIPPING and result == DONE:
            handlers.state[st.REQUEST] = st.SHIPPING
    try:
        executed.save()
    except OSError:  # reported again
        pass


def _results(handlers, executed):
    """Return the finished entries of `executed`, with their results."""
    ended = []
    for entry in executed.entries:
        result = _result(handlers, entry)
        if result != BEGUN:
            ended.append((entry[ID], entry[VERB], result))
    return ended


def _result(handlers, entry):
    """Return the result of a command; BEGUN while it runs."""
    _, verb, noted = entry
    if noted != BEGUN:
        return noted
    if verb == LOCATE and handlers.state[st.REQUEST] in _REQUESTS:
        return (BEGUN, DONE, NO_FIX)[handlers.state[st.REQUEST] - st.LOCATE]
    return BEGUN if verb in (REBOOT, FACTORY) and handlers.at_last else CUT_SHORT


# Each of them returns its result, or BEGUN if that follows later.


def _locate(handlers, _):
    """Take a fix and report it in the next wake, a minute from now if the budgets allow."""
    handlers.state[st.REQUEST] = st.LOCATE
    return BEGUN


def _dense(handlers, seconds):
    """Take dense points for so many seconds, or until their energy is used up; 0 ends them."""
    handlers.state[st.DENSE_UNTIL] = handlers.port.clock_s() + seconds
    handlers.state[st.DENSE_LEFT_J] = _DENSE_J
    return DONE


def _log(handlers, _):
    handlers.will_report(st.REPORT_DIAGNOSTICS)
    return DONE


def _ship(handlers, _):
    return DONE


def _reboot(handlers, _):
    handlers.at_last.append(lambda: _restart(handlers))
    return BEGUN


def _factory(handlers, _):
    def reset():
        from locator.downlink import factory

        factory.reset(handlers.port.data_dir, handlers.state)
        _restart(handlers)

    handlers.at_last.append(reset)
    return BEGUN


def _restart(handlers):
    """Restart at the end of the session; the result is noted before, and reported soon after the start."""
    executed = Executed(handlers.port.data_dir, 0)
    for entry in executed.entries:
        if entry[RESULT] == BEGUN and entry[VERB] in (REBOOT, FACTORY):
            entry[RESULT] = DONE
    try:
        executed.save()
    except OSError:  # reported as cut short
        pass
    handlers.will_report(st.REPORT_COMMANDS)
    handlers.state[st.URGENT] = 1
    try:
        _keep(handlers)
    except OSError:  # RTC memory has it
        pass
    handlers.port.reset()


def _new_battery(handlers, _):
    """Begin the energy account and the battery's days again: in flash before that is reported, as it is
    stored nowhere else."""
    state = handlers.state
    state[st.ENERGY_MJ] = state[st.ENERGY_MJ + 1] = state[st.ENERGY_MJ + 2] = state[st.HOLDS_MJ] = 0
    state[st.BEGAN] = state[st.NOW]
    st.replan(state)
    _keep(handlers)
    return DONE


def _keep(handlers):
    """Save the state in RTC memory and in flash; `OSError` if the flash refuses it."""
    kept = rtc.pack(st.kept(handlers.state), handlers.log.pack())
    handlers.port.rtc_write(kept)
    copy.keep(handlers.port.data_dir, kept, handlers.state)


_DO = {
    LOCATE: _locate,
    DENSE: _dense,
    REBOOT: _reboot,
    LOG: _log,
    FACTORY: _factory,
    SHIPPING: _ship,
    NEW_BATTERY: _new_battery,
}
