"""Out of what swallows commands: a call or a multiplexer that a reset of ours alone has left open."""

from micropython import const

_GUARD_MS = const(1100)
_SETTLE_MS = const(300)
# The multiplexer's close-down frame on channel 0 (TS 27.010, basic mode).
_CLOSE_DOWN = b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9"


def escape(port, at, answers):
    """Lead the modem back to commands: `+++` between two silences and the call hung up, then the close-down
    frame. `answers()` tells whether it hears `AT`; returns what it told last."""
    port.sleep_ms(_GUARD_MS)
    port.uart_write(b"+++")
    at.drain(_GUARD_MS)
    if answers():
        port.uart_write(b"ATH\r")
    else:
        port.uart_write(_CLOSE_DOWN)
    at.drain(_SETTLE_MS)
    return answers()
