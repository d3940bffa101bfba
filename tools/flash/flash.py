"""Flashes a board: `make flash BOARD=REFERENCE_BG95 PORT=/dev/ttyUSB0 MICROPYTHON=image.bin`.

Builds the image (tools.flash.image), looks at chip and flash size, then writes MicroPython and the file
system and verifies both, all by esptool. A file system that is there already is left alone, because records
lie in it: `make deploy` renews the firmware and keeps them. ERASE=1 (--erase) erases them, and identity and
key in NVS; the tracker then needs a new device id. The beginning of the file system is written last, so a
flashing that was interrupted before may be repeated.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.ending import one_line
from tools.flash import BOARDS, NEW_ID, WORN_OUT, LayoutError
from tools.flash.boards import load
from tools.flash.device import NO_PERMISSION, ports_there
from tools.flash.image import FILES, SIMULATED, build
from tools.flash.layout import PORTS
from tools.flash.micropython import BLOCK, Micropython, read

HEAD = 2 * BLOCK
"""LittleFS keeps its beginning twice, in the first two blocks; a tracker may have lost one of them."""
REMEDIES = (
    (r"This chip is (\S+),", "the chip is {0}, the board needs a plain ESP32: another board, or BOARD="),
    (r"Permission denied", NO_PERMISSION),
    (r"doesn't exist|No such file|could not open", "no such port {port}: is it a data cable? {ports}"),
    (r"busy|exclusively lock", "{port} is busy: end the program that has it open"),
    (
        r"Failed to connect|No serial data|Wrong boot mode|No more data",
        "no answer at {port}: hold BOOT, press RESET, release BOOT, and try again",
    ),
    (r"MD5|digest|Verification failed", WORN_OUT),
)


class Esptool:
    """esptool at a port; `plain` for one without a line to reset the chip."""

    def __init__(self, port: str) -> None:
        self._port = port
        after = ("--after", "no-reset") if "://" in port else ()
        self._command = [sys.executable, "-m", "esptool", "--chip", "esp32", "--port", port, *after]

    def ask(self, *arguments: str) -> str:
        """What it says. Raises `LayoutError` with the remedy."""
        result = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if result.returncode:
            raise LayoutError(self._why(result.stdout + result.stderr))
        return result.stdout

    def show(self, *arguments: str) -> None:
        """Let it show its progress itself. Raises `LayoutError` when it fails."""
        if subprocess.run([*self._command, *arguments], check=False).returncode:
            raise LayoutError(f"esptool has failed at {self._port}; its output is above. Try again")

    def is_blank(self, at: int) -> bool:
        """Whether the flash at that offset is erased where a file system begins."""
        with tempfile.NamedTemporaryFile(suffix=".bin") as blank:
            blank.write(b"\xff" * HEAD)
            blank.flush()
            try:
                self.ask("verify-flash", hex(at), blank.name)
            except LayoutError:
                return False
        return True

    def _why(self, said: str) -> str:
        for pattern, remedy in REMEDIES:
            found = re.search(pattern, said)
            if found:
                return remedy.format(*found.groups(), port=self._port, ports=ports_there())
        return said.strip().splitlines()[-1] if said.strip() else "esptool failed without a message"


def flash(board: str, port: str, micropython: Path, out: Path, erase: bool) -> None:
    """Write MicroPython and the file system for `board`. Raises `LayoutError`."""
    folder = BOARDS / (SIMULATED if board in PORTS else board)
    flash_mb = load(folder)["board"]["flash_mb"]
    image = read(micropython, flash_mb << 20)
    tool = Esptool(port)
    there = re.search(r"Detected flash size: (\d+)MB", tool.ask("flash-id"))
    if not there or int(there.group(1)) < flash_mb:
        size = f"{there.group(1)} MB" if there else "of unknown size"
        raise LayoutError(f"the flash is {size}, {board} needs {flash_mb} MB: another board, or BOARD=")
    build(out, board, micropython)
    if not erase and not tool.is_blank(image.files_at):
        raise LayoutError(
            f"there is a file system at {image.files_at:#x}, perhaps with records and a key: make deploy "
            f"keeps them and renews the firmware; ERASE=1 erases them: {NEW_ID}. After an interruption "
            "of the first make flash ERASE=1 loses nothing"
        )
    if erase:
        tool.show("erase-flash")
    parts = _parts(out, image)
    tool.show("write-flash", *parts)
    tool.ask("verify-flash", *parts)
    print(f"flashed: MicroPython {image.version} and {board}, read back and found the same")


def _parts(out: Path, image: Micropython) -> list[str]:
    """The offsets and files to write, in this order, as arguments of esptool."""
    files = (out / FILES).read_bytes()
    pieces = [(image.files_at + HEAD, files[HEAD:]), *image.parts()]
    pieces.append((image.files_at, files[:HEAD]))
    parts = []
    for at, data in pieces:
        part = out / f"part-{at:#x}.bin"
        part.write_bytes(data)
        parts += [hex(at), str(part)]
    return parts


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.flash", description=__doc__)
    parser.add_argument("board", help="name of a folder in boards/")
    parser.add_argument("--port", required=True, help="for example /dev/ttyUSB0")
    parser.add_argument("--micropython", required=True, type=Path, help="image of MicroPython, ESP32_GENERIC")
    parser.add_argument("--erase", action="store_true", help="erase identity and records on the board")
    arguments = parser.parse_args()
    out = Path("build", "image", arguments.board)
    flash(arguments.board, arguments.port, arguments.micropython, out, arguments.erase)
    return 0


if __name__ == "__main__":
    sys.exit(main())
