"""Files that the set-up writes: only if something differs, and with a copy of the old one."""

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

from landbridge.core.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"


def write(path: Path, text: str, mode: int, changed: list[Path]) -> None:
    """Write `text` if it is not there already; another text is kept as .old."""
    if path.exists():
        former = path.read_bytes()
        if former == text.encode():
            return
        whole(path.with_name(path.name + ".old"), former, mode)
    whole(path, text.encode(), mode)
    changed.append(path)


def whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file such that after a crash or on a full disk it is what it was before, or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def filled(template: str, ours: Mapping[str, str]) -> str:
    """Return a shipped file with each of these lines or words in place of what is shipped; of two that begin
    alike the longer one counts."""
    text = (TEMPLATES / template).read_text()
    for theirs in ours:
        if theirs not in text:
            raise ValueError(f"{template} has no {theirs!r}")
    # At once: a folder of ours may contain the name of the shipped one.
    shipped = "|".join(map(re.escape, sorted(ours, key=len, reverse=True)))
    return re.sub(shipped, lambda found: ours[found[0]], text)


def word(text: str) -> str:
    """Return `text` as one word of a systemd unit."""
    text = text.replace("%", "%%")
    if re.fullmatch(r"[^\s\"'\\;]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def broker_unit(folder: Path) -> Path:
    """Return where the systemd unit of a broker of our own is."""
    return folder / "systemd" / "landbridge-broker.service"


def owner(folder: Path) -> str:
    """Return the name of the user who owns the folder, or will own it."""
    try:
        return pwd.getpwuid(folder.stat().st_uid if folder.exists() else os.geteuid()).pw_name
    except KeyError:
        raise UserError(
            f"{folder} does not belong to a user of this machine: `chown landbridge {folder}`"
        ) from None


def give(folder: Path) -> None:
    """Give everything in the folder to its owner, when root has written it."""
    if os.geteuid() == 0 and folder.stat().st_uid != 0:
        there = folder.stat()
        for path in folder.rglob("*"):
            os.lchown(path, there.st_uid, there.st_gid)
