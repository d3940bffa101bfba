"""A release of the application as built by `python -m tools.flash.release`: read, checked, stored."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.features.updates.coding import file_list, in_order
from landbridge.protocol.limits import RELEASE_BYTES, RELEASE_FILES, RELEASE_SEQUENCE

MANIFEST = "release.json"
_NAME = re.compile(r"locator/(?!.*\.\.)[a-z0-9_./]{1,56}")
_BOARD = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True)
class Release:
    """A release: its files in the order of its list."""

    sequence: int
    version: str
    board: str
    mpy: int
    files: list[tuple[str, bytes]]

    @property
    def file_list(self) -> bytes:
        """What a device pulls first: `release-list` in docs/reference/landbridge.cddl."""
        return file_list(self.files)


def read(folder: Path) -> Release:
    """Return the release in `folder`; `UserError` says what is wrong with it."""
    try:
        manifest = files.json_of(files.text(folder / MANIFEST), str(folder / MANIFEST))
        names = _names(manifest, folder)
        modules = in_order({name: files.contents(folder / name) for name in names})
    except (UserError, ValueError) as error:
        raise UserError(f"{error}: build the release with python -m tools.flash.release") from None
    release = Release(manifest["sequence"], manifest["version"], manifest["board"], manifest["mpy"], modules)
    _check_contents(release, folder)
    return release


def _names(manifest: Any, folder: Path) -> list[str]:
    wanted = {"sequence": int, "version": str, "board": str, "mpy": int, "files": list}
    if type(manifest) is not dict or any(type(manifest.get(key)) is not kind for key, kind in wanted.items()):
        raise UserError(f"{folder / MANIFEST} is not of a release; build it again")
    if not 0 < manifest["sequence"] <= RELEASE_SEQUENCE or not _BOARD.fullmatch(manifest["board"]):
        raise UserError(f"{folder / MANIFEST}: its number or its board cannot be; build it again")
    names: list[str] = manifest["files"]
    bad = [name for name in names if type(name) is not str or not _NAME.fullmatch(name)]
    if bad or not names or len(set(names)) != len(names) or len(names) > RELEASE_FILES:
        raise UserError(f"{folder / MANIFEST}: its files cannot be {bad or len(names)}; build it again")
    return names


def _check_contents(release: Release, folder: Path) -> None:
    for name, content in release.files:
        if content[:2] != bytes([ord("M"), release.mpy]):
            raise UserError(f"{folder / name} is not compiled for runtime {release.mpy}; build it again")
    size = sum(len(content) for _, content in release.files)
    if size > RELEASE_BYTES:
        raise UserError(f"the release in {folder} has {size} bytes; a slot takes {RELEASE_BYTES}")
