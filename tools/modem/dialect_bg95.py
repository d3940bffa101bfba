"""Quectel BG95-M3: what it is and all commands it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.bg95_files import FILES
from tools.modem.bg95_gnss import GNSS
from tools.modem.bg95_mqtt import MQTT
from tools.modem.bg95_radio import RADIO, scan_order
from tools.modem.common import COMMON, need_sim
from tools.modem.dialect import Dialect
from tools.modem.request import Request, Table
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

IMEI = "864475041234565"
REVISION = "BG95M3LAR02A03"


def power_down(unit: Unit, request: Request) -> None:
    """AT+QPOWD[=<0, 1>]: OK at once, POWERED DOWN later."""
    request.number(0, 0, 1, 1)
    unit.at.after(_down(unit))


def _down(unit: Unit) -> Work:
    yield unit.pause(10, 50)
    unit.power.shut_down()


def iccid(unit: Unit, request: Request) -> None:
    """AT+QCCID"""
    need_sim(unit)
    unit.at.info(f"+QCCID: {unit.card.iccid.ljust(20, 'F')}")


def init_state(unit: Unit, request: Request) -> None:
    """AT+QINISTAT"""
    unit.at.info(f"+QINISTAT: {3 if unit.power.sim_ready else 0}")


def latest_time(unit: Unit, request: Request) -> None:
    """AT+QLTS[=<0 last, 1 GMT, 2 local>]: the network's time, "" before it has told any."""
    form = request.number(0, 0, 2, 0)
    clock = unit.clock
    if not clock.is_set:
        unit.at.info('+QLTS: ""')
        return
    now = clock.local() if form == 2 else clock.utc()
    unit.at.info(f'+QLTS: "{now:%Y/%m/%d,%H:%M:%S}{clock.zone:+03d},0"')


def allow_sleep(unit: Unit, request: Request) -> None:
    """AT+QSCLK=<0, 1>"""
    unit.power.sleep_allowed = request.number(0, 0, 2) > 0
    unit.power.consider_sleep()


COMMANDS: Table = {
    **COMMON,
    **FILES,
    **GNSS,
    **MQTT,
    **RADIO,
    "I": f"Quectel\nBG95-M3\nRevision: {REVISION}",
    "+CGMI": "Quectel",
    "+CGMM": "BG95-M3",
    "+CGMR": REVISION,
    "+CGSN": IMEI,
    "+GSN": IMEI,
    "+QCCID": iccid,
    "+QINISTAT": init_state,
    "+QPOWD": power_down,
    "+QPOWD=": power_down,
    "+QLTS": latest_time,
    "+QLTS=": latest_time,
    "+QSCLK=": allow_sleep,
    "+QURCCFG=": "",
}

BG95 = Dialect(
    commands=COMMANDS,
    boot_ms=(1_700, 2_500),
    boot_lines=(
        (0, "RDY"),
        (250, "APP RDY"),
        (300, "+CFUN: 1"),
        (700, "+CPIN: READY"),
        (720, "+QUSIM: 1"),
        (1_500, "+QIND: SMS DONE"),
    ),
    sim_ready_ms=700,
    radio_on_lines=("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
    off_ms=(1_200, 4_000),
    off_line="POWERED DOWN",
    rats=scan_order,
    shared_receiver=True,
    scan_aborts=False,
    registration_levels={"+CREG": (0, 1, 2), "+CGREG": (0, 1, 2, 4), "+CEREG": (0, 1, 2, 4)},
    tells_cause=True,
    has_psm=True,
    contexts=15,
    unset_clock="1980-01-06T00:00:00",
    zone_updates=(0, 1, 3),
    gmt_update=1,
    dtr_sleep_ms=1_000,
)
