"""Runs first after every reset: arms the watchdog, mounts the application slot where imports find it."""

import sys

import vfs

# MicroPython has mounted the flash so that it is read by 32 bytes, ten thousands of times a wake.
try:
    from flashbdev import bdev

    files = vfs.VfsLfs2(bdev, readsize=512)  # type: ignore[abstract]
    vfs.umount("/")
    vfs.mount(files, "/")
except (ImportError, OSError):  # MicroPython on Unix; or it stays as it is
    pass

# What is built in, it looks for on the flash first, at each import, unless it is loaded.
path, sys.path[:] = sys.path[:], [".frozen"]
for name in "array binascii collections cryptolib hashlib io json machine os struct time".split():
    try:
        sys.modules[name] = __import__(name)
    except ImportError:
        pass
sys.path[:] = path

# Before anything of the slot runs: a release that hangs while it is imported must be reset, too.
try:
    from machine import WDT
except ImportError:  # MicroPython on Unix has none
    pass
else:
    WDT(timeout=60_000)  # as long as that of locator/port/esp32.py, which takes it over

import bundle  # noqa: E402
import slots  # noqa: E402

vfs.mount(bundle.Slot(slots.choose()), "/app")
if not slots.on_trial:  # else a crash must find it here
    sys.modules.pop("trials", None)
# Behind the folder of this file, whose modules no release replaces, and before what may be frozen.
sys.path.insert(1, "/app")
