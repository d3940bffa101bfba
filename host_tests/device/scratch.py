"""A separate folder for each test, on both runtimes; and the parts of a port that need no modem."""

import os

_count = 0


def folder():
    """A new empty folder below build/, its path."""
    global _count
    _count += 1
    path = "build/test-scratch"
    for part in ("build", path):
        _make(part)
    name = "%s/%s-%d-%d" % (path, os.urandom(6).hex(), _count, 0)
    _make(name)
    return name


class Port:
    """A port with such a folder, so many seconds after power-on."""

    def __init__(self, clock_s=100000):
        self.data_dir = folder()
        self._clock_s = clock_s

    def clock_s(self):
        return self._clock_s


def _make(path):
    try:
        os.mkdir(path)
    except OSError:
        pass
