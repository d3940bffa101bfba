"""Imports modules one after the other and prints what each keeps of the heap, in bytes, behind its group.

`micropython mpy_heap.py GROUP=MODULE GROUP=MODULE ...`: an argument of MicroPython has 255 bytes at most.
"""

import gc
import sys


def used():
    """Bytes of the heap that are in use after a collection."""
    gc.collect()
    return gc.mem_alloc()


for group in sys.argv[1:]:
    name, module = group.split("=")
    before = used()
    __import__(module)
    print(name, used() - before)
