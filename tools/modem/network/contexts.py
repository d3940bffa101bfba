"""Commands about PDP contexts (TS 27.007 10) and data calls (V.250, TS 27.010)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tools.modem.engine.datamode import Call, Multiplexer
from tools.modem.engine.errors import BAD_PARAMETER, NO_SERVICE, NOT_ALLOWED, Refused
from tools.modem.engine.nv import Context
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.network.pdp import CME

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_PACKET_CALL = re.compile(r"[TP]?\*99(?:\*+(\d*))?#")
KINDS = ("IP", "IPV6", "IPV4V6", "PPP")
_UNSPECIFIED = 148


def get_contexts(unit: Unit, request: Request) -> None:
    """AT+CGDCONT?"""
    for cid, context in sorted(unit.nv.contexts.items()):
        address = unit.pdp.address.get(cid, "0.0.0.0")
        unit.at.info(f'+CGDCONT: {cid},"{context.kind}","{context.apn}","{address}",0,0,0,0')


def set_context(unit: Unit, request: Request) -> None:
    """AT+CGDCONT=<cid>[,"<type>"[,"<apn>"]]"""
    cid = context_id(unit, request)
    if not request.has(1):
        unit.nv.contexts.pop(cid, None)
        return
    kind = request.text(1).upper()
    if kind not in KINDS:
        raise Refused(BAD_PARAMETER)
    before = unit.nv.contexts.get(cid, Context(kind, ""))  # AT+CGAUTH stays
    unit.nv.contexts[cid] = replace(before, kind=kind, apn=request.text(2, ""))


def context_id(unit: Unit, request: Request, index: int = 0, default: int | None = None) -> int:
    """The context that an argument names; refused when the modem has none of this number."""
    cid = request.number(index, 1, 179, default)
    if cid not in unit.dialect.contexts:
        raise Refused(BAD_PARAMETER)
    return cid


def attached(unit: Unit, request: Request) -> None:
    """AT+CGATT?"""
    unit.at.info(f"+CGATT: {1 if unit.radio.registered() else 0}")


def attach(unit: Unit, request: Request) -> Work:
    """AT+CGATT=<0, 1>"""
    if request.number(0, 0, 1) == 0:
        yield unit.pause(300, 1_500)
        unit.radio.deregister()
        unit.pdp.detach(by_network=False)
        return
    if not unit.radio.registered():
        if unit.radio.stat == 0:
            unit.radio.select()
        deadline_ms = unit.env.now + 140_000
        while not unit.radio.registered():
            if unit.env.now >= deadline_ms:
                raise Refused(NO_SERVICE)
            yield unit.env.timeout(500)


def get_active(unit: Unit, request: Request) -> None:
    """AT+CGACT?"""
    for cid in sorted(unit.nv.contexts):
        unit.at.info(f"+CGACT: {cid},{1 if cid in unit.pdp.address else 0}")


def set_active(unit: Unit, request: Request) -> Work:
    """AT+CGACT=<0, 1>,<cid>"""
    on, cid = request.number(0, 0, 1), context_id(unit, request, 1, 1)
    if cid not in unit.nv.contexts:
        raise Refused(NOT_ALLOWED)
    if not on:
        yield from unit.pdp.deactivate(cid)
    elif cid not in unit.pdp.address:
        yield from activate(unit, cid)


def activate(unit: Unit, cid: int) -> Work:
    """Activate it; refused with the code of the network's cause, or of having no network."""
    if not (yield from unit.pdp.activate(cid)):
        if unit.pdp.cause and unit.radio.registered():
            raise Refused(CME.get(unit.pdp.cause, _UNSPECIFIED))
        raise Refused(NO_SERVICE)


def addresses(unit: Unit, request: Request) -> None:
    """AT+CGPADDR[=<cid>]"""
    wanted = [context_id(unit, request)] if request.has(0) else sorted(unit.nv.contexts)
    quote = '"' if unit.has("cgpaddr-quoted") else ""
    for cid in wanted:
        unit.at.info(f"+CGPADDR: {cid},{quote}{unit.pdp.address.get(cid, '0.0.0.0')}{quote}")


def set_events(unit: Unit, request: Request) -> None:
    """AT+CGEREP=<0, 1, 2>[,<0, 1>]: report +CGEV"""
    unit.pdp.reports = request.number(0, 0, 2) > 0
    request.number(1, 0, 1, 0)


def get_events(unit: Unit, request: Request) -> None:
    """AT+CGEREP?"""
    unit.at.info(f"+CGEREP: {2 if unit.pdp.reports else 0},0")


# Data calls


def dial(unit: Unit, request: Request) -> Work:
    """ATD*99***<cid># or ATD*99#; there is no voice."""
    match = _PACKET_CALL.fullmatch(request.text(0).strip().rstrip(";").upper())
    if not match:
        unit.at.finish("NO CARRIER")
        return
    yield from _call(unit, int(match.group(1) or 1))


def data_call(unit: Unit, request: Request) -> Work:
    """AT+CGDATA="PPP"[,<cid>]"""
    if request.text(0).upper() != "PPP":
        raise Refused(BAD_PARAMETER)
    yield from _call(unit, context_id(unit, request, 1, 1))


def _call(unit: Unit, cid: int) -> Work:
    if cid not in unit.nv.contexts:
        raise Refused(NOT_ALLOWED)
    if cid not in unit.pdp.address and not (yield from unit.pdp.activate(cid)):
        unit.at.finish("NO CARRIER")
        return
    unit.at.call = Call(unit)
    go_online(unit)


def go_online(unit: Unit) -> None:
    """After the final result, CONNECT with a rate, the serial line belongs to the call."""
    assert unit.at.call
    unit.at.finish(f"CONNECT {unit.at.call.rate}")
    unit.at.go_online(unit.at.call)


def resume(unit: Unit, request: Request) -> None:
    """ATO: back into the call that `+++` has left."""
    if unit.at.call is None:
        unit.at.finish("NO CARRIER")
        return
    go_online(unit)


def hang_up(unit: Unit, request: Request) -> None:
    """ATH: the context stays."""
    unit.at.hang_up()


def multiplex(unit: Unit, request: Request) -> None:
    """AT+CMUX=0[,...]: frames from now on, until the close-down. Basic mode only."""
    request.number(0, 0, 0)
    unit.at.go_online(Multiplexer(lambda: unit.at.leave("OK")))


CONTEXTS: Table = {
    "+CGDCONT?": get_contexts,
    "+CGDCONT=": set_context,
    "+CGDCONT=?": '+CGDCONT: (1-15),"IP",,,(0-2),(0-4)',
    "+CGATT?": attached,
    "+CGATT=": attach,
    "+CGATT=?": "+CGATT: (0,1)",
    "+CGACT?": get_active,
    "+CGACT=": set_active,
    "+CGACT=?": "+CGACT: (0,1)",
    "+CGPADDR": addresses,
    "+CGPADDR=": addresses,
    "+CGEREP=": set_events,
    "+CGEREP?": get_events,
    "+CGEREP=?": "+CGEREP: (0-2),(0-1)",
    "D": dial,
    "+CGDATA=": data_call,
    "O": resume,
    "H": hang_up,
    "+CMUX=": multiplex,
}
