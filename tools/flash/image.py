"""Builds what is flashed: `make image BOARD=REFERENCE_BG95 [MICROPYTHON=image.bin]`.

`python -m tools.flash.image BOARD --out build/image/BOARD` makes
    files/          the flash directory as tools.flash.layout lays it out
    files.bin       the same as an image of LittleFS
    flash.bin       all of the flash from 0 on, MicroPython first; only where its image is given
    manifest.json   board, versions, offset, size and SHA-256 of each
The same sources give the same bytes. Without MicroPython the file system is that of ESP32_GENERIC-OTA.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from littlefs import LittleFS
from littlefs.errors import LittleFSError
from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash import BOARDS, LayoutError
from tools.flash.boards import load
from tools.flash.layout import PORTS, SLOT, application, constants, fitted, lay_out
from tools.flash.micropython import BLOCK, OFFSET, OTA_FILES, read

FILES, FLASH, MANIFEST = "files.bin", "flash.bin", "manifest.json"
SIMULATED = "REFERENCE_BG95"
"""The board whose flash the simulated one has."""


def build(out: Path, board: str, micropython: Path | None = None) -> dict[str, Any]:
    """Fill `out`; returns the manifest. Raises `LayoutError`."""
    folder = BOARDS / (SIMULATED if board in PORTS else board)
    flash_bytes = load(folder)["board"]["flash_mb"] << 20
    shutil.rmtree(out, ignore_errors=True)
    lay_out(out / "files", board)
    made = read(micropython, flash_bytes) if micropython else None
    at, size = (made.files_at, made.files_bytes) if made else OTA_FILES
    (out / FILES).write_bytes(littlefs(out / "files", size))
    images = {FILES: at}
    if micropython:
        _merge(out, micropython, images, flash_bytes)
        images[FLASH] = 0
    manifest = {
        "board": board,
        "version": constants()["VERSION"],
        "sequence": constants()["SEQUENCE"],
        "micropython": made.version if made else None,
        "images": {name: _described(out / name, offset) for name, offset in sorted(images.items())},
        "files": {
            path.relative_to(out / "files").as_posix(): _described(path)
            for path in sorted((out / "files").rglob("*"))
            if path.is_file()
        },
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def littlefs(folder: Path, size: int) -> bytes:
    """An image of `size` bytes with what is in `folder`. Raises `LayoutError` when it does not fit."""
    files = LittleFS(block_size=BLOCK, block_count=size // BLOCK)
    try:
        for path in sorted(folder.rglob("*")):
            name = "/" + path.relative_to(folder).as_posix()
            if path.is_dir():
                files.makedirs(name, exist_ok=True)
            else:
                with files.open(name, "wb") as file:
                    file.write(path.read_bytes())
    except LittleFSError as error:
        raise LayoutError(f"the file system of {size // 1024} KiB is too small: {error}") from None
    return bytes(files.context.buffer)


def unpack(image: bytes, folder: Path) -> None:
    """What lies in an image of LittleFS, into `folder`."""
    files = LittleFS(block_size=BLOCK, block_count=len(image) // BLOCK, mount=False)
    files.context.buffer = bytearray(image)
    files.mount()
    folder.mkdir(parents=True, exist_ok=True)
    for root, folders, names in files.walk("/"):
        here = folder / root.lstrip("/")
        for name in folders:
            (here / name).mkdir(exist_ok=True)
        for name in names:
            with files.open(f"{root.rstrip('/')}/{name}", "rb") as file:
                (here / name).write_bytes(file.read())


def _merge(out: Path, micropython: Path, images: Mapping[str, int], flash_bytes: int) -> None:
    parts = [hex(OFFSET), str(micropython)]
    for name, at in images.items():
        parts += [hex(at), str(out / name)]
    size = f"{flash_bytes >> 20}MB"
    _run("esptool", "--chip", "esp32", "merge-bin", "-o", str(out / FLASH), "--pad-to-size", size, *parts)


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LayoutError(f"{module}: {(result.stdout + result.stderr).strip()}")


def _described(path: Path, offset: int | None = None) -> dict[str, object]:
    data = path.read_bytes()
    said: dict[str, object] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return said if offset is None else {"offset": offset, **said}


def sizes(out: Path, manifest: dict[str, Any]) -> Table:
    """The use of the file system by each file, in blocks."""
    table = Table(title=f"{manifest['board']} {manifest['version']}")
    for name in ("file", "bytes", "blocks"):
        table.add_column(name, justify="left" if name == "file" else "right")
    total = 0
    for path in sorted((out / "files").rglob("*")):
        if path.is_file():
            size = path.stat().st_size
            blocks = -(-size // BLOCK)
            total += blocks
            table.add_row(path.relative_to(out / "files").as_posix(), f"{size:,}", str(blocks))
    table.add_section()
    table.add_row("all", "", f"{total} of {(out / FILES).stat().st_size // BLOCK}")
    table.add_section()
    for folder, size in folders(manifest["board"]).items():
        table.add_row(f"{SLOT}: {folder}", f"{size:,}", "")
    return table


def folders(board: str) -> dict[str, int]:
    """Bytes of the application modules by folder."""
    found: dict[str, int] = {}
    for name, content in application(modem=fitted(board)).items():
        parts = name.split("/")
        folder = parts[1] if len(parts) > 2 else "wake"
        found[folder] = found.get(folder, 0) + len(content)
    return dict(sorted(found.items()))


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.flash.image",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("board", help="name of a folder in boards/")
    parser.add_argument("--out", type=Path, help="folder to make; build/image/BOARD by default")
    parser.add_argument("--micropython", type=Path, help="image of MicroPython for the ESP32")
    arguments = parser.parse_args()
    out = arguments.out or Path("build", "image", arguments.board)
    manifest = build(out, arguments.board, arguments.micropython)
    Console().print(sizes(out, manifest))
    for name, said in manifest["images"].items():
        print(f"{out / name}: {said['bytes']:,} bytes for {said['offset']:#x}, SHA-256 {said['sha256']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
