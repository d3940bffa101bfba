"""Commands that both modems answer alike: format, SIM, signal, registration, operator, PDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem import bands
from tools.modem.bands import BANDS
from tools.modem.errors import BAD_PARAMETER, NO_SERVICE, NOT_ALLOWED, SIM_BUSY, SIM_FAILURE, Refused
from tools.modem.nv import Context
from tools.modem.registration import LINES
from tools.modem.request import Request, Table
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

COPS_LIMIT_MS = 120_000


# Format


def echo(unit: Unit, request: Request) -> None:
    """ATE"""
    unit.at.format.echo = request.number(0, 0, 1, 0) == 1


def verbose(unit: Unit, request: Request) -> None:
    """ATV"""
    unit.at.format.verbose = request.number(0, 0, 1, 0) == 1


def quiet(unit: Unit, request: Request) -> None:
    """ATQ"""
    unit.at.format.quiet = request.number(0, 0, 1, 0) == 1


def register(unit: Unit, request: Request) -> None:
    """ATS3, ATS4: the characters of a line end; others are accepted and ignored."""
    name, sets, value = request.text(0).partition("=")
    form, number = unit.at.format, int(name.rstrip("?"))
    if not sets:
        known = {3: form.cr, 4: form.lf}
        unit.at.info(f"{known.get(number, 0):03d}")
    elif number == 3:
        form.cr = int(value or 0) % 128
    elif number == 4:
        form.lf = int(value or 0) % 128


def factory(unit: Unit, request: Request) -> None:
    """ATZ, AT&F"""
    unit.at.format = type(unit.at.format)(cmee=unit.at.format.cmee)


def set_cmee(unit: Unit, request: Request) -> None:
    """AT+CMEE="""
    unit.at.format.cmee = request.number(0, 0, 2)


def get_cmee(unit: Unit, request: Request) -> None:
    """AT+CMEE?"""
    unit.at.info(f"+CMEE: {unit.at.format.cmee}")


# SIM


def need_sim(unit: Unit) -> None:
    """Refused while the SIM is busy, or off after AT+CFUN=0."""
    if not unit.power.sim_ready:
        raise Refused(SIM_BUSY)
    if unit.radio.function == 0:
        raise Refused(SIM_FAILURE)


def pin_state(unit: Unit, request: Request) -> None:
    """AT+CPIN?"""
    need_sim(unit)
    unit.at.info("+CPIN: READY")


def imsi(unit: Unit, request: Request) -> None:
    """AT+CIMI"""
    need_sim(unit)
    unit.at.info(unit.card.imsi)


def restricted_access(unit: Unit, request: Request) -> None:
    """AT+CRSM: READ BINARY (176) and, for the forbidden networks, UPDATE BINARY (214)."""
    need_sim(unit)
    command, file_id = request.number(0, 0, 255), request.number(1, 0, 65_535)
    offset, length = request.number(2, 0, 255, 0), request.number(4, 0, 255, 0)
    contents = unit.card.read(file_id)
    if contents is None or command not in (176, 214):
        unit.at.info("+CRSM: 106,130" if contents is None else "+CRSM: 109,0")
    elif command == 176:
        part = contents[offset : offset + (length or 256)]
        unit.at.info(f'+CRSM: 144,0,"{part.hex().upper()}"')
    else:
        _update(unit, file_id, request)


def _update(unit: Unit, file_id: int, request: Request) -> None:
    try:
        data = bytes.fromhex(request.text(5))
    except ValueError:
        raise Refused from None
    if file_id != 0x6F7B or request.number(2, 0, 255) or len(data) != request.number(4, 0, 255):
        unit.at.info("+CRSM: 105,130")  # 6982: not allowed
        return
    unit.card.write_forbidden(data)
    unit.at.info("+CRSM: 144,0")


# Radio


def get_function(unit: Unit, request: Request) -> None:
    """AT+CFUN?"""
    unit.at.info(f"+CFUN: {unit.radio.function}")


def set_function(unit: Unit, request: Request) -> Work:
    """AT+CFUN=<0, 1, 4>[,1]; with 1, or as 6 on the SIM7600, the modem restarts."""
    function = request.number(0, 0, 7)
    resets = (6,) if unit.dialect.scan_aborts else ()
    if function not in (0, 1, 4, *resets):
        raise Refused(NOT_ALLOWED)
    if request.number(1, 0, 1, 0) or function in resets:
        unit.at.after(_restart(unit))
        return
    was = unit.radio.function
    yield from unit.radio.set_function(function)
    if function == 1 and was != 1:
        for line in unit.dialect.radio_on_lines:
            unit.at.urc(line)


def _restart(unit: Unit) -> Work:
    yield unit.pause(100, 300)
    unit.power.restart()


def signal_quality(unit: Unit, request: Request) -> None:
    """AT+CSQ (TS 27.007 8.5)"""
    cell = unit.radio.cell
    level = 99 if cell is None else max(0, min(31, (bands.rssi_dbm(cell) + 113) // 2))
    unit.at.info(f"+CSQ: {level},99")


def get_registration(unit: Unit, request: Request) -> None:
    """AT+CREG?, AT+CGREG?, AT+CEREG?"""
    unit.at.info(unit.radio.reports.read(request.key[:-1]))


def set_registration(unit: Unit, request: Request) -> None:
    """AT+CREG=, AT+CGREG=, AT+CEREG="""
    name = request.key[:-1]
    level = request.number(0, 0, 4)
    if level not in unit.dialect.registration_levels[name]:
        raise Refused(BAD_PARAMETER)
    unit.radio.reports.set_level(name, level)


def get_operator(unit: Unit, request: Request) -> None:
    """AT+COPS?"""
    mode = 0 if unit.nv.operator is None else 1
    radio = unit.radio
    if not radio.registered() or radio.cell is None:
        unit.at.info(f"+COPS: {mode}")
        return
    act = BANDS[radio.cell.rat].act
    unit.at.info(f'+COPS: {mode},2,"{radio.cell.plmn}",{act}')


def set_operator(unit: Unit, request: Request) -> Work:
    """AT+COPS=: 0 automatic, 1 manual, 2 deregister, 3 format (numeric only), 4 manual, else automatic."""
    mode = request.number(0, 0, 4)
    if mode == 3:
        return
    if mode == 2:
        unit.radio.deregister()
        return
    if mode == 0:
        changed = unit.nv.operator is not None or unit.radio.stat == 0
        unit.nv.operator = None
        if changed:
            unit.radio.select()
        return
    plmn = request.text(2)
    if request.number(1, 0, 2) != 2 or not plmn.isdigit() or len(plmn) not in (5, 6):
        raise Refused(BAD_PARAMETER)
    yield from _hold(unit, plmn, fall_back=mode == 4)


def _hold(unit: Unit, plmn: str, fall_back: bool) -> Work:
    """Manual selection: over when registered there, or refused, or given up."""
    changed = unit.nv.operator != plmn
    unit.nv.operator = plmn
    if changed and unit.radio.home != plmn:
        unit.radio.select()
    deadline_ms = unit.env.now + COPS_LIMIT_MS
    while not unit.radio.registered():
        if unit.radio.stat == 3:
            if fall_back:
                break
            raise Refused(111 if unit.radio.cause == 11 else 32)
        if unit.env.now >= deadline_ms:
            if fall_back:
                break
            raise Refused(NO_SERVICE)
        yield unit.env.timeout(500)
    if fall_back and not unit.radio.registered():
        unit.nv.operator = None
        unit.radio.select()


def list_operators(unit: Unit, request: Request) -> Work:
    """AT+COPS=?: a scan of minutes; on the SIM7600 any byte from the host aborts it."""
    scan_ms = unit.spread(60_000)
    if not unit.dialect.scan_aborts:
        yield unit.env.timeout(scan_ms)
    elif not (yield from unit.at.abortable(scan_ms)):
        raise Refused
    found: dict[tuple[str, int], str] = {}
    for cell in unit.air.cells():
        status = 3 if cell.plmn in unit.card.forbidden else 2 if cell.plmn == unit.radio.home else 1
        act = BANDS[cell.rat].act
        found.setdefault((cell.plmn, act), f'({status},"{cell.plmn}","{cell.plmn}","{cell.plmn}",{act})')
    unit.at.info("+COPS: " + ",".join([*found.values(), "", "(0-4)", "(2)"]))


# PDP


def get_contexts(unit: Unit, request: Request) -> None:
    """AT+CGDCONT?"""
    for cid, context in sorted(unit.nv.contexts.items()):
        address = unit.pdp.address.get(cid, "0.0.0.0")
        unit.at.info(f'+CGDCONT: {cid},"{context.kind}","{context.apn}","{address}",0,0,0,0')


def set_context(unit: Unit, request: Request) -> None:
    """AT+CGDCONT=<cid>[,"<type>"[,"<apn>"]]"""
    cid = request.number(0, 1, unit.dialect.contexts)
    if not request.has(1):
        unit.nv.contexts.pop(cid, None)
        return
    kind = request.text(1).upper()
    if kind not in ("IP", "IPV6", "IPV4V6"):
        raise Refused(BAD_PARAMETER)
    unit.nv.contexts[cid] = Context(kind, request.text(2, ""))


def attached(unit: Unit, request: Request) -> None:
    """AT+CGATT?"""
    unit.at.info(f"+CGATT: {1 if unit.radio.registered() else 0}")


def get_active(unit: Unit, request: Request) -> None:
    """AT+CGACT?"""
    for cid in sorted(unit.nv.contexts):
        unit.at.info(f"+CGACT: {cid},{1 if cid in unit.pdp.address else 0}")


def set_active(unit: Unit, request: Request) -> Work:
    """AT+CGACT=<0, 1>,<cid>"""
    on, cid = request.number(0, 0, 1), request.number(1, 1, 24, 1)
    if cid not in unit.nv.contexts:
        raise Refused(NOT_ALLOWED)
    if not on:
        yield from unit.pdp.deactivate(cid)
    elif cid not in unit.pdp.address and not (yield from unit.pdp.activate(cid)):
        raise Refused(NO_SERVICE)


def addresses(unit: Unit, request: Request) -> None:
    """AT+CGPADDR=<cid>"""
    cid = request.number(0, 1, 24)
    unit.at.info(f"+CGPADDR: {cid},{unit.pdp.address.get(cid, '0.0.0.0')}")


# Clock


def get_clock(unit: Unit, request: Request) -> None:
    """AT+CCLK? On the BG95 with AT+CTZU=1 it is GMT, with the zone behind it all the same."""
    clock = unit.clock
    gmt = unit.nv.zone_update == unit.dialect.gmt_update
    now = clock.utc() if gmt else clock.local()
    unit.at.info(f'+CCLK: "{now:%y/%m/%d,%H:%M:%S}{clock.zone:+03d}"')


def get_zone_update(unit: Unit, request: Request) -> None:
    """AT+CTZU?"""
    unit.at.info(f"+CTZU: {unit.nv.zone_update}")


def set_zone_update(unit: Unit, request: Request) -> None:
    """AT+CTZU=: 0 no, 1 yes; on the BG95 1 sets the clock to GMT and 3 to local time."""
    value = request.number(0, 0, 3)
    if value not in unit.dialect.zone_updates:
        raise Refused(BAD_PARAMETER)
    unit.nv.zone_update = value


COMMON: Table = {
    "E": echo,
    "V": verbose,
    "Q": quiet,
    "S": register,
    "Z": factory,
    "&F": factory,
    "&W": "",
    "+CMEE=": set_cmee,
    "+CMEE?": get_cmee,
    "+CPIN?": pin_state,
    "+CIMI": imsi,
    "+CRSM=": restricted_access,
    "+CFUN?": get_function,
    "+CFUN=": set_function,
    "+CSQ": signal_quality,
    **{f"{name}?": get_registration for name in LINES},
    **{f"{name}=": set_registration for name in LINES},
    "+COPS?": get_operator,
    "+COPS=": set_operator,
    "+COPS=?": list_operators,
    "+CGDCONT?": get_contexts,
    "+CGDCONT=": set_context,
    "+CGATT?": attached,
    "+CGACT?": get_active,
    "+CGACT=": set_active,
    "+CGPADDR=": addresses,
    "+CCLK?": get_clock,
    "+CTZU?": get_zone_update,
    "+CTZU=": set_zone_update,
}
