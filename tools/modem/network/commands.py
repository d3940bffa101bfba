"""Commands about the radio: function, signal, registration, operator (TS 27.007 7 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, EMM_NAMES, ESM_NAMES, NO_SERVICE, NOT_ALLOWED, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.network import bands, operators
from tools.modem.network.bands import BANDS
from tools.modem.network.radio import FULL
from tools.modem.network.registration import LINES

if TYPE_CHECKING:
    from tools.modem.unit import Unit

COPS_LIMIT_MS = 120_000
DEREGISTER_MS = (500, 2_500)
SCAN_MS = 90_000
"""Duration of AT+COPS=? on all bands: 30 to 180 s and more have been observed."""
OFFLINE, RESET = 7, 6
_FORMAT = "+COPS/format"


def get_function(unit: Unit, request: Request) -> None:
    """AT+CFUN?"""
    unit.at.info(f"+CFUN: {unit.radio.function}")


def set_function(unit: Unit, request: Request) -> Work:
    """AT+CFUN=<function>[,1]; with 1, or as 6 on the SIM7600, the modem restarts, which alone leads out
    of 7."""
    function = request.number(0, 0, 7)
    if function not in unit.dialect.functions:
        raise Refused(NOT_ALLOWED)
    if request.number(1, 0, 1, 0) or function == RESET:
        unit.at.after(_restart(unit))
        return
    was = unit.radio.function
    if was == OFFLINE and function != OFFLINE:
        raise Refused(NOT_ALLOWED)
    if function == 1 and was == 0:
        unit.power.sim_ready = False  # from now on the card starts again
    yield from unit.radio.set_function(function)
    if function == 1 and was == 0:
        unit.at.after(unit.power.start_card())
        first_ms = unit.dialect.sim_ready_ms
        lines = tuple((first_ms + 50 * i, line) for i, line in enumerate(unit.dialect.radio_on_lines))
        unit.at.after(unit.power.say(unit.slot.lines(lines)))
    elif function == 1 and was != 1:
        for _, line in unit.slot.lines(tuple((0, line) for line in unit.dialect.radio_on_lines)):
            unit.at.urc(line)


def _restart(unit: Unit) -> Work:
    yield unit.pause(100, 300)
    unit.power.restart()


def test_function(unit: Unit, request: Request) -> None:
    """AT+CFUN=?"""
    unit.at.info(f"+CFUN: ({','.join(map(str, unit.dialect.functions))}),(0,1)")


def signal_quality(unit: Unit, request: Request) -> None:
    """AT+CSQ (TS 27.007 8.5)"""
    unit.at.info(f"+CSQ: {signal_level(unit)},99")


def signal_level(unit: Unit) -> int:
    """<rssi> of +CSQ: 0 to 31, 99 when nothing is heard."""
    cell = unit.radio.cell
    return 99 if cell is None else max(0, min(31, (bands.rssi_dbm(cell) + 113) // 2))


def extended_quality(unit: Unit, request: Request) -> None:
    """AT+CESQ (TS 27.007 8.69): <rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>"""
    cell = unit.radio.cell
    if cell is None:
        unit.at.info("+CESQ: 99,99,255,255,255,255")
    elif cell.rat == "gsm":
        unit.at.info(f"+CESQ: {max(0, min(63, cell.rsrp_dbm + 111))},99,255,255,255,255")
    else:
        rsrq, rsrp = max(0, min(34, 2 * cell.rsrq_db + 40)), max(0, min(97, cell.rsrp_dbm + 141))
        unit.at.info(f"+CESQ: 99,99,255,255,{rsrq},{rsrp}")


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


def test_registration(unit: Unit, request: Request) -> None:
    """AT+CREG=?, AT+CGREG=?, AT+CEREG=?"""
    name = request.key[:-2]
    unit.at.info(f"{name}: ({','.join(map(str, unit.dialect.registration_levels[name]))})")


def get_operator(unit: Unit, request: Request) -> None:
    """AT+COPS?"""
    radio = unit.radio
    mode = 2 if radio.deregistered else 0 if unit.nv.operator is None else 1
    if not radio.registered() or radio.cell is None:
        unit.at.info(f"+COPS: {mode}")
        return
    form = int(unit.volatile.get(_FORMAT, "0"))
    act = BANDS[radio.cell.rat].act
    unit.at.info(f'+COPS: {mode},{form},"{operators.name(radio.cell.plmn, form)}",{act}')


def set_operator(unit: Unit, request: Request) -> Work:
    """AT+COPS=<0 automatic, 1 manual, 2 deregister, 3 format, 4 manual, else automatic>[,<format>
    [,"<operator>"[,<AcT>]]]"""
    mode = request.number(0, 0, 4)
    if request.has(1) or mode == 3:
        unit.volatile[_FORMAT] = str(request.number(1, 0, 2))
    if mode == 3:
        return
    if mode == 2:
        yield unit.pause(*DEREGISTER_MS)
        unit.radio.deregister()
        unit.radio.deregistered = True
        unit.pdp.detach(by_network=False)
        return
    if mode == 0:
        changed = unit.nv.operator is not None or unit.radio.deregistered
        unit.nv.operator = unit.nv.operator_rat = None
        if changed:
            unit.radio.select()
        return
    plmn = operators.digits(request.text(2), request.number(1, 0, 2))
    rats = [rat for rat, band in BANDS.items() if band.act == request.number(3, 0, 9, 0)]
    if plmn is None or (request.has(3) and not rats):
        raise Refused(BAD_PARAMETER)
    unit.nv.operator_rat = rats[0] if request.has(3) else None
    yield from _hold(unit, plmn, fall_back=mode == 4)


def _hold(unit: Unit, plmn: str, fall_back: bool) -> Work:
    """Manual selection: over when registered there, or refused, or given up."""
    changed = unit.nv.operator != plmn or unit.radio.deregistered
    unit.nv.operator = plmn
    if changed and unit.radio.home != plmn:
        unit.radio.select()
    deadline_ms = unit.env.now + COPS_LIMIT_MS
    while not unit.radio.registered():
        if unit.radio.stat == 3:
            if fall_back:
                break
            raise Refused(unit.dialect.refusals.get(unit.radio.cause, 32))
        if unit.env.now >= deadline_ms:
            if fall_back:
                break
            raise Refused(NO_SERVICE)
        yield unit.env.timeout(500)
    if fall_back and not unit.radio.registered():
        unit.nv.operator = unit.nv.operator_rat = None
        unit.radio.select()


def list_operators(unit: Unit, request: Request) -> Work:
    """AT+COPS=?: a scan of minutes; on the SIM7600 any byte from the host aborts it."""
    if unit.radio.function != FULL:
        raise Refused(NOT_ALLOWED)
    scan_ms = unit.spread(SCAN_MS)
    unit.radio.listen(True)
    if not unit.dialect.scan_aborts:
        yield unit.env.timeout(scan_ms)
        whole = True
    else:
        whole = yield from unit.at.abortable(scan_ms)
    unit.radio.listen(False)
    if not whole:
        raise Refused
    found: dict[tuple[str, int], str] = {}
    for cell in unit.radio.heard():
        status = 3 if cell.plmn in unit.card.forbidden else 2 if cell.plmn == unit.radio.home else 1
        act = BANDS[cell.rat].act
        names = ",".join(f'"{operators.name(cell.plmn, form)}"' for form in range(3))
        found.setdefault((cell.plmn, act), f"({status},{names},{act})")
    unit.at.info("+COPS: " + ",".join([*found.values(), "", unit.dialect.operator_modes, "(0-2)"]))


def last_cause(unit: Unit, request: Request) -> None:
    """AT+CEER: the last refusal, in words [C]."""
    unit.at.info(f"+CEER: {_last_cause(unit)}")


def _last_cause(unit: Unit) -> str:
    layer, cause, names = "EMM", unit.radio.cause, EMM_NAMES
    if not cause:
        layer, cause, names = "ESM", unit.pdp.cause, ESM_NAMES
    if not cause or unit.has("ceer-mute"):
        return "No cause information available"
    return names.get(cause, "Protocol error") if unit.has("ceer-words") else f"{layer} cause {cause}"


NETWORK: Table = {
    "+CFUN?": get_function,
    "+CFUN=": set_function,
    "+CFUN=?": test_function,
    "+CSQ": signal_quality,
    "+CSQ=?": "+CSQ: (0-31,99),(0-7,99)",
    "+CEER": last_cause,
    **{f"{name}?": get_registration for name in LINES},
    **{f"{name}=": set_registration for name in LINES},
    **{f"{name}=?": test_registration for name in LINES},
    "+COPS?": get_operator,
    "+COPS=": set_operator,
    "+COPS=?": list_operators,
}
EXTENDED_QUALITY: Table = {
    "+CESQ": extended_quality,
    "+CESQ=?": "+CESQ: (0-63,99),(0-7,99),(255),(255),(0-34,255),(0-97,255)",
}
