"""One AT command as received, parsed; and the tables of commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_BASIC = re.compile(r"(D.*|S\d+(?:=\d*|\?)?|&?[A-Z]\d*\??)")
_NAME = re.compile(r"([+*^$#][A-Z0-9]+)(=\?|\?|=|$)")


@dataclass(frozen=True)
class Request:
    """`key` as in a table: the name, followed by `?` (read), `=` (set), `=?` (test) or nothing."""

    key: str
    args: tuple[str, ...] = ()

    def has(self, index: int) -> bool:
        """Whether that argument was given and is not empty."""
        return index < len(self.args) and self.args[index] != ""

    def text(self, index: int, default: str | None = None) -> str:
        """An argument without its quotes; refused when it is missing and has no default."""
        if self.has(index):
            return self.args[index].strip('"')
        if default is None:
            raise Refused(BAD_PARAMETER)
        return default

    def number(self, index: int, low: int, high: int, default: int | None = None) -> int:
        """An argument from `low` to `high`; refused when it is not."""
        if not self.has(index) and default is not None:
            return default
        try:
            value = int(self.text(index))
        except ValueError:
            raise Refused(BAD_PARAMETER) from None
        if not low <= value <= high:
            raise Refused(BAD_PARAMETER)
        return value


Handler = Callable[["Unit", Request], Work | None]
Table = Mapping[str, Handler | str]
"""By `Request.key`: what answers, or the line that is the answer ("" for a bare OK)."""


def split_line(line: str) -> list[Request]:
    """The commands of one line without its `AT`. Raises Refused where the grammar ends (V.250 5.2).

    Blanks are ignored, except between quotes (V.250 5.2.1).
    """
    requests: list[Request] = []
    for part in _split('"'.join(_without_blanks(line)), ";"):
        rest = part
        while rest:
            request, rest = _extended(rest) if rest[0] in "+*^$#" else _basic(rest)
            requests.append(request)
    return requests


def _without_blanks(line: str) -> Iterator[str]:
    """The text between the quotes of a line, by turns outside and inside of them."""
    for at, part in enumerate(line.split('"')):
        yield part if at % 2 else part.replace(" ", "")


def _extended(text: str) -> tuple[Request, str]:
    match = _NAME.match(text.upper())
    if not match:
        raise Refused
    name, form = match.groups()
    rest = text[match.end() :]
    if form == "=":
        return Request(name + "=", tuple(_split(rest, ","))), ""
    return Request(name + form), rest


def _basic(text: str) -> tuple[Request, str]:
    match = _BASIC.match(text.upper())
    if not match:
        raise Refused
    word = match.group()
    if word[0] in "DS":
        return Request(word[0], (text[1 : match.end()],)), text[match.end() :]
    letters = word.rstrip("0123456789?")
    return Request(letters, (word[len(letters) :],)), text[match.end() :]


def _split(text: str, separator: str) -> list[str]:
    """Split outside of quotes."""
    parts, start, quoted = [], 0, False
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
