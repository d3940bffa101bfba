"""Runs after boot.py: builds the board's port, runs one wake, sleeps."""

import gc
import sys

import slots

AFTER_FAULT = (900_000, 0)

# Collect early and often: garbage that waits until the heap is full leaves it in pieces.
gc.threshold(8192)
port = None
loaded = False
try:
    import board

    port = board.make_port()
    from locator import wake

    loaded = True
    sleep = wake.run(port, board)
    slots.ended()
except Exception as error:
    # A fault of one wake must not end the device in a prompt: the next wake begins afresh.
    sys.print_exception(error)
    sleep = AFTER_FAULT
    try:
        slots.failed(not loaded)
    except OSError as error:  # the flash takes nothing: the boot stays open
        sys.print_exception(error)
    if port is None:
        import machine  # nothing of ours could be loaded

        machine.deepsleep(sleep[0])
    else:
        port.modem_rail(False)
port.deepsleep(*sleep)
