"""Decides again what a trip has decided: `micropython decide.py FILE` with the lines of `decide_bench`.

Prints one JSON line: us of each decision (the least of TIMES, for what else the host did is not ours) and
bytes it has left on the heap, garbage and the action itself; us of the first one, whose imports come to it;
how many came out otherwise than on the trip.
"""

import gc
import json
import sys
import time
from array import array

TIMES = 5


class Forecast:
    """As `ahead.begin` returns it."""


def read(line):
    """(state, senses, hints, action) of a line."""
    state, senses, pending, settings, costs, way, action = json.loads(line)
    forecast = Forecast()
    for name, value in way.items():
        setattr(forecast, name, tuple(value) if isinstance(value, list) else value)
    from locator.scheduler.battery import Costs

    costs[1] = tuple(costs[1])
    hints = (pending, array("i", settings), Costs(*costs), forecast)
    return array("i", state), tuple(senses), hints, tuple(action)


def measured(decide, state, senses, hints):
    """(us, bytes, action) of one decision, the collector at rest."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    start_us = time.ticks_us()
    action = decide.next(state, senses, hints)
    us = time.ticks_diff(time.ticks_us(), start_us)
    left = gc.mem_alloc() - before
    gc.enable()
    return us, left, tuple(getattr(action, name) for name in NAMES)


NAMES = ("kind", "reason", "limit_s", "patience_s", "plmn", "wake_on", "mcc")
times_us = array("i")
left_bytes = array("i")
otherwise = 0
first_us = None
with open(sys.argv[1]) as lines:
    for line in lines:
        state, senses, hints, expected = read(line)
        kept = bytes(state)
        if first_us is None:
            gc.collect()
            start_us = time.ticks_us()
        from locator.scheduler import decide

        least_us = 1 << 30
        for _ in range(TIMES):
            state = array("i", kept)
            us, left, action = measured(decide, state, senses, hints)
            if first_us is None:
                first_us = time.ticks_diff(time.ticks_us(), start_us)
            least_us = min(least_us, us)
        times_us.append(least_us)
        left_bytes.append(left)
        otherwise += action != expected
result = {"us": list(times_us), "left": list(left_bytes), "first_us": first_us, "otherwise": otherwise}
print(json.dumps(result))
