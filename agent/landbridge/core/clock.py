"""The one clock of the agent: the system's, or the simulated world's.

Times on the wire and in the database are whole seconds since 2000-01-01T00:00:00Z ("epoch
seconds", names ending in `_s`).
"""

import os
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from landbridge.core.errors import UserError

CLOCK_FILE_VARIABLE = "LANDBRIDGE_CLOCK_FILE"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400
_TWO_DIGITS = [f"{number:02}" for number in range(60)]


class Clock:
    """The time.

    With LANDBRIDGE_CLOCK_FILE set, the time is read from that file: little-endian unsigned 64-bit
    microseconds since 1970, kept current by the simulated world.
    """

    def __init__(self) -> None:
        """`UserError` when the file is missing or invalid."""
        file = os.environ.get(CLOCK_FILE_VARIABLE)
        self._file = Path(file) if file else None
        try:
            self.now()
        except (OSError, struct.error, OverflowError):
            raise UserError(
                f"{CLOCK_FILE_VARIABLE}={file} is not a clock file of 8 bytes: unset it, unless you"
                " simulate a world"
            ) from None

    def now(self) -> datetime:
        """The time, UTC."""
        if self._file is None:
            return datetime.now(UTC)
        (microseconds,) = struct.unpack("<Q", self._file.read_bytes()[:8])
        return _UNIX + timedelta(microseconds=microseconds)

    def now_s(self) -> int:
        """The time in epoch seconds."""
        return to_epoch_s(self.now())


def to_epoch_s(time: datetime) -> int:
    """Whole seconds from 2000-01-01T00:00:00Z to `time`."""
    return (time - EPOCH) // timedelta(seconds=1)


def unix_s(epoch_s: int) -> int:
    """The seconds since 1970 that other protocols count."""
    return epoch_s + (EPOCH - _UNIX) // timedelta(seconds=1)


def from_epoch_s(epoch_s: int) -> datetime:
    """The UTC time `epoch_s` seconds after 2000-01-01T00:00:00Z."""
    return EPOCH + timedelta(seconds=epoch_s)


def iso(epoch_s: int | None) -> str | None:
    """`epoch_s` as ISO 8601 with a Z, None for None."""
    if epoch_s is None:
        return None
    day, second = divmod(epoch_s, _DAY_S)
    minute, second = divmod(second, 60)
    return f"{_date(day)}T{_time(minute)}:{_TWO_DIGITS[second]}Z"


def from_iso(text: str) -> int:
    """The epoch seconds of an ISO 8601 time; of UTC, if it names no zone. `UserError` if it is invalid."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a time; write it like 2026-10-01T08:00:00Z") from None
    return to_epoch_s(time if time.tzinfo else time.replace(tzinfo=UTC))


@lru_cache(maxsize=24 * 60)
def _time(minute: int) -> str:
    """Hour and minute, so many minutes after midnight."""
    return f"{_TWO_DIGITS[minute // 60]}:{_TWO_DIGITS[minute % 60]}"


@lru_cache(maxsize=512)
def _date(day: int) -> str:
    """The day so many days after 2000-01-01."""
    return from_epoch_s(day * _DAY_S).strftime("%Y-%m-%d")
