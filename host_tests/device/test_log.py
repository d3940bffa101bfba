"""The log that survives resets, and what of it is reported."""

import os

from locator import state as st
from locator.codec import cbor
from locator.downlink import handlers as downlinks
from locator.hal import DEEPSLEEP_RESET, HARD_RESET, POWER_ON, SOFT_RESET, WATCHDOG_RESET
from locator.journal import log, rtc
from locator.journal.numbers import Numbers
from scratch import folder

TRACE = 'Traceback (most recent call last):\n  File "wake.py", line 9, in run\nValueError: caf\xe9\n'


def entries(one):
    return [one.entry(i) for i in range(len(one))]


class Port:
    def __init__(self, path, cause=DEEPSLEEP_RESET):
        self.data_dir = path
        self.reset_cause = cause

    def clock_s(self):
        return 500


def test_entries_survive_in_rtc_memory_after_the_state():
    one = log.Log()
    one.add(7, log.MODEM, -1)
    one.add(4000000000, log.REFUSED, 15)
    state = st.new()
    state[3] = -9
    data = rtc.pack(st.kept(state), one.pack())
    assert rtc.unpack(data, st.SIZE) == state[: st.SIZE]
    again = log.Log(rtc.log_of(data, st.SIZE))
    assert entries(again) == [(7, log.MODEM, -1), (4000000000, log.REFUSED, 15)]
    assert again.counters[log.MODEM_ERRORS] == 1
    for broken in (b"", data[:-1], data[:-2] + b"\x01" + data[-1:], data[:60]):
        assert rtc.log_of(broken, st.SIZE) == b""
        assert entries(log.Log(rtc.log_of(broken, st.SIZE))) == []


def test_the_log_is_short_and_its_oldest_goes():
    one = log.Log()
    for i in range(100):
        one.add(i, log.FLASH, 5)
    kept = entries(one)
    assert len(kept) == 24 and kept[0][0] == 76 and kept[-1][0] == 99
    assert len(one.pack()) == 233
    one.forget(20)
    assert [entry[0] for entry in entries(one)] == [96, 97, 98, 99]


def test_counters_begin_again_beyond_their_width():
    one = log.Log()
    one.counters[log.WAKES] = 0xFFFF
    one.count(log.WAKES)
    assert log.Log(one.pack()).counters[log.WAKES] == 0


def test_resets_are_counted_by_cause():
    one = log.Log()
    path = folder()
    begun = [one.begin(Port(path, cause)) for cause in (POWER_ON, DEEPSLEEP_RESET, HARD_RESET, SOFT_RESET)]
    assert begun == [True, False, True, True]
    assert one.begin(Port(path, WATCHDOG_RESET)) and one.begin(Port(path, WATCHDOG_RESET))
    assert one.counters[: log.FAULTS] == [6, 1, 2, 1]
    causes = [value for _, kind, value in entries(one) if kind == log.RESET]
    assert causes == [POWER_ON, HARD_RESET, SOFT_RESET, WATCHDOG_RESET, WATCHDOG_RESET]


def test_a_fault_is_reported_with_the_next_wake():
    path = folder()
    with open(path + log.FAULT, "wb") as f:
        f.write(b"497\nTraceback")
    one = log.Log()
    assert one.begin(Port(path))
    assert entries(one) == [(500, log.RAISED, 0)] and one.counters[log.FAULTS] == 1
    assert not one.begin(Port(path)) and one.counters[log.FAULTS] == 1


def reported(path, log_):
    """Handlers that have written their reports, and these as a dict."""
    state = st.new()
    state[st.TO_REPORT] = st.REPORT_DIAGNOSTICS
    state[st.OFFSET] = 845000000
    handlers = downlinks.Handlers(Port(path), None, None, Numbers(path, 0), state, log_)
    handlers.numbers.damaged = 3
    out = cbor.Writer(bytearray(1400))
    out.head(cbor.MAP, 1)
    assert handlers.write(out) == 1
    return handlers, cbor.loads(out.buf[: out.n])[9]


def test_all_of_it_is_reported_until_the_agent_has_it():
    path = folder()
    with open(path + log.LAST_FAULT, "wb") as f:
        f.write(("497\n" + TRACE).encode())
    one = log.Log()
    one.add(400, log.REFUSED, 15)
    one.add(497, log.RAISED)
    handlers, said = reported(path, one)
    assert said[0] == [0, 845000000]
    assert said[1] == [0, 0, 0, 0, 1, 0, 0, 3, 0]
    assert said[2] == [400, log.REFUSED, 15, 497, log.RAISED, 0]
    assert said[3] == "497\n" + TRACE.replace("\xe9", "??")
    assert reported(path, one)[1] == said  # not acknowledged
    one.add(600, log.FLASH, 28)
    handlers.on_ack()
    assert not handlers.to_report()
    assert reported(path, one)[1] == {0: said[0], 1: said[1], 2: [600, log.FLASH, 28]}


def test_a_full_log_and_a_long_fault_fit_in_an_uplink():
    path = folder()
    with open(path + log.LAST_FAULT, "wb") as f:
        f.write(b"x" * 5000)
    one = log.Log()
    for _ in range(24):
        one.add(4000000000, log.REFUSED, -2000000000)
    _, said = reported(path, one)
    assert len(said[2]) == 72 and len(said[3]) == 700
    os.remove(path + log.LAST_FAULT)


def test_wakes_are_kept_until_they_are_reported():
    one = log.Log()
    one.add(7, log.FLASH, 5)
    for i in range(60):
        one.wake(60 * (70000 + i), 11, 6, 12345)
    again = log.Log(one.pack())
    assert len(again.wakes) == 40 * 6 and again.wakes == one.wakes and entries(again) == entries(one)
    assert again.wakes[-6:] == bytes([(70059 & 255), (70059 >> 8) & 255, 11, 6, 123, 0])
    assert len(one.pack()) <= log.MAX_BYTES
