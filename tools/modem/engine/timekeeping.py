"""Commands about the clock and the network's time (TS 27.007 8.15, 8.40, 8.41)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, NOT_ALLOWED, Refused
from tools.modem.engine.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit


def get_clock(unit: Unit, request: Request) -> None:
    """AT+CCLK? On the BG95 with AT+CTZU=1 it is GMT, still followed by the zone."""
    clock = unit.clock
    gmt = unit.nv.zone_update == unit.dialect.gmt_update
    now = clock.utc() if gmt else clock.local()
    unit.at.info(f'+CCLK: "{now:%y/%m/%d,%H:%M:%S}{clock.zone:+03d}"')


def set_clock(unit: Unit, request: Request) -> None:
    """AT+CCLK="yy/mm/dd,hh:mm:ss[+zz]": local time and quarter hours."""
    text = request.text(0)
    at, zone = text[:17], text[17:] or "+00"
    try:
        local = datetime.strptime(at, "%y/%m/%d,%H:%M:%S").replace(tzinfo=UTC)
        quarters = int(zone)
    except ValueError:
        raise Refused(BAD_PARAMETER) from None
    if not -96 <= quarters <= 96:
        raise Refused(BAD_PARAMETER)
    unit.clock.set((local - timedelta(minutes=15 * quarters)).timestamp(), quarters)


def get_zone_update(unit: Unit, request: Request) -> None:
    """AT+CTZU?"""
    unit.at.info(f"+CTZU: {unit.nv.zone_update}")


def set_zone_update(unit: Unit, request: Request) -> None:
    """AT+CTZU=: 0 no, 1 yes; on the BG95 1 sets the clock to GMT and 3 to local time."""
    value = request.number(0, 0, 3)
    if value not in unit.dialect.zone_updates:
        raise Refused(BAD_PARAMETER)
    unit.nv.zone_update = value


def get_zone_report(unit: Unit, request: Request) -> None:
    """AT+CTZR?"""
    unit.at.info(f"+CTZR: {unit.clock.reports}")


def set_zone_report(unit: Unit, request: Request) -> None:
    """AT+CTZR=: 1 prints +CTZV when the network sends the time, 2 (BG95) +CTZE."""
    value = request.number(0, 0, 2)
    if value not in unit.dialect.zone_reports:
        raise Refused(NOT_ALLOWED)
    unit.clock.reports = value


TIMEKEEPING: Table = {
    "+CCLK?": get_clock,
    "+CCLK=": set_clock,
    "+CTZU?": get_zone_update,
    "+CTZU=": set_zone_update,
    "+CTZR?": get_zone_report,
    "+CTZR=": set_zone_report,
    "+CTZR=?": "+CTZR: (0-2)",
}
