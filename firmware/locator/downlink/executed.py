"""The executed commands in flash: the highest id, and the commands whose result is not acknowledged.

A command is written to it before it runs, so it never runs twice.
"""

from micropython import const

from locator.codec import checked

_FILE = "/commands.bin"
MOST = const(8)
_MOST_BYTES = const(160)

# Indices of an entry.
ID = const(0)
VERB = const(1)
RESULT = const(2)


class Executed:
    """`folder` is the device's data directory; `now` the agent's time, epoch seconds."""

    def __init__(self, folder, now):
        self._path = folder + _FILE
        found = checked.read(self._path)
        if found is None:
            # A file that cannot be read may have contained any command. Ids come from the agent's clock:
            # those given later are certainly new.
            self.last = now if checked.exists(self._path) else 0
            self.entries = []
        else:
            self.last, self.entries = found

    def save(self):
        """Replace the file; raises OSError if the flash refuses it."""
        checked.put(self._path, [self.last, self.entries], _MOST_BYTES)
