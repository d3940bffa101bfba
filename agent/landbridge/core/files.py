"""Files that people name, read within bounds: what is endless, or nested without end, is said in one line."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from landbridge.core.errors import UserError

MOST_BYTES = 16 << 20
"""More than any file that is read as a whole."""
_LONGEST_LINE = 64 << 10
"""Characters; less than the csv module takes of a field."""


def contents(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file, `most` of them at the most; `UserError`."""
    try:
        with path.open("rb") as file:
            found = file.read(most + 1)
    except FileNotFoundError:
        raise UserError(f"cannot read {path}: it is missing; name the right file") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {why}; check its name and its permissions") from None
    if len(found) > most:
        raise UserError(f"{path} has more than {most} bytes: it is not the file that is wanted")
    return found


def text(path: Path) -> str:
    """The text of a file in UTF-8; `UserError`."""
    try:
        return contents(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}; save it as UTF-8") from None


def lines(file: TextIO, where: str) -> Iterator[str]:
    """The lines of an open file, however many; `UserError` for one that is no line of any table."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise UserError(
                f"{where}, line {number}: it has more than {_LONGEST_LINE} characters; is it the right file?"
            )
        yield line


def json_of(content: str, where: str) -> Any:
    """What a text of JSON says; `UserError`."""
    try:
        return json.loads(content)
    except RecursionError:
        raise UserError(f"{where} is nested too deeply; is it the right file?") from None
    except ValueError as error:
        raise UserError(f"{where} is no JSON: {error}; correct it there") from None


def toml_of(content: str, where: str) -> dict[str, Any]:
    """What a text of TOML says; `UserError`."""
    try:
        return tomllib.loads(content)
    except RecursionError:
        raise UserError(f"{where} is nested too deeply; is it the right file?") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not TOML: {error}; correct that line") from None
