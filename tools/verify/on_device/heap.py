"""Imports modules one after the other and prints the heap that each occupies, in bytes, after its group.

`micropython heap.py GROUP=MODULE GROUP=MODULE ...`: an argument of MicroPython has 255 bytes at most. In
the end comes what MicroPython says of its names, which are in these bytes.
"""

import gc
import sys

import micropython


def used():
    """Bytes of the heap that are in use after a collection."""
    gc.collect()
    return gc.mem_alloc()


for group in sys.argv[1:]:
    name, module = group.split("=")
    before = used()
    __import__(module)
    print(name, used() - before)
micropython.qstr_info()
