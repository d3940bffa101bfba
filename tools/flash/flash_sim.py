"""`make flash-sim [MICROPYTHON=image.bin]`: `make flash` on a simulated board.

The image of the simulated board is built and written by esptool through the very code of `make flash` to a
stand-in for the ROM's bootloader, and verified. Then the part with the file system is cut out of the merged
image, mounted by MicroPython as a block device, and completes one wake against the simulated modem, broker
and agent.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from esp32_mock_bootloader import mock_bootloader

from tools.ending import one_line
from tools.flash import LayoutError
from tools.flash.dummy_image import OTA, make
from tools.flash.flash import flash
from tools.flash.image import FILES, FLASH, MANIFEST, littlefs, unpack
from tools.flash.wake_sim import wake
from tools.world.device import firmware
from tools.world.services.processes import ServiceError

BOARD = "SIM"
RECORDS = 3


def written(micropython: Path, out: Path) -> bytes:
    """Flash the simulated board through the stand-in of the bootloader; the merged image that was written."""
    with mock_bootloader(chip="esp32") as bootloader:
        flash(BOARD, bootloader.url(), micropython, out, erase=False)
        try:
            flash(BOARD, bootloader.url(), micropython, out, erase=False)
        except LayoutError as refused:
            print(f"flashing it again is refused, as it must be: {refused}")
        else:
            raise LayoutError("an existing file system was overwritten")
    return (out / FLASH).read_bytes()


def _provisioned(files: bytes, config: Path, tree: Path) -> bytes:
    """The file system with an identity and some records."""
    unpack(files, tree)
    shutil.copytree(config, tree / "config")
    firmware.fill(tree, RECORDS)
    return littlefs(tree, len(files))


@one_line(LayoutError, ServiceError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.flash_sim", description=__doc__)
    parser.add_argument("--micropython", type=Path, help="MicroPython image; default: a dummy without code")
    arguments = parser.parse_args()
    out = Path("build", "image", BOARD)
    with tempfile.TemporaryDirectory() as name:
        micropython = arguments.micropython
        if micropython is None:
            micropython = Path(name, "micropython.bin")
            micropython.write_bytes(make(OTA))
        whole = written(micropython, out)
        at = json.loads((out / MANIFEST).read_text())["images"][FILES]["offset"]
        files = whole[at : at + (out / FILES).stat().st_size]
        count = wake(Path(name, "world"), lambda config: _provisioned(files, config, Path(name, "tree")))
    print(f"one wake from the flashed file system: {count} records acknowledged")
    return 0 if count > RECORDS else 1


if __name__ == "__main__":
    sys.exit(main())
