"""Text from devices, integrations and files, made safe for a terminal or a log."""

import re
from collections.abc import Iterable
from typing import Any, TextIO

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""All control characters but tab and line feed: they move the cursor, change colours or the direction of
writing."""
_IN_TEXT = re.compile(rf"(?!\r\n)[{_CONTROLS}]")
_IN_LINE = re.compile(rf"[\n{_CONTROLS}]")


def text(given: str) -> str:
    """Return `given`, of any number of lines, with unprintable characters as escapes: \\x1b."""
    return _IN_TEXT.sub(_spelled, given)


def line(given: str) -> str:
    """The same in one line."""
    return _IN_LINE.sub(_spelled, given)


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class Printable:
    """A text stream that writes everything through `text`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, given: str) -> int:
        """Return how many characters of `given` were written: all."""
        self._stream.write(text(given))
        return len(given)

    def writelines(self, given: Iterable[str]) -> None:
        """Write each piece."""
        self._stream.writelines(map(text, given))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
