"""A battery that may not carry a write to flash."""

import os

import scratch
from locator import state as st
from locator import wake
from locator.hal import DEEPSLEEP_RESET, WAKE_TIMER
from locator.journal.log import Log
from locator.journal.snapshots import Snapshots


class Weak:
    """Of a port only what may be touched then."""

    wake_reason = WAKE_TIMER
    reset_cause = DEEPSLEEP_RESET

    def __init__(self, battery_mv):
        self.battery_mv = battery_mv
        self.data_dir = scratch.folder() + "/data"

    def senses(self):
        return (self.battery_mv, 200, 0, 0, 0, 0, 0)

    def clock_s(self):
        return 1000


def test_below_the_limit_nothing_is_written_and_the_device_sleeps_four_hours():
    port = Weak(2999)
    assert wake.run(port, None) == (14400000, 0)
    assert os.listdir(port.data_dir[: -len("/data")]) == []


def goes_on(battery_mv):
    try:
        wake.run(Weak(battery_mv), None)
    except AttributeError:  # it asks for the configuration
        return True
    return False


def test_at_the_limit_the_wake_goes_on():
    assert goes_on(3000)


def test_a_battery_that_is_not_known_is_taken_for_a_good_one():
    assert goes_on(0)


class Full:
    """Of a port only what is needed when the flash is full: its folder is not there."""

    data_dir = scratch.folder() + "/none"

    def clock_s(self):
        return 5

    def rtc_write(self, data):
        self.kept = bytes(data)


class Made:
    freed = 0

    def free(self, files):
        self.freed += files


def test_a_flash_that_takes_no_copy_of_the_plan_stops_no_report():
    port, journal, log = Full(), Made(), Log()
    Snapshots(port, journal, st.new(), log, bytearray(1024)).copy()
    assert journal.freed == 1 and len(log) == 1 and port.kept
