"""Kills the agent and the broker where it hurts, at places named beforehand.
"""

import os
import signal
from pathlib import Path


class Trap:
    """Dies at a named point when the file `armed` of a folder holds that name.

    The one who arms it finds `sprung` in its place afterwards. Without a folder nothing happens.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def armed(self, point: str) -> bool:
        """True if the process is to die at `point`."""
        file = self.folder and self.folder / "armed"
        return bool(file and file.exists() and file.read_text() == point)

    def spring(self) -> None:
        """Die at once, as by a power cut of this process."""
        assert self.folder
        os.replace(self.folder / "armed", self.folder / "sprung")
        os.kill(os.getpid(), signal.SIGKILL)
