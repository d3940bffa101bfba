"""The board's lamp: shows the result of the first wake after power-on to the installer.

One flash: it is on; then two: a network has taken it; three: it knows where it is; three seconds: all of
that, and it is sealed, the lid shut and no light inside. In service it stays dark.
"""

import time

from machine import Pin
from micropython import const

_FLASH_MS = const(150)
_PAUSE_MS = const(800)
_LONG_MS = const(3000)
_DARK_LUX = const(20)


def show(board, registered, fixed, lux, lid_open):
    """Flash what has been reached, step by step; nothing where there is no lamp."""
    if board.LED_PIN is None:
        return
    pin = Pin(board.LED_PIN, Pin.OUT)
    for times, reached in ((1, True), (2, registered), (3, fixed)):
        if reached:
            for _ in range(times):
                _flash(pin, board.LED_ON, _FLASH_MS)
            time.sleep_ms(_PAUSE_MS)
    if registered and fixed and lux < _DARK_LUX and not lid_open:
        _flash(pin, board.LED_ON, _LONG_MS)


def _flash(pin, on, ms):
    pin.value(on)
    time.sleep_ms(ms)
    pin.value(1 - on)
    time.sleep_ms(_FLASH_MS)
