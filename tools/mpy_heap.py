"""Imports modules one after the other and prints what each keeps of the heap, in bytes, behind its group.

`micropython mpy_heap.py [ROMFS SLOT] GROUP=MODULE GROUP=MODULE ...`: an argument of MicroPython has 255 bytes
at most. With the files ROMFS and SLOT the modules of the slot are used in place (firmware/inplace.py). In the
end comes what MicroPython says of its names, which are in these bytes.
"""

import gc
import sys

import micropython


def used():
    """Bytes of the heap that are in use after a collection."""
    gc.collect()
    return gc.mem_alloc()


def use_in_place(rom, slot):
    """Imports find the modules of the slot as they lie in the bytes `rom`."""
    import bundle
    import vfs

    files = vfs.VfsRom(memoryview(rom)[bundle.HEAD_BYTES :])  # type: ignore[attr-defined]
    vfs.mount(bundle.Slot(slot, files), "/app")
    sys.path.insert(1, "/app")


groups = sys.argv[1:]
if "=" not in groups[0]:
    with open(groups[0], "rb") as f:
        rom = f.read()
    use_in_place(rom, groups[1])
    groups = groups[2:]
for group in groups:
    name, module = group.split("=")
    before = used()
    __import__(module)
    print(name, used() - before)
micropython.qstr_info()
