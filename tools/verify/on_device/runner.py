"""Runs the test functions of one file on MicroPython: `micropython runner.py FILE`.

Prints one line a test, "@@" and JSON: name, milliseconds, traceback or null, bytes of heap in use.
"""

import gc
import io
import json
import sys
import time


def main() -> None:
    """Import the file by its base name and call each `test_*` of it, one after the other."""
    name = sys.argv[1].rsplit("/", 1)[-1][: -len(".py")]
    module = __import__(name)
    for test in dir(module):
        if test.startswith("test_"):
            print("@@" + json.dumps(run(test, getattr(module, test))))


def run(name, function):
    """Call one test; return a dict with its result."""
    gc.collect()
    trace = None
    start_ms = time.ticks_ms()
    try:
        function()
    except Exception as error:
        text = io.StringIO()
        sys.print_exception(error, text)
        trace = text.getvalue()
    took_ms = time.ticks_diff(time.ticks_ms(), start_ms)
    return {"name": name, "ms": took_ms, "trace": trace, "heap": gc.mem_alloc()}


main()
