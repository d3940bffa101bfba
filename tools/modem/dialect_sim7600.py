"""SIMCom SIM7600E-H: what it is and all commands it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.common import COMMON, need_sim
from tools.modem.dialect import Dialect
from tools.modem.request import Request, Table
from tools.modem.sim7600_files import FILES
from tools.modem.sim7600_gnss import GNSS
from tools.modem.sim7600_mqtt import MQTT
from tools.modem.sim7600_radio import RADIO, scan_order
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

IMEI = "861477060123453"
REVISION = "LE11B12SIM7600M22"


def power_off(unit: Unit, request: Request) -> None:
    """AT+CPOF"""
    unit.at.after(_off(unit))


def _off(unit: Unit) -> Work:
    yield unit.pause(10, 50)
    unit.power.shut_down()


def reset(unit: Unit, request: Request) -> None:
    """AT+CRESET"""
    unit.at.after(_reset(unit))


def _reset(unit: Unit) -> Work:
    yield unit.pause(100, 500)
    unit.power.restart()


def iccid(unit: Unit, request: Request) -> None:
    """AT+CICCID: the prefix of the answer is another."""
    need_sim(unit)
    unit.at.info(f"+ICCID: {unit.card.iccid.ljust(20, 'F')}")


def allow_sleep(unit: Unit, request: Request) -> None:
    """AT+CSCLK=<0, 1>"""
    unit.power.sleep_allowed = request.number(0, 0, 1) == 1
    unit.power.consider_sleep()


COMMANDS: Table = {
    **COMMON,
    **FILES,
    **GNSS,
    **MQTT,
    **RADIO,
    "I": "\n".join(
        (
            "Manufacturer: SIMCOM INCORPORATED",
            "Model: SIMCOM_SIM7600E-H",
            f"Revision: {REVISION}",
            f"IMEI: {IMEI}",
            "+GCAP: +CGSM",
        )
    ),
    "+CGMI": "SIMCOM INCORPORATED",
    "+CGMM": "SIMCOM_SIM7600E-H",
    "+CGMR": f"+CGMR: {REVISION}",
    "+CGSN": IMEI,
    "+GCAP": "+GCAP: +CGSM",
    "+CICCID": iccid,
    "+CPOF": power_off,
    "+CRESET": reset,
    "+CSCLK=": allow_sleep,
}

SIM7600 = Dialect(
    commands=COMMANDS,
    boot_ms=(9_500, 14_000),
    boot_lines=((0, "RDY"), (900, "+CPIN: READY"), (3_500, "SMS DONE"), (4_500, "PB DONE")),
    sim_ready_ms=900,
    radio_on_lines=("+CPIN: READY", "SMS DONE", "PB DONE"),
    off_ms=(1_500, 4_000),
    off_line="NORMAL POWER DOWN",
    rats=scan_order,
    shared_receiver=False,
    scan_aborts=True,
    registration_levels={"+CREG": (0, 1, 2), "+CGREG": (0, 1, 2), "+CEREG": (0, 1, 2)},
    tells_cause=False,
    has_psm=False,
    contexts=24,
    unset_clock="1970-01-01T00:00:00",
    zone_updates=(1, 0),
    gmt_update=None,
    dtr_sleep_ms=17_000,
)
