"""Runs first after every reset: arms the watchdog, mounts the application slot where imports find it."""

import sys

import bundle
import slots
import vfs

# Before anything of the slot runs: a release that hangs while it is imported must be reset, too.
try:
    from machine import WDT
except ImportError:  # MicroPython on Unix has none
    pass
else:
    WDT(timeout=60_000)  # as long as that of locator/port/esp32.py, which takes it over

slot = slots.choose()
vfs.mount(bundle.Slot(slot), "/app")
if not slots.on_trial:  # else a crash must find it here
    sys.modules.pop("trials", None)
# Behind the folder of this file, whose modules no release replaces, and before what may be frozen.
sys.path.insert(1, "/app")
