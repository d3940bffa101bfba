"""Updates the firmware on a board that runs MicroPython: `make deploy BOARD=REFERENCE_BG95
PORT=/dev/ttyUSB0`.

Each file is written next to the old one and read back; when all are there, they take the places of the old
ones. Records, settings and keys stay. What was there already is not written again: after an interruption,
repeat it. A tracker that is another board, whose pins are other ones, needs REPLACE=1 (--replace).
"""

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from rich.progress import Progress as Bars

from tools.ending import one_line
from tools.flash import NEW_ID, WORN_OUT, LayoutError
from tools.flash.device import Device, Progress
from tools.flash.layout import FOLDERS, OTHERS, POINTER, SLOT, START_FILES, lay_out

_MARGIN_BYTES = 32_768
_RUNS_FIRST = b"\0\0"
"""In the pointer, after its first byte: the first slot is good, and none is on trial."""
_ACTIVATE = """
import os
for path in {changed}:
    os.rename(path + ".new", path)
for path in {gone}:
    try:
        os.remove(path)
    except OSError:
        pass
os.sync() if hasattr(os, "sync") else None
"""

_BOARD = """
try:
    import board
    print(board.NAME)
except Exception:  # none is there, or it is damaged
    pass
"""

Bar = Callable[[str, int], Progress | None]
"""Makes the progress of a file from its name and bytes."""


def files(board: str) -> dict[str, bytes]:
    """The files for the board's flash, by path."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), board)
        found = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def check_board(device: Device, board: str) -> None:
    """Raises `LayoutError` where the tracker is another board."""
    there = device.run(_BOARD).strip()
    if there not in {"", board}:
        raise LayoutError(
            f"this tracker is a {there}, whose pins are not those of {board}: BOARD={there}, or REPLACE=1 "
            f"if it was flashed for the wrong board"
        )


def deploy(device: Device, wanted: dict[str, bytes], bar: Bar = lambda name, size: None) -> list[str]:
    """Bring `wanted` on the device; the paths that were not there already, and the pointer where it named
    another slot. Raises `LayoutError`."""
    for folder in FOLDERS:
        device.make_folder(folder)
    changed = [path for path in in_order(wanted) if device.hash(path) != _hash(wanted[path])]
    missing = [path for path in changed if not _has_come(device, path + ".new", wanted[path])]
    needed = sum(len(wanted[path]) for path in missing) + _MARGIN_BYTES
    if missing and device.free_bytes < needed:
        free = f"the flash has {device.free_bytes:,} bytes free"
        raise LayoutError(f"{free}, {needed:,} are needed: make flash ERASE=1; {NEW_ID}")
    for path in missing:
        put(device, path + ".new", wanted[path], bar(path, len(wanted[path])))
    runs_other = device.read(POINTER)[1:3] not in {b"", _RUNS_FIRST}
    if changed or runs_other:
        gone = OTHERS if SLOT in changed or runs_other else ()
        device.run(_ACTIVATE.format(gone=gone, changed=changed))
    return [*changed, *([POINTER] if runs_other else ())]


def in_order(paths: Iterable[str]) -> list[str]:
    """The files that MicroPython starts are written last, after everything that they need."""
    return sorted(paths, key=lambda path: (path in START_FILES, path))


def _has_come(device: Device, path: str, data: bytes) -> bool:
    """Whether an earlier run has written the file `path` whole; a part of it is removed."""
    there = device.hash(path)
    if there and there != _hash(data):
        device.free_bytes += len(device.read(path))
        device.remove(path)
    return there == _hash(data)


def put(device: Device, path: str, data: bytes, progress: Progress | None = None) -> None:
    """Write a file unless it is there, and read it back. Raises `LayoutError`."""
    if device.hash(path) != _hash(data):
        device.write(path, data, progress)
    if device.hash(path) != _hash(data):
        raise LayoutError(f"{path}: {WORN_OUT}")


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.deploy", description=__doc__)
    parser.add_argument("board", help="name of a folder in boards/")
    parser.add_argument("--port", required=True, help="for example /dev/ttyUSB0")
    parser.add_argument("--replace", action="store_true", help="also if the tracker is another board")
    arguments = parser.parse_args()
    wanted = files(arguments.board)
    with closing(Device(arguments.port)) as device:
        if not arguments.replace:
            check_board(device, arguments.board)
        with Bars() as bars:

            def bar(name: str, size: int) -> Progress:
                task = bars.add_task(name, total=size)
                return lambda done, _: bars.update(task, completed=done)

            changed = deploy(device, wanted, bar)
        device.restart()
    print(f"{len(changed)} of {len(wanted)} files were new: " + (", ".join(changed) or "none"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
