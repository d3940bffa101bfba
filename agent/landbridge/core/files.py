"""Files that people name, read within bounds; endless or deeply nested ones get a clear error."""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from landbridge.core.errors import UserError
from landbridge.core.texts import _

MOST_BYTES = 16 << 20
"""The largest file that is read as a whole, in bytes."""
_LONGEST_LINE = 64 << 10
"""Characters of a line; fewer than the csv module allows in a field."""
_NAMED = re.compile(r'"?sep=([,;\t])"?[,;\s]*', re.IGNORECASE)


def contents(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file of at most `most` bytes; `UserError`."""
    try:
        with path.open("rb") as file:
            found = file.read(most + 1)
    except FileNotFoundError:
        raise UserError(f"cannot read {path}: it is missing; name the right file") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {why}; check its name and its permissions") from None
    if len(found) > most:
        raise UserError(f"{path} has more than {most} bytes: is it the right file?")
    return found


def text(path: Path) -> str:
    """Return the text of a UTF-8 file; `UserError`."""
    try:
        return contents(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}; save it as UTF-8") from None


def lines(file: TextIO, where: str) -> Iterator[str]:
    """Yield the lines of an open file; `UserError` for a line that is too long."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise UserError(
                f"{where}, line {number}: it has more than {_LONGEST_LINE} characters; is it the right file?"
            )
        yield line


def delimited(lines: Sequence[str]) -> tuple[list[str], str]:
    """Return the lines of a CSV file and what separates their cells: not every spreadsheet writes commas. A
    first line that only names that, like sep=; of some spreadsheets, is made empty."""
    first = next((i for i, each in enumerate(lines) if each.strip()), len(lines))
    heads = lines[first] if lines[first:] else ""
    if found := _NAMED.fullmatch(heads):
        return [*lines[:first], "\n", *lines[first + 1 :]], found[1]
    return [*lines], next((each for each in ";\t" if each in heads and "," not in heads), ",")


def json_of(content: str, where: str) -> Any:
    """Return the value of a JSON text; `UserError`."""
    try:
        return json.loads(content)
    except RecursionError:
        raise UserError(_("{file} is nested too deeply; is it the right file?", file=where)) from None
    except ValueError as error:
        raise UserError(
            _("{file} is not JSON: {error}; correct that line", file=where, error=error)
        ) from None


def toml_of(content: str, where: str) -> dict[str, Any]:
    """Return the value of a TOML text; `UserError`."""
    try:
        return tomllib.loads(content)
    except RecursionError:
        raise UserError(f"{where} is nested too deeply; is it the right file?") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not TOML: {error}; correct that line") from None
