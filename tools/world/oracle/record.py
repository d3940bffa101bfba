"""Compares one record with the world at the wake in which it was taken."""

from __future__ import annotations

from tools.modem.network.air import Fix
from tools.world.device.firmware import FIX, Record
from tools.world.oracle.wakes import Wake
from tools.world.trip import START_UTC_S, SeenCell

UNIX_AT_EPOCH_S = 946_684_800
"""2000-01-01T00:00:00Z, where the device's seconds begin, in Unix time."""
START_S = START_UTC_S - UNIX_AT_EPOCH_S
"""The beginning of the trip in the device's seconds."""

ROUNDING = 0.5 + 0.02
"""Half a unit, and what integer arithmetic loses on the way from the printed digits."""
CLOCK_S = 3
"""Networks and servers send whole seconds, some of them late."""
FIX_S = 1
CELL, STILL = 2, 3
QUALITY_NONE, QUALITY_RTC, QUALITY_GNSS = 0, 1, 3
PLACE = ("lat", "lon", "alt", "speed", "heading", "hdop", "sats")
SERVED = ("tac", "cell", "rsrp")


def difference(fields: Record, seq: int, wake: Wake, dated: bool) -> str:
    """What a record, the `seq`-th, says otherwise than the world; empty if nothing.

    `dated`: a fix given in an earlier wake since the power-on has given the device the time.
    """
    return (
        _numbers(fields, seq, wake)
        or _senses(fields, wake)
        or _cell(fields, wake)
        or _fix(fields, wake)
        or _time(fields, wake, dated)
    )


def times_s(fields: Record, wake: Wake) -> tuple[float, float]:
    """The earliest and the latest time at which the record was taken, in the device's epoch."""
    given = [fix for fix in wake.fixes if fields["kind"] == FIX and _as_fixed(fields, fix)]
    if given:
        at_s = given[0].unix_s - UNIX_AT_EPOCH_S
        return at_s - FIX_S, at_s + FIX_S
    early_s, late_s = START_S + wake.start_ms / 1_000 - CLOCK_S, START_S + wake.end_ms / 1_000 + CLOCK_S
    return early_s + min(0.0, wake.gained_s), late_s + max(0.0, wake.gained_s)


def _numbers(fields: Record, seq: int, wake: Wake) -> str:
    if fields["seq"] != seq:
        return f"seq {fields['seq']}: it is the record of {seq}"
    if fields["boot"] != wake.boot:
        return f"boot {fields['boot']}: the power came {wake.boot} times"
    return ""


def _senses(fields: Record, wake: Wake) -> str:
    """Battery and temperature as the wake began, and all counts."""
    if not wake.felt:
        return "nothing was sensed"
    sense = wake.felt[-1]
    if not _near(fields["battery"], sense.battery_mv, 20, 255):
        return f"battery {fields['battery']} for {sense.battery_mv} mV"
    if not _near(fields["temperature"], sense.temp_dc, 5):
        return f"temperature {fields['temperature']} for {sense.temp_dc} x 0.1 C"
    motion = sum(each.motion for each in wake.senses)
    if fields["motion"] != min(255, motion):
        return f"motion {fields['motion']} for {motion}"
    return ""


def _cell(fields: Record, wake: Wake) -> str:
    if not fields["plmn"]:
        # A SIM7600 reports no cell of GSM; a modem on LTE-M is no SIM7600.
        rats = {cell.rat for cell in wake.cells}
        if wake.connected and not wake.sagged and (rats & {"emtc", "nbiot"} or rats == {"lte"}):
            return "no cell, though it was registered"
        return _empty(fields, SERVED)
    if not any(_as_heard(fields, cell) for cell in wake.cells):
        return f"cell {fields['plmn']}/{fields['tac']}/{fields['cell']} at -{fields['rsrp']} dBm: not heard"
    return ""


def _fix(fields: Record, wake: Wake) -> str:
    kind = FIX if wake.fixes else CELL if fields["plmn"] else STILL
    if fields["kind"] != kind:
        return f"kind {fields['kind']}: must be {kind}"
    if kind != FIX:
        return _empty(fields, PLACE)
    if not any(_as_fixed(fields, fix) for fix in wake.fixes):
        return f"fix {', '.join(str(fields[name]) for name in PLACE)}: not given"
    return ""


def _time(fields: Record, wake: Wake, dated: bool) -> str:
    quality, time = fields["quality"], fields["time"]
    known = QUALITY_GNSS if fields["kind"] == FIX else QUALITY_RTC
    unknown = quality == QUALITY_NONE and known == QUALITY_RTC and not dated
    if quality != known and not unknown:
        return f"quality {quality}: must be {known}"
    early_s, late_s = times_s(fields, wake)
    if quality == QUALITY_NONE:
        since_s = START_S + wake.power_on_ms / 1_000
        early_s, late_s = early_s - since_s, late_s - since_s
    if not early_s <= time <= late_s:
        return f"time {time}: not from {early_s:.0f} to {late_s:.0f}"
    return ""


def _empty(fields: Record, names: tuple[str, ...]) -> str:
    """The fields that should be 0 and are not."""
    return ", ".join(f"{name} {fields[name]} of nothing" for name in names if fields[name])


def _near(value: int, given: float, unit: float, most: int = 1 << 31) -> bool:
    """Whether `value` units are what was given, within half a unit, or the most a field holds."""
    return abs(value - min(given / unit, most)) <= ROUNDING


def _as_heard(fields: Record, cell: SeenCell) -> bool:
    plmn = int(cell.plmn[:3]) * 1_000 + int(cell.plmn[3:])
    heard = (plmn, cell.tac, cell.cell_id, -cell.rsrp_dbm)
    return (fields["plmn"], fields["tac"], fields["cell"], fields["rsrp"]) == heard


def _as_fixed(fields: Record, fix: Fix) -> bool:
    turn = abs(fields["heading"] - fix.heading_deg / 2)
    return (
        abs(fields["time"] + UNIX_AT_EPOCH_S - fix.unix_s) <= FIX_S
        and _near(fields["lat"], fix.lat, 1e-5)
        and _near(fields["lon"], fix.lon, 1e-5)
        and _near(fields["alt"], fix.alt_m, 2)
        and _near(fields["speed"], fix.speed_kmh, 1, 255)
        and 0 <= fields["heading"] < 180
        and min(turn, 180 - turn) <= ROUNDING
        and _near(fields["hdop"], fix.hdop, 0.2, 255)
        and fields["sats"] == min(255, fix.satellites)
    )
