"""Commands about the AT interface itself: echo, forms of results, errors, baud rate, profiles (V.250)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.nv import Format
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

BAUD_RATES = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 3_000_000)


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
    """AT&F; the baud rate and AT+CMEE stay."""
    unit.at.format = Format(cmee=unit.at.format.cmee)


def recall(unit: Unit, request: Request) -> None:
    """ATZ: what AT&W has kept."""
    unit.at.format = replace(unit.nv.profile, cmee=unit.at.format.cmee)


def keep(unit: Unit, request: Request) -> None:
    """AT&W; on the BG95 the baud rate with it."""
    unit.nv.profile = replace(unit.at.format)
    if unit.dialect.keeps_baud:
        unit.nv.baud = unit.baud


def set_cmee(unit: Unit, request: Request) -> None:
    """AT+CMEE="""
    unit.at.format.cmee = request.number(0, 0, 2)


def get_cmee(unit: Unit, request: Request) -> None:
    """AT+CMEE?"""
    unit.at.info(f"+CMEE: {unit.at.format.cmee}")


def get_baud(unit: Unit, request: Request) -> None:
    """AT+IPR?, AT+IPREX?"""
    name = request.key[:-1]
    unit.at.info(f"{name}: {unit.baud if name == '+IPR' else unit.nv.baud}")


def set_baud(unit: Unit, request: Request) -> None:
    """AT+IPR=<rate>: from OK on; AT+IPREX= also after the next boot. 0: the SIM7600 finds out itself."""
    rate = request.number(0, 0, BAUD_RATES[-1])
    if rate not in BAUD_RATES and (rate or not unit.dialect.finds_baud):
        raise Refused(BAD_PARAMETER)
    if request.key == "+IPREX=":
        unit.nv.baud = rate
    unit.at.after(_change_baud(unit, rate))


def _change_baud(unit: Unit, rate: int) -> Work:
    yield unit.pause(1, 5)
    unit.baud = rate


def get_flow(unit: Unit, request: Request) -> None:
    """AT+IFC?"""
    unit.at.info(f"+IFC: {unit.nv.settings.get('ifc', '0,0')}")


def set_flow(unit: Unit, request: Request) -> None:
    """AT+IFC=<0, 2>[,<0, 2>]: kept, and without effect on this line."""
    first = request.number(0, 0, 2)
    second = request.number(1, 0, 2, first)
    unit.nv.settings["ifc"] = f"{first},{second}"


def activity(unit: Unit, request: Request) -> None:
    """AT+CPAS: 0 ready, 4 in a call"""
    unit.at.info(f"+CPAS: {0 if unit.at.call is None else 4}")


def set_class(unit: Unit, request: Request) -> None:
    """AT+FCLASS=0: data, as programs that dial say first; there is no fax."""
    request.number(0, 0, 0)


def view(unit: Unit, request: Request) -> None:
    """AT&V: the settings of the AT interface as they are."""
    form = unit.at.format
    values = {"E": form.echo, "Q": form.quiet, "V": form.verbose, "S3": form.cr, "S4": form.lf}
    unit.at.info("\n".join(f"{name}: {int(value)}" for name, value in values.items()))


def commands(unit: Unit, request: Request) -> None:
    """AT+CLAC: the commands there are, a line each (TS 27.007 8.37)."""
    names = sorted({key.rstrip("=?") for key in unit.dialect.commands})
    unit.at.info("\n".join(f"AT{name}" for name in names))


FORMAT: Table = {
    "E": echo,
    "V": verbose,
    "Q": quiet,
    "S": register,
    "&V": view,
    "+CLAC": commands,
    "+FCLASS=": set_class,
    "+CPAS": activity,
    "+CPAS=?": "+CPAS: (0,3,4)",
    "X": "",
    "&C": "",
    "&D": "",
    "Z": recall,
    "&F": factory,
    "&W": keep,
    "+CMEE=": set_cmee,
    "+CMEE?": get_cmee,
    "+CMEE=?": "+CMEE: (0-2)",
    "+IPR?": get_baud,
    "+IPR=": set_baud,
    "+IPR=?": f"+IPR: (),({','.join(map(str, BAUD_RATES))})",
    "+IFC?": get_flow,
    "+IFC=": set_flow,
    "+IFC=?": "+IFC: (0,2),(0,2)",
}
