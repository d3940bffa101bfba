"""Text from elsewhere (devices, integrations, files) as a terminal or a log may have it."""

import re
from collections.abc import Iterable
from typing import Any, TextIO

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""All but tab and line feed: what moves the cursor, changes colours or turns the direction of writing."""
_IN_TEXT = re.compile(rf"(?!\r\n)[{_CONTROLS}]")
_IN_LINE = re.compile(rf"[\n{_CONTROLS}]")


def text(given: str) -> str:
    """`given`, of any number of lines, with what is no character to look at spelled out: \\x1b."""
    return _IN_TEXT.sub(_spelled, given)


def line(given: str) -> str:
    """The same in one line."""
    return _IN_LINE.sub(_spelled, given)


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class Printable:
    """A stream of text to which everything is written as `text` has it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, given: str) -> int:
        """Returns how much of `given` was written: all."""
        self._stream.write(text(given))
        return len(given)

    def writelines(self, given: Iterable[str]) -> None:
        """As `write`, piece by piece."""
        self._stream.writelines(map(text, given))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
