"""Writes the record of a wake to flash."""

from locator import state as st
from locator.codec import record


def run(wake, _=None):
    """Append the record. If the flash refuses it, that is noted."""
    try:
        wake.journal.append(fields(wake))
    except OSError as error:
        wake.kept.refused(error)
        wake.state[st.DID_RECORD] = st.NO
        return
    st.learn_record(wake.state)
    wake.kept.alarms()


def fields(wake):
    """Return the fields of this wake's record, in the order of record.FIELDS."""
    fix, cell = wake.fix, wake.cell
    kind = record.FIX if fix else record.CELL if cell else record.REUSED
    quality, time = _time(wake)
    place = (0,) * 7
    if fix:
        place = (fix.lat, fix.lon, fix.alt, fix.speed, fix.heading, fix.hdop, fix.sats)
    heard = (cell.plmn, cell.tac, cell.cell, -cell.rsrp) if cell else (0,) * 4
    body = record.felt(*wake.senses[3:5])  # battery, temperature
    head = (kind, quality, wake.state[st.EVENTS], 0, time, wake.numbers.boot)
    return list(head + place + body + heard + (max(0, min(255, wake.motion)),))


def _time(wake):
    if wake.fix and wake.fix.time:
        return record.TIME_GNSS, wake.fix.time
    offset = wake.state[st.OFFSET]
    if not offset:
        return record.TIME_NONE, wake.port.clock_s()
    return record.TIME_RTC, wake.port.clock_s() + offset
