"""BG95: the network's time and that of a time server (Quectel AT manual V2.0, TCP/IP manual V1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.bg95.sockets import NO_CONTEXT, SERVER_SILENT
from tools.modem.engine.errors import NOT_ALLOWED, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

NTP_MS = 125_000


def latest_time(unit: Unit, request: Request) -> None:
    """AT+QLTS[=<0 last, 1 GMT, 2 local>]: the network's time, "" before it has sent any."""
    form = request.number(0, 0, 2, 0)
    clock = unit.clock
    if not clock.is_set:
        unit.at.info('+QLTS: ""')
        return
    now = clock.local() if form == 2 else clock.utc()
    unit.at.info(f'+QLTS: "{now:%Y/%m/%d,%H:%M:%S}{clock.zone:+03d},0"')


def ask_server(unit: Unit, request: Request) -> None:
    """AT+QNTP=<cid>,"<server>"[,<port>[,<1: set the clock>]]"""
    cid, server = request.number(0, 1, 15), request.text(1)
    port, sets = request.number(2, 1, 65_535, 123), request.number(3, 0, 1, 1) == 1
    if cid not in unit.pdp.address:
        raise Refused(NOT_ALLOWED)
    unit.volatile["+QNTP"] = f'"{server}",{port}'
    leads = unit.pdp.leads(cid, server, port)
    unit.at.after(_ask(unit, cid, sets, leads))


def _ask(unit: Unit, cid: int, sets: bool, leads: bool) -> Work:
    began_ms = unit.env.now
    if cid not in unit.pdp.address:
        unit.at.urc(f"+QNTP: {NO_CONTEXT}")
    elif not leads or unit.hosts == "none" or not (yield from unit.radio.bearer.exchange(120, 120, 2)):
        yield unit.env.timeout(max(0, began_ms + NTP_MS - unit.env.now))
        unit.at.urc(f"+QNTP: {SERVER_SILENT}")
    else:
        if sets:
            unit.clock.set(float(int(unit.air.utc_s())), unit.clock.zone)
        unit.at.urc(f'+QNTP: 0,"{unit.clock.local():%Y/%m/%d,%H:%M:%S}{unit.clock.zone:+03d}"')


def server(unit: Unit, request: Request) -> None:
    """AT+QNTP?"""
    if "+QNTP" in unit.volatile:
        unit.at.info(f"+QNTP: {unit.volatile['+QNTP']}")


TIME: Table = {
    "+QLTS": latest_time,
    "+QLTS=": latest_time,
    "+QNTP=": ask_server,
    "+QNTP?": server,
}
