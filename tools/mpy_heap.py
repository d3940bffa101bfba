"""Imports modules group by group and prints what each group keeps of the heap, in bytes.

`micropython mpy_heap.py GROUP=MODULE,MODULE ...`
"""

import gc
import sys


def used():
    """Bytes of the heap that are in use after a collection."""
    gc.collect()
    return gc.mem_alloc()


for group in sys.argv[1:]:
    name, modules = group.split("=")
    before = used()
    for module in modules.split(","):
        __import__(module)
    print(name, used() - before)
