"""A folder of its own for each test, on both runtimes."""

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


def _make(path):
    try:
        os.mkdir(path)
    except OSError:
        pass
