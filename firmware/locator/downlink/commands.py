"""Orders: commands, each done at most once, its result told until the agent has it.

Reply key 5: [[id, expiry in epoch seconds, verb, argument], ...], ids rising. Uplink key 7: [[id, result],
...]. A command is noted in flash before it is done: after a power cut it is not done again, and told as
"cut short".
"""

from micropython import const

from locator import state as st
from locator.codec import cbor
from locator.downlink.book import ID, MOST, RESULT, VERB, Book
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
_ERRANDS = (st.LOCATE, st.LOCATED, st.NOT_LOCATED)


def take(desk, value):
    """Do what the commands say; what is no command is passed over."""
    if type(value) is not list:
        return
    now = _now(desk)
    book = Book(desk.port.data_dir, now)
    for command in value:
        if not _is_command(command) or len(book.entries) >= MOST:
            continue
        try:
            _obey(desk, book, command, now)
        except OSError:  # the flash has not taken the note: nothing is done, and it will be sent again
            return


def _is_command(value):
    if type(value) is not list or len(value) != 4:
        return False
    for number in value:
        if type(number) is not int:
            return False
    return 0 < value[0] <= _MAX_ID


def _now(desk):
    """The agent's time in the reply, or ours where that cannot be right."""
    from locator import clock as timing

    clock_s = desk.port.clock_s()
    if timing.believes(desk.state, clock_s, desk.server_s):
        return desk.server_s
    return clock_s + desk.state[st.OFFSET]


def _obey(desk, book, command, now):
    number, expiry, verb, argument = command
    for entry in book.entries:
        if entry[ID] == number:
            if _result(desk, entry) != BEGUN:  # that it is to be told was forgotten
                desk.tell(st.TELL_COMMANDS)
            return
    result = REPEATED if number <= book.last else _refusal(now, expiry, verb, argument)
    entry = [number, verb if verb in _DO else 0, result]
    before = book.last
    book.last = max(number, before)
    book.entries.append(entry)
    try:
        book.save()
    except OSError:
        book.last = before
        book.entries.pop()
        raise
    desk.tell(st.TELL_COMMANDS)
    if result == BEGUN:
        entry[RESULT] = _DO[verb](desk, argument)
        if entry[RESULT] != BEGUN:
            book.save()


def _refusal(now, expiry, verb, argument):
    """Why a new command is not done, BEGUN if nothing is against it."""
    if verb not in _DO:
        return UNKNOWN_VERB
    if now >= expiry:
        return EXPIRED
    if argument and (verb != DENSE or not 0 < argument <= _MOST_DENSE_S):
        return BAD_ARGUMENT
    return BEGUN


def write(desk, out):
    """The results there are."""
    results = _results(desk, Book(desk.port.data_dir, 0))
    if not results:
        return 0
    out.int(_KEY)
    out.head(cbor.ARRAY, len(results))
    for number, _, result in results:
        out.head(cbor.ARRAY, 2)
        out.int(number)
        out.int(result)
    return 1


def told(desk):
    """The agent has the results: forget them. Who is to rest in shipping mode may do so now."""
    book = Book(desk.port.data_dir, 0)
    for number, verb, result in _results(desk, book):
        book.entries = [entry for entry in book.entries if entry[ID] != number]
        if verb == LOCATE and desk.state[st.ERRAND] in (st.LOCATED, st.NOT_LOCATED):
            desk.state[st.ERRAND] = 0
        elif verb == SHIPPING and result == DONE:
            desk.state[st.ERRAND] = st.SHIPPING
    try:
        book.save()
    except OSError:  # told once more
        pass


def _results(desk, book):
    """The entries of `book` that have come to an end, with their results."""
    ended = []
    for entry in book.entries:
        result = _result(desk, entry)
        if result != BEGUN:
            ended.append((entry[ID], entry[VERB], result))
    return ended


def _result(desk, entry):
    """What has become of a command; BEGUN while it is not over."""
    _, verb, noted = entry
    if noted != BEGUN:
        return noted
    if verb == LOCATE and desk.state[st.ERRAND] in _ERRANDS:
        return (BEGUN, DONE, NO_FIX)[desk.state[st.ERRAND] - st.LOCATE]
    return BEGUN if verb in (REBOOT, FACTORY) and desk.at_last else CUT_SHORT


# Each of them returns its result, or BEGUN when that comes later.


def _locate(desk, _):
    """A fix and a report in the next wake, a minute from now if the budgets allow."""
    desk.state[st.ERRAND] = st.LOCATE
    return BEGUN


def _dense(desk, seconds):
    """Dense points from now on for so many seconds, or until their energy is spent; 0 ends it."""
    desk.state[st.DENSE_UNTIL] = desk.port.clock_s() + seconds
    desk.state[st.DENSE_LEFT_J] = _DENSE_J
    return DONE


def _log(desk, _):
    desk.tell(st.TELL_DIAGNOSTICS)
    return DONE


def _ship(desk, _):
    return DONE


def _reboot(desk, _):
    desk.at_last.append(lambda: _restart(desk))
    return BEGUN


def _factory(desk, _):
    def reset():
        from locator.downlink import factory

        factory.reset(desk.port.data_dir, desk.state)
        _restart(desk)

    desk.at_last.append(reset)
    return BEGUN


def _restart(desk):
    """The last thing of a conversation: the result is noted and told soon after the start."""
    book = Book(desk.port.data_dir, 0)
    for entry in book.entries:
        if entry[RESULT] == BEGUN and entry[VERB] in (REBOOT, FACTORY):
            entry[RESULT] = DONE
    try:
        book.save()
    except OSError:  # told as cut short
        pass
    desk.tell(st.TELL_COMMANDS)
    desk.state[st.URGENT] = 1
    try:
        _keep(desk)
    except OSError:  # RTC memory has it
        pass
    desk.port.reset()


def _new_battery(desk, _):
    """Its account and its days begin now: in flash before that is told, for nothing else knows of it."""
    state = desk.state
    state[st.SPENT] = state[st.SPENT + 1] = state[st.SPENT + 2] = 0
    state[st.BEGAN] = state[st.NOW]
    st.plan_anew(state)
    _keep(desk)
    return DONE


def _keep(desk):
    """The state, in RTC memory and in flash; `OSError` when this does not take it."""
    kept = rtc.pack(st.kept(desk.state), desk.log.pack())
    desk.port.rtc_write(kept)
    copy.keep(desk.port.data_dir, kept, desk.state)


_DO = {
    LOCATE: _locate,
    DENSE: _dense,
    REBOOT: _reboot,
    LOG: _log,
    FACTORY: _factory,
    SHIPPING: _ship,
    NEW_BATTERY: _new_battery,
}
