"""The shared vectors of downlinks on the device's side: a new device accepts each."""

import json
import sys
from binascii import hexlify, unhexlify

import scratch
from locator import state as st
from locator.codec import cbor, record
from locator.downlink import handlers
from locator.journal import log
from locator.journal.numbers import Numbers
from locator.journal.store import Journal


def lines():
    for folder in sys.path:
        try:
            with open(folder + "/docs/reference/vectors.json") as f:
                yield from f
            return
        except OSError:
            continue
    raise OSError("docs/reference/vectors.json")


def cases():
    """The downlinks alone: a vector is a line, and all of them would fill the heap."""
    inside = False
    for line in lines():
        if line[:1] == '"':
            inside = line.startswith('"handled"')
        elif inside and line[:2] == " {":
            yield json.loads(line.strip().rstrip(","))


def device():
    """The handlers of the device of the vectors (host_tests/support/make_vectors.py)."""
    port = scratch.Port(100)
    numbers = Numbers(port.data_dir, 1)
    numbers.boot = 3
    journal = Journal(port.data_dir, numbers)
    for _ in range(100):
        journal.append([record.REUSED, 1, 0, 0, 1, 1] + [0] * 14)
    journal.give_up(0)
    noted = log.Log()
    noted.add(50, log.REFUSED, 19)
    noted.add(60, log.MODEM, -1)
    return handlers.Handlers(port, None, journal, numbers, st.new(), noted, "SIM")


def test_downlinks_are_obeyed_and_reported_to_the_byte():
    count = 0
    for case in cases():
        at = device()
        downlink = cbor.loads(unhexlify(case["downlink"]))
        downlink[3] = case["time"]
        at.take(downlink)
        out = cbor.Writer(bytearray(96))
        out.head(cbor.MAP, 0)
        out.buf[0] += at.write(out)
        assert hexlify(out.buf[: out.n]).decode() == case["report"], case["name"]
        count += 1
    assert count == 14
