"""The application of the tracker: one wake from reset to sleep."""

import gc
import sys

VERSION = "0.1.0"

SEQUENCE = 1
"""Number of this release: higher than that of every release before."""


def unload(*names):
    """Give back the heap of modules that a wake does not need any more, by their names in here."""
    for name in names:
        _forget("locator." + name)


def unload_but(loaded):
    """Give back the heap of all modules but those `loaded`."""
    # What is inside a package before the package.
    for name in sorted(set(sys.modules).difference(loaded), reverse=True):
        _forget(name)


class lazy:
    """`with lazy("esim.policy") as policy:` a module that is there only meanwhile, with all that was imported
    since."""

    def __init__(self, name):
        self._name = "locator." + name

    def __enter__(self):
        self._loaded = list(sys.modules)
        __import__(self._name)
        return sys.modules[self._name]

    def __exit__(self, *_):
        unload_but(self._loaded)
        gc.collect()


def _forget(name):
    if sys.modules.pop(name, None):
        package, _, module = name.rpartition(".")
        if hasattr(sys.modules.get(package), module):
            delattr(sys.modules[package], module)
