"""A battery that may not carry a write to flash."""

import os

import scratch
from locator import wake
from locator.port import DEEPSLEEP_RESET, WAKE_TIMER


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


def test_below_the_limit_nothing_is_written_and_the_device_sleeps_an_hour():
    port = Weak(2999)
    assert wake.run(port, None) == (3600000, 0)
    assert os.listdir(port.data_dir[: -len("/data")]) == []


def test_at_the_limit_the_wake_goes_on():
    try:
        wake.run(Weak(3000), None)
    except AttributeError:  # it asks for the configuration
        return
    raise AssertionError
