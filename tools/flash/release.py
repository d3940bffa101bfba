"""Builds a release: the application compiled for a board, as `landbridge update add` takes it.

`python -m tools.flash.release TARGET --board SIM` makes
    TARGET/locator/       the compiled modules
    TARGET/release.json   number and version of the release, its board, the version of compiled modules, files

Number and version stand in firmware/locator/__init__.py: raise SEQUENCE before each release.
"""

import argparse
import ast
import json
import shutil
import sys
from pathlib import Path

from tools.flash.layout import BOARDS, FIRMWARE, LayoutError, compile_module, modules

MANIFEST = "release.json"


def build(target: Path, board: str, firmware: Path = FIRMWARE) -> None:
    """Fill `target` with the release of the sources in `firmware` for `board`."""
    if not (BOARDS / board / "board.py").is_file():
        raise LayoutError(f"no board {board!r} in {BOARDS.name}/")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source in modules(firmware / "locator"):
        compile_module(source, target / source.relative_to(firmware), firmware.parent)
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.mpy"))
    constants = _constants(firmware / "locator" / "__init__.py")
    manifest = {
        "sequence": constants["SEQUENCE"],
        "version": constants["VERSION"],
        "board": board,
        "mpy": (target / files[0]).read_bytes()[1],
        "files": files,
    }
    (target / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _constants(source: Path) -> dict[str, object]:
    """The constants that a module assigns."""
    return {
        target.id: node.value.value
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.release", description=__doc__)
    parser.add_argument("target", type=Path, help="folder to make, for example build/release-2")
    parser.add_argument("--board", required=True, help="name of a folder in boards/")
    arguments = parser.parse_args()
    try:
        build(arguments.target, arguments.board)
    except (LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
