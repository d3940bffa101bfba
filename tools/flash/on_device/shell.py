"""For an engineer at the prompt of a tracker: sent through its REPL by `make console`.

status() what it feels and when it wakes; plan() what it would do now and why; journal() its records;
at("+CSQ") to the modem; selftest by `make selftest`. keep_tilt() makes this its mounted position.
"""

import machine
from locator import state as st
from locator.codec import record
from locator.journal import copy, rtc
from locator.journal.numbers import Numbers
from locator.journal.store import Journal

board = __import__("board")  # of any kind
port = board.make_port()
machine.WDT(timeout=900000)  # in seconds of an engineer, not of a wake
keep_tilt = getattr(port, "keep_tilt", None)


def _state():
    kept = rtc.unpack(port.rtc_memory, st.SIZE)
    return st.new(kept) if kept else copy.state(port.data_dir, copy.read(port.data_dir))


def status():
    """Print the sensor values and the scheduler state."""
    names = ("battery mV", "0.1 C", "motion", "lux", "shock mg", "tilt deg", "lid")
    for name, value in zip(names, port.senses()):
        print("%-12s %d" % (name, value))
    state = _state()
    for name, place in (
        ("last wake s", st.NOW),
        ("record s", st.LAST_RECORD),
        ("fix s", st.LAST_FIX),
        ("upload s", st.LAST_SESSION),
        ("tries failed", st.ATTEMPT_FAILS),
        ("last PLMN", st.LAST_PLMN),
    ):
        print("%-12s %d" % (name, state[place]))
    print("%-12s %d" % ("clock s", port.clock_s()))


def plan():
    """Print the next action and its reason."""
    from locator.downlink import applied
    from locator.scheduler.pace import Pace

    state = _state()
    senses = (port.clock_s(), port.wake_reason, port.reset_cause) + port.senses()
    st.feel(state, senses)
    waiting = Journal(port.data_dir, Numbers(port.data_dir, 0)).pending()
    settings, pace = applied.load(port.data_dir, state), Pace(port, board.MODEM)  # type: ignore[attr-defined]
    pace.feel(state, settings, senses[4], senses[3])
    action = pace.next(state, senses, waiting, settings)
    for name in ("kind", "reason", "limit_s", "patience_s", "plmn", "wake_on", "mcc"):
        print(name, getattr(action, name))


def journal(n=10):
    """How many records wait, and the newest `n` of them."""
    kept = Journal(port.data_dir, Numbers(port.data_dir, 0))
    print(kept.pending(), "wait for the agent")
    buf = bytearray(record.SIZE * n)
    for i in range(kept.read_batch(buf, n, True)):
        fields = record.unpack(memoryview(buf)[record.SIZE * i : record.SIZE * (i + 1)])
        print(dict(zip(record.FIELDS.split(), fields)))


def at(text, wait_ms=5000):
    """Send AT`text` to the modem, started if need be, and print what it says within `wait_ms`."""
    if port._uart is None:
        from locator.modem import make

        board.apn = b""  # type: ignore[attr-defined]
        make(board, port).start(False, False)
    port.uart_write(b"AT" + text.encode() + b"\r")
    buf, said = bytearray(256), b""
    while not (said.endswith(b"OK\r\n") or b"ERROR" in said):
        n = port.uart_readinto(buf, wait_ms)
        if not n:
            break
        said += buf[:n]
    print(said.decode())
