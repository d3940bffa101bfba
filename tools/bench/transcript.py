"""The raw transcript of a run: the bytes on the line with their times, secrets masked, as lines of JSON.

The first line has the options of the run; each further one has "ms" and one of "tx" (to the modem), "rx"
(from it), both as Latin-1 text, or "mark": the phase that begins here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from tools.bench import BenchError

VERSION = 1
_NUMBER = re.compile(rb"(?<![\dA-F])(\d{6})(\d{5,10})(\d{4}F?)(?![\dA-F])")
"""IMEI, IMSI and ICCID: network and type at the beginning, the distinguishing digits at the end."""
_ON_CARD = re.compile(
    rb'(?P<card>(?<=5A0A)[\dF]{20}|(?<=\+CRSM: 144,0,")(?:08[\dF]{16}|[\dF]{20})(?="))|' + _NUMBER.pattern
)
"""The same, or ICCID or IMSI (after its length and type) as the card has them, each two digits swapped."""
_IMSI_LENGTH = 18
_PDP_LOGIN = re.compile(rb'(\+QICSGP: \d,"[^"\r]*",")([^"\r]*)(",")([^"\r]*)(")')


@dataclass(frozen=True)
class Request:
    """The options of a run. `password` is as many asterisks as it has characters; `ca` is the certificate
    of the broker's authority, PEM; without an `apn` the modem's own is taken. `urc_port` is where a Quectel
    modem has to send unsolicited lines, when not on its UART. `key`: the power key can be pressed. `switch`:
    the card may be switched to another profile and back."""

    modem: str
    port: str
    baud: int
    began_utc: str
    repeat: int = 1
    broker: str = ""
    user: str = ""
    password: str = ""
    ca: str = ""
    apn: str = ""
    urc_port: str = ""
    key: bool = False
    switch: bool = False


class Event(NamedTuple):
    """`kind` is "tx", "rx" or "mark"."""

    ms: int
    kind: str
    data: bytes


class Mask:
    """Makes secrets unreadable, of their own length, so that what remains can be replayed."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [f'"{secret}"'.encode() for secret in secrets if secret]

    def __call__(self, data: bytes) -> bytes:
        """Passwords as asterisks, the middle of subscriber and device numbers as zeros."""
        for secret in self._secrets:
            data = data.replace(secret, b'"' + b"*" * (len(secret) - 2) + b'"')
        data = _ON_CARD.sub(_shortened, data)
        return _PDP_LOGIN.sub(lambda m: m[1] + b"*" * len(m[2]) + m[3] + b"*" * len(m[4]) + m[5], data)

    def text(self, text: str) -> str:
        """The same for text."""
        return self(text.encode("latin-1", "replace")).decode("latin-1")


def _shortened(found: re.Match[bytes]) -> bytes:
    """With zeros in its middle: the same digits in either form, so that a replay finds them equal."""
    if not found["card"]:
        return _zeros(found[0])
    digits = _swapped(found[0])
    begin = 3 if len(digits) == _IMSI_LENGTH else 0
    return _swapped(digits[:begin] + _zeros(digits[begin:]))


def _zeros(digits: bytes) -> bytes:
    return _NUMBER.sub(lambda m: m[1] + b"0" * len(m[2]) + m[3], digits)


def _swapped(digits: bytes) -> bytes:
    return b"".join(digits[i + 1 : i + 2] + digits[i : i + 1] for i in range(0, len(digits), 2))


class Transcript:
    """Written as it goes. Bytes that came wait for the end of their line: a secret may come in pieces."""

    def __init__(self, file: IO[str], request: Request, mask: Mask) -> None:
        self._file = file
        self._mask = mask
        self._waiting: list[tuple[int, bytes]] = []
        self._write({"landbridge_transcript": VERSION, **asdict(request)})

    def sent(self, ms: int, data: bytes) -> None:
        """Bytes to the modem."""
        self.flush()
        self._write({"ms": ms, "tx": self._mask(data).decode("latin-1")})

    def came(self, ms: int, data: bytes) -> None:
        """Bytes from the modem."""
        self._waiting.append((ms, data))
        if data.endswith(b"\n"):
            self.flush()

    def mark(self, ms: int, phase: str) -> None:
        """A phase begins."""
        self.flush()
        self._write({"ms": ms, "mark": phase})

    def flush(self) -> None:
        """Write what waits."""
        masked = self._mask(b"".join(data for _, data in self._waiting))
        for ms, data in self._waiting:
            self._write({"ms": ms, "rx": masked[: len(data)].decode("latin-1")})
            masked = masked[len(data) :]
        self._waiting.clear()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def load(path: Path) -> tuple[Request, list[Event]]:
    """Read a transcript. Raises BenchError, naming the line, when it is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: cannot be read: {error}; give a transcript of the bench") from error
    try:
        head = json.loads(lines[0])
        if head.pop("landbridge_transcript") != VERSION:
            raise ValueError
        request = Request(**head)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchError(f"{path}: line 1 is not that of a transcript of the bench") from error
    return request, list(_events(path, lines[1:]))


def _events(path: Path, lines: list[str]) -> Iterator[Event]:
    for number, line in enumerate(lines, 2):
        try:
            values = json.loads(line)
            kind = next(kind for kind in ("tx", "rx", "mark") if kind in values)
            yield Event(int(values["ms"]), kind, values[kind].encode("latin-1"))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise BenchError(f"{path}: line {number} is no event of a transcript: {line[:60]!r}") from error
