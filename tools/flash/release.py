"""Builds a release: the application compiled for a board, as `landbridge updates add` takes it.

`python -m tools.flash.release TARGET --board REFERENCE_BG95` makes
    TARGET/locator/       the compiled modules
    TARGET/release.json   number and version of the release, its board, the version of compiled modules, files

Number and version are in firmware/locator/__init__.py: raise SEQUENCE before each release.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from landbridge.protocol.limits import RELEASE_BYTES, RELEASE_FILES

from tools.ending import one_line
from tools.flash.boards import names
from tools.flash.layout import DRIVERS, FIRMWARE, LayoutError, application, constants, fitted

MANIFEST = "release.json"


def build(target: Path, board: str, firmware: Path = FIRMWARE, modem: str | None = None) -> None:
    """Fill `target` with the release of the sources in `firmware` for `board`; `modem` is that of a simulated
    board. Raises `LayoutError` when it is not named, or a device would not take the release."""
    if board not in names():
        raise LayoutError(f"no board {board!r}: known boards are {', '.join(names())}")
    modem = fitted(board) or modem
    if not modem:
        raise LayoutError(f"{board} needs --modem: its modem is simulated")
    if not (firmware / DRIVERS / modem / "driver.py").exists():
        raise LayoutError(f"no modem {modem!r}: name a folder of firmware/{DRIVERS} that has a driver")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    files = application(firmware, modem=modem)
    size = sum(map(len, files.values()))
    if len(files) > RELEASE_FILES or size > RELEASE_BYTES:
        raise LayoutError(
            f"the application has {len(files)} files of {size:,} bytes, "
            f"a device takes {RELEASE_FILES} of {RELEASE_BYTES:,}: shorten it"
        )
    for name, content in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    said = constants(firmware)
    manifest = {
        "sequence": said["SEQUENCE"],
        "version": said["VERSION"],
        "board": board,
        "mpy": next(iter(files.values()))[1],
        "files": sorted(files),
    }
    (target / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.release", description=__doc__)
    parser.add_argument("target", type=Path, help="folder to make, for example build/release-2")
    parser.add_argument("--board", required=True, help="name of a folder in boards/")
    parser.add_argument("--modem", help="of a simulated board: bg95 or sim7600")
    arguments = parser.parse_args()
    build(arguments.target, arguments.board, modem=arguments.modem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
