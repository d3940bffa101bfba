"""A release of the application as built by `python -m tools.flash.release`: read, checked, stored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.updates import queries as stored
from landbridge.features.updates.coding import file_list, in_order
from landbridge.protocol.limits import RELEASE_BYTES, RELEASE_FILES, RELEASE_SEQUENCE

MANIFEST = "release.json"
_NAME = re.compile(r"locator/(?!.*\.\.)[a-z0-9_./]{1,56}")
_VERSION = re.compile(r"[!-~]{1,32}")
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
        contents = {name: files.contents(folder / name) for name in _names(manifest, f"{folder / MANIFEST}")}
        return _checked(manifest, contents, f"{folder}/")
    except (UserError, ValueError) as error:
        raise UserError(f"{error}: build the release with python -m tools.flash.release") from None


def uploaded(manifest: Mapping[str, Any], contents: Mapping[str, bytes]) -> Release:
    """Return the release of an upload: what its release.json says, and its files by name; `UserError` says
    what is wrong with it."""
    names = _names(dict(manifest), MANIFEST)
    if odd := sorted(set(names) ^ set(contents)):
        raise UserError(f"{odd[0]!a} is not in both: send each file that {MANIFEST} lists, and no other")
    return _checked(manifest, contents, "")


def add(connection: Connection, release: Release, now_s: int) -> None:
    """Store a release; no device gets it before its roll-out. `UserError` unless it is newer than those of
    its board."""
    newest = stored.newest(connection, release.board)
    if release.sequence <= newest:
        raise UserError(
            _(
                "release {number} for {board} already exists: raise SEQUENCE above it, build again",
                number=newest, board=release.board,
            ),
            "sequence",
        )  # fmt: skip
    stored.add(
        connection, release.board, release.sequence, release.files, version=release.version,
        mpy=release.mpy, file_list=release.file_list, added_s=now_s,
    )  # fmt: skip


def remove(connection: Connection, board: str, sequence: int) -> None:
    """Remove a release that was never rolled out; `UserError` for another one, which devices may run."""
    if stored.rollout(connection, board, sequence) is not None:
        raise UserError(
            _(
                "release {number} for {board} was rolled out: halt the roll-out instead",
                number=sequence,
                board=board,
            )
        )
    stored.remove(connection, board, sequence)


def _names(manifest: Any, where: str) -> list[str]:
    wanted = {"sequence": int, "version": str, "board": str, "mpy": int, "files": list}
    if type(manifest) is not dict or any(type(manifest.get(key)) is not kind for key, kind in wanted.items()):
        raise UserError(f"{where} is not of a release; build it again")
    if not 0 < manifest["sequence"] <= RELEASE_SEQUENCE or not _BOARD.fullmatch(manifest["board"]):
        raise UserError(f"{where}: its number or its board cannot be; build it again")
    if not _VERSION.fullmatch(manifest["version"]) or not 0 <= manifest["mpy"] <= 255:
        raise UserError(f"{where}: its version or its runtime cannot be; build it again")
    names: list[str] = manifest["files"]
    bad = [name for name in names if type(name) is not str or not _NAME.fullmatch(name)]
    if bad or not names or len(set(names)) != len(names) or len(names) > RELEASE_FILES:
        raise UserError(f"{where}: its files cannot be {bad or len(names)!a}; build it again")
    return names


def _checked(manifest: Mapping[str, Any], contents: Mapping[str, bytes], where: str) -> Release:
    """Return a release whose names were checked; `UserError` says which of its contents cannot be."""
    try:
        modules = in_order(contents)
    except ValueError as error:
        raise UserError(f"{where}{MANIFEST}: {error}; build it again") from None
    release = Release(manifest["sequence"], manifest["version"], manifest["board"], manifest["mpy"], modules)
    for name, content in release.files:
        if content[:2] != bytes([ord("M"), release.mpy]):
            raise UserError(f"{where}{name} is not compiled for runtime {release.mpy}; build it again")
    size = sum(len(content) for _, content in release.files)
    if size > RELEASE_BYTES:
        raise UserError(
            f"the release {where or release.version} has {size} bytes; a slot takes {RELEASE_BYTES}"
        )
    return release
