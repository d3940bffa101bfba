"""Compare every record that became durable on the device with the world and the agent.

A record is durable when it lies in the journal on flash at the end of a wake. It must say what
the world gave the device in that wake, within half a unit of the record, and it must reach the
agent's database unchanged, unless it is still waiting in flash or was thinned there.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from landbridge.points.rows import StoredPoint

from tools.world.device.firmware import FIX, Record, numbers, records
from tools.world.oracle.events import Events
from tools.world.oracle.record import PLACE, QUALITY_NONE, SERVED, START_S, difference, times_s
from tools.world.oracle.wakes import Wake, Wakes
from tools.world.radio.traffic import Traffic
from tools.world.trip import Trip

UNDATED_S = 2_400
"""Dated backwards from when the time is known, by a clock that gains so much in 26 h at most."""
FULL_SEGMENTS = 68
"""The journal has no room for more files (firmware/locator/journal/store.py)."""


@dataclass(frozen=True)
class RecordCounts:
    """How many records of a trip were taken, stored, thinned or lost."""

    taken: int
    stored: int
    in_flash: int
    thinned: int
    lost: int
    wrong: list[str]
    """Records that do not say what the world gave, or that the agent stored otherwise."""


@dataclass
class Oracle:
    """Follows the journal of the device on `flash` through `trip`; `traffic` is that of its modem."""

    flash: Path
    trip: Trip
    traffic: Traffic
    records: dict[int, Record] = field(default_factory=dict)
    """By capture sequence: the place in the journal, whatever the record calls itself."""
    wrong: dict[int, str] = field(default_factory=dict)
    """By capture sequence: what is not as the world gave it."""
    thinned: set[int] = field(default_factory=set)
    """Sequences that a full journal gave up before they were acknowledged."""
    _taken_s: dict[int, tuple[float, float]] = field(default_factory=dict)
    _events: Events = field(default_factory=Events)
    _dated_boot: int = 0
    """The boot in which a fix has given the device the time."""
    _power_on_s: list[float] = field(default_factory=list)
    """The agent's time of each boot, the first one first."""
    _segments: list[int] = field(default_factory=list)
    _kept: set[int] = field(default_factory=set)
    """Sequences in the files of those that were kept when segments were thinned."""
    _was_full: bool = False
    _acks: Any = None

    def __post_init__(self) -> None:
        self._wakes = Wakes(self.trip, self.traffic)

    def after_wake(self) -> None:
        """Read what the wake that has just ended made durable, and check it."""
        wake = self._wakes.next()
        self._events.feel(wake)
        newest = max(self.records, default=0)
        for seq, fields in self._journal(newest):
            self._check(seq, fields, wake)
        if wake.fixes:
            self._dated_boot = wake.boot
        if wake.boot > len(self._power_on_s):
            self._power_on_s.append(START_S + wake.power_on_ms / 1_000)
        self._note_thinned()

    def count(self, stored: Sequence[StoredPoint]) -> RecordCounts:
        """Compare with what the agent has `stored`."""
        points = {each.point.seq: each for each in stored}
        reported = {bisect_right(self._power_on_s, each.received_s) for each in stored}
        wrong = {seq: f"record {seq}: stored and never taken" for seq in points if seq not in self.records}
        wrong |= self.wrong
        acks = numbers(self.flash).acks
        on_flash = self._kept | {seq for seq, _fields in self._journal(0)}
        missing, in_flash = [], 0
        for seq, fields in self.records.items():
            if seq in points:
                otherwise = _unequal(fields, points[seq]) or self._misdated(seq, points[seq], reported)
                if otherwise:
                    wrong.setdefault(seq, f"record {seq} as stored: {otherwise}")
            elif seq in on_flash and not acks.has(seq):
                in_flash += 1
            elif seq not in self.thinned:
                missing.append(seq)
        return RecordCounts(
            taken=len(self.records),
            stored=len(self.records.keys() & points.keys()),
            in_flash=in_flash,
            thinned=len(self.thinned - points.keys()),
            lost=len(wrong.keys() | set(missing)),
            wrong=[wrong[seq] for seq in sorted(wrong)],
        )

    def pending(self) -> int:
        """Records that the device holds and that are not acknowledged."""
        acks = numbers(self.flash).acks
        thinned = sum(not acks.has(seq) for seq in self.thinned)
        return len(self.records) - thinned - int(acks.count(1, max(self.records, default=0)))

    def _check(self, seq: int, fields: Record, wake: Wake) -> None:
        self.records[seq] = fields
        self._taken_s[seq] = times_s(fields, wake)
        otherwise = difference(fields, seq, wake, self._dated_boot == wake.boot)
        events = self._events.difference(fields, wake)
        if otherwise or events:
            self.wrong[seq] = f"record {seq}: {otherwise or events}"

    def _journal(self, newest: int) -> Iterator[tuple[int, Record]]:
        """(sequence, record) of the records above `newest`, by their places."""
        for first, end in pairwise([*self._firsts(), 1 << 32]):
            if end > newest:
                for place, fields in enumerate(records(self._segment(first)), first):
                    if place > newest:
                        yield place, fields

    def _firsts(self) -> list[int]:
        """The sequences with which the segments begin: the newest lies in the folder above the others."""
        return sorted(int(path.stem, 16) for path in (self.flash / "data").rglob("*.seg"))

    def _segment(self, first: int) -> Path:
        name = f"{first:08x}.seg"
        newest = self.flash / "data" / name
        return newest if newest.exists() else newest.with_name("journal") / name

    def _note_thinned(self) -> None:
        """Room is made before anything is appended, so what counts is what was acknowledged when the
        wake before ended."""
        thinned = list((self.flash / "data" / "journal").glob("*.old"))
        segments = self._firsts()
        kept = {fields["seq"] for path in thinned for fields in records(path)}
        if self._was_full:
            gone = set(self._segments) - set(segments)
            before = self._kept | {seq for seq in self.records if self._segment_of(seq) in gone}
            self.thinned |= {seq for seq in before - kept if not self._acks.has(seq)}
        self._segments, self._kept, self._acks = segments, kept, numbers(self.flash).acks
        self._was_full = len(segments) + len(thinned) >= FULL_SEGMENTS

    def _segment_of(self, seq: int) -> int:
        """The segment in which `seq` stood."""
        place = bisect_right(self._segments, seq)
        return self._segments[place - 1] if place else 0

    def _misdated(self, seq: int, stored: StoredPoint, reported: set[int]) -> str:
        """The agent's time against the world's. Without one is what no clock was known for; or what a device
        has found that lost its power before it reported: with it its seconds since power-on are gone."""
        if stored.at_s is None:
            boot = self.records[seq]["boot"]
            known = any(each["boot"] == boot and each["quality"] for each in self.records.values())
            return "no date, though its boot knew the time" if known and boot in reported else ""
        early_s, late_s = self._taken_s[seq]
        if self.records[seq]["quality"] == QUALITY_NONE:
            early_s -= UNDATED_S
        if early_s <= stored.at_s <= late_s:
            return ""
        return f"dated {stored.at_s}, taken from {early_s:.0f} to {late_s:.0f}"


def _unequal(fields: Record, stored: StoredPoint) -> str:
    """The fields of a record that the agent stored otherwise; those without meaning are None."""
    empty: set[str] = set()
    if fields["kind"] != FIX:
        empty |= set(PLACE)
    if fields["plmn"] == 0:
        empty |= set(SERVED)
    expected = {name: None if name in empty else value for name, value in fields.items()}
    has = stored.point._asdict()
    return ", ".join(
        f"{name} {has[name]} for {value}" for name, value in expected.items() if has[name] != value
    )
