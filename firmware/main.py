"""Runs after boot.py: builds the board's port, runs one wake, sleeps."""

import gc
import io
import sys

from micropython import const
from start import slots

AFTER_FAULT = (900_000, 0)
_FAULT_BYTES = const(600)

# Collect early and often: garbage that waits until the heap is full leaves it in pieces.
gc.threshold(8192)


class Tail(io.IOBase):
    """Keeps the end of what is written: the innermost lines of a traceback, and the error."""

    text = b""

    def write(self, data):
        self.text = (self.text + bytes(data))[-_FAULT_BYTES:]
        return len(data)


def keep(error, port):
    """Leave the fault in flash for the next wake that can report (locator/journal/log.py); it must work
    where nothing of `locator` can be imported."""
    try:
        tail = Tail()
        sys.print_exception(error, tail)
        with open((port.data_dir if port else "data") + "/fault.new", "wb") as f:
            f.write(b"%d\n" % (port.clock_s() if port else 0) + tail.text)
    except Exception as also:  # a flash that is full or dead: then there is nothing to keep it in
        sys.print_exception(also)


def end_trial_boot():
    """The boot on trial has come to its sleep. A flash that does not take this is no fault of the release:
    the boot stays counted as one that has not."""
    from start import trial

    try:
        trial.ended()
    except OSError as error:
        sys.print_exception(error)


def fault(error):
    """A fault of one wake must not end the device in a prompt: the next wake begins afresh."""
    sys.print_exception(error)
    keep(error, port)
    try:
        from start import trial

        trial.failed(not loaded)
    except Exception as also:  # the flash takes nothing, or memory is short: the boot stays open
        sys.print_exception(also)


port = None
loaded = False
try:
    import board

    port = board.make_port()
    from locator import wake

    loaded = True
    sleep = wake.run(port, board)
    if slots.on_trial:
        end_trial_boot()
except Exception as error:
    fault(error)
    sleep = AFTER_FAULT
if port is not None:
    try:
        if sleep is AFTER_FAULT:
            port.modem_rail(False)
        port.deepsleep(*sleep)
    except Exception as error:
        fault(error)
# Nothing of ours could be loaded, or a part of it is damaged: the chip's timer remains.
import machine  # noqa: E402

machine.deepsleep(sleep[0])
