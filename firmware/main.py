"""Runs after boot.py: builds the board's port, runs one wake, sleeps."""

import gc
import sys

import board
from locator import wake

# Collect early and often: garbage that waits until the heap is full leaves it in pieces.
gc.threshold(8192)
port = board.make_port()
try:
    sleep = wake.run(port, board)
except Exception as error:
    # A fault of one wake must not end the device in a prompt: the next wake begins afresh.
    sys.print_exception(error)
    port.modem_rail(False)
    sleep = wake.AFTER_FAULT
port.deepsleep(*sleep)
