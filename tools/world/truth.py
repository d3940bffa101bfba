"""The ledger: every record that became durable on the device, against the world and the agent.

A record is durable when it lies in the journal on flash at the end of a wake. It must say what
the world gave the device in that wake, within half a unit of the record, and it must reach the
agent's database unchanged, unless it is still waiting in flash or was thinned there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.world.firmware import FIX, Record, ledger, records
from tools.world.trip import START_UTC_S, SeenCell, Sense, Trip

UNIX_AT_EPOCH_S = 946_684_800
"""2000-01-01T00:00:00Z, where the device's seconds begin, in Unix time."""

ROUNDING = 0.5 + 0.02
"""Half a unit, and what integer arithmetic loses on the way from the printed digits."""
TIME_TOLERANCE_S = {1: 3600, 2: 3, 3: 3}
"""By quality of time: the RTC drifts between two contacts, network and GNSS time are right."""


@dataclass(frozen=True)
class Settlement:
    """How a trip ended for its records."""

    taken: int
    stored: int
    in_flash: int
    thinned: int
    lost: int
    wrong: list[str]
    """Records that do not say what the world gave, or that the agent stored otherwise."""


@dataclass
class Seen:
    """How much of what the world gave had been given at one moment."""

    ms: int = 0
    fixes: int = 0
    senses: int = 0
    cells: int = 0


@dataclass
class Truth:
    """Follows the journal of the device on `flash` through `trip`."""

    flash: Path
    trip: Trip
    records: dict[int, Record] = field(default_factory=dict)
    """By capture sequence."""
    wrong: dict[int, str] = field(default_factory=dict)
    """By capture sequence: what is not as the world gave it."""
    _before: Seen = field(default_factory=Seen)

    def after_wake(self) -> None:
        """Read what the wake that has just ended made durable, and check it."""
        given = self.trip.given
        for fields in self._new_records():
            self.records[fields["seq"]] = fields
            difference = self._difference(fields)
            if difference:
                self.wrong[fields["seq"]] = f"record {fields['seq']}: {difference}"
        self._before = Seen(int(self.trip.env.now), len(given.fixes), len(given.senses), len(given.cells))

    def settle(self, stored: Mapping[int, Record]) -> Settlement:
        """Compare with what the agent has `stored`, by capture sequence and in record units."""
        state = ledger(self.flash)
        wrong = {seq: f"record {seq}: stored and never taken" for seq in stored if seq not in self.records}
        wrong |= self.wrong
        missing, in_flash = [], 0
        on_flash = {fields["seq"] for fields in self._journal(0)}
        for seq, fields in self.records.items():
            if seq in stored:
                difference = _unequal(fields, stored[seq])
                if difference:
                    wrong.setdefault(seq, f"record {seq} as stored: {difference}")
            elif seq in on_flash and not state.acks.has(seq):
                in_flash += 1
            else:
                missing.append(seq)
        return Settlement(
            taken=len(self.records),
            stored=len(self.records.keys() & stored.keys()),
            in_flash=in_flash,
            thinned=state.thinned,
            lost=len(wrong) + max(0, len(missing) - state.thinned),
            wrong=[wrong[seq] for seq in sorted(wrong)],
        )

    def pending(self) -> int:
        """Records that the device holds and nobody has acknowledged."""
        return len(self.records) - int(ledger(self.flash).acks.count())

    def _new_records(self) -> list[Record]:
        newest = max(self.records, default=0)
        return [fields for fields in self._journal(newest) if fields["seq"] > newest]

    def _journal(self, newest: int) -> list[Record]:
        """The records in the segments that can hold a sequence above `newest`."""
        segments = sorted((self.flash / "data" / "journal").glob("*.seg"))
        firsts = [int(segment.stem, 16) for segment in segments]
        ends = [*firsts[1:], 1 << 32]
        return [
            fields
            for segment, end in zip(segments, ends, strict=False)
            if end > newest
            for fields in records(segment)
        ]

    def _difference(self, fields: Record) -> str:
        """What in a new record is not as the world gave it in this wake; empty if nothing."""
        given, before = self.trip.given, self._before
        senses = given.senses[before.senses :]
        cells = given.cells[before.cells :]
        fixes = given.fixes[before.fixes :]
        if not any(_as_sensed(fields, sense) for sense in senses):
            return f"battery {fields['battery']}, temperature {fields['temperature']}: not sensed"
        if fields["motion"] not in _motions(senses):
            return f"motion {fields['motion']}: not counted"
        if fields["plmn"] and not any(_as_heard(fields, cell) for cell in cells):
            return f"cell {fields['plmn']}/{fields['tac']}/{fields['cell']}: not heard"
        if fields["kind"] == FIX and not any(_as_fixed(fields, fix) for fix in fixes):
            return f"fix {fields['lat']}, {fields['lon']}: not given"
        return self._time_difference(fields)

    def _time_difference(self, fields: Record) -> str:
        tolerance_s = TIME_TOLERANCE_S.get(fields["quality"])
        if tolerance_s is None:
            return ""
        unix_s = fields["time"] + UNIX_AT_EPOCH_S - START_UTC_S
        early_s, late_s = self._before.ms / 1000, self.trip.env.now / 1000
        if early_s - tolerance_s <= unix_s <= late_s + tolerance_s:
            return ""
        return f"time {fields['time']}: not between {early_s:.0f} and {late_s:.0f} s of the trip"


def _near(value: int, given: float, unit: float, most: int = 1 << 31) -> bool:
    """Whether `value` units are what was given, within half a unit, or the most a field holds."""
    return abs(value - min(given / unit, most)) <= ROUNDING


def _as_sensed(fields: Record, sense: Sense) -> bool:
    battery = _near(fields["battery"], sense.battery_mv, 20, 255)
    return battery and _near(fields["temperature"], sense.temp_dc, 5)


def _motions(senses: list[Sense]) -> set[int]:
    """The motion counts a record may hold after each look at the sensors."""
    counts, total = set(), 0
    for sense in senses:
        total += sense.motion
        counts.add(min(255, total))
    return counts


def _as_heard(fields: Record, cell: SeenCell) -> bool:
    plmn = int(cell.plmn[:3]) * 1000 + int(cell.plmn[3:])
    return (fields["plmn"], fields["tac"], fields["cell"]) == (plmn, cell.tac, cell.cell_id) and fields[
        "rsrp"
    ] in (0, -cell.rsrp_dbm)


def _as_fixed(fields: Record, fix: Any) -> bool:
    turn = abs(fields["heading"] - fix.heading_deg / 2) % 180
    return (
        _near(fields["lat"], fix.lat, 1e-5)
        and _near(fields["lon"], fix.lon, 1e-5)
        and _near(fields["alt"], fix.alt_m, 2)
        and _near(fields["speed"], fix.speed_kmh, 1, 255)
        and min(turn, 180 - turn) <= ROUNDING
        and _near(fields["hdop"], fix.hdop, 0.2, 255)
        and fields["sats"] == fix.satellites
    )


def _unequal(fields: Record, stored: Record) -> str:
    """The fields of a record that the agent stored otherwise; those without meaning are None."""
    empty: set[str] = set()
    if fields["kind"] != FIX:
        empty |= {"lat", "lon", "alt", "speed", "heading", "hdop", "sats"}
    if fields["plmn"] == 0:
        empty |= {"tac", "cell", "rsrp"}
    expected = {name: None if name in empty else value for name, value in fields.items()}
    return ", ".join(
        f"{name} {stored.get(name)} for {value}"
        for name, value in expected.items()
        if stored.get(name) != value
    )
