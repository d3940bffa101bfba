"""SIMCom SIM7600E-H: what it is and all commands it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.card.apdus import CHANNELS, GENERIC
from tools.modem.card.toolkit import SIMCOM
from tools.modem.dialect import Dialect
from tools.modem.engine.common import COMMON
from tools.modem.engine.errors import NOT_ALLOWED, Refused
from tools.modem.engine.format import get_baud, set_baud
from tools.modem.engine.request import Request
from tools.modem.engine.tasks import Work
from tools.modem.network.commands import EXTENDED_QUALITY
from tools.modem.network.contexts import context_id
from tools.modem.network.power_saving import STANDARD
from tools.modem.sim7600.card import CARD
from tools.modem.sim7600.files import FILES
from tools.modem.sim7600.gnss import GNSS
from tools.modem.sim7600.mqtt import MQTT
from tools.modem.sim7600.radio import MODES_OF_OPERATION, RADIO, bands_fraction, hears, lets_in, scan_order
from tools.modem.sim7600.sockets import SOCKETS, lost
from tools.modem.sim7600.ssl import SSL

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


def allow_sleep(unit: Unit, request: Request) -> None:
    """AT+CSCLK=<0, 1>"""
    unit.power.sleep_allowed = request.number(0, 0, 1) == 1
    unit.power.consider_sleep()


def sleep_allowed(unit: Unit, request: Request) -> None:
    """AT+CSCLK?"""
    unit.at.info(f"+CSCLK: {int(unit.power.sleep_allowed)}")


def set_ring(unit: Unit, request: Request) -> None:
    """AT+CFGRI=<0, 1>: a pulse on RI with each unsolicited line. Kept; that pin is not read."""
    unit.nv.settings["cfgri"] = str(request.number(0, 0, 1))


def get_ring(unit: Unit, request: Request) -> None:
    """AT+CFGRI?"""
    unit.at.info(f"+CFGRI: {unit.nv.settings.get('cfgri', '0')}")


def supply(unit: Unit, request: Request) -> None:
    """AT+CBC"""
    unit.at.info(f"+CBC: {unit.millivolts() / 1_000:.3f}V")


def temperature(unit: Unit, request: Request) -> None:
    """AT+CPMUTEMP: degrees C"""
    unit.at.info(f"+CPMUTEMP: {unit.temperature_c + 3}")


def set_login(unit: Unit, request: Request) -> None:
    """AT+CGAUTH=<cid>[,<0 none, 1 PAP, 2 CHAP>[,"<password>"[,"<user>"]]]: the password comes first."""
    cid = context_id(unit, request)
    context = unit.nv.contexts.get(cid)
    if context is None:
        raise Refused(NOT_ALLOWED)
    context.auth = request.number(1, 0, 3, 0)
    context.password, context.user = request.text(2, ""), request.text(3, "")


def get_login(unit: Unit, request: Request) -> None:
    """AT+CGAUTH?"""
    for cid, context in sorted(unit.nv.contexts.items()):
        unit.at.info(f'+CGAUTH: {cid},{context.auth},"{context.user}","{context.password}"')


DIALECT = Dialect(
    name="sim7600",
    commands={
        **COMMON,
        **CARD,
        **CHANNELS,
        **GENERIC,
        **SIMCOM,
        **FILES,
        **GNSS,
        **MQTT,
        **RADIO,
        **SOCKETS,
        **SSL,
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
        "+GMI": "SIMCOM INCORPORATED",
        "+CGMM": "SIMCOM_SIM7600E-H",
        "+GMM": "SIMCOM_SIM7600E-H",
        "+CGMR": f"+CGMR: {REVISION}",
        "+GMR": f"+GMR: {REVISION}",
        "+CGSN": IMEI,
        "+GSN": IMEI,
        "+GCAP": "+GCAP: +CGSM",
        "+WS46=?": "+WS46: (12,22,25,28,29,30,31)",  # TS 27.007 5.9: ModemManager asks for LTE so
        "+IPREX?": get_baud,
        "+IPREX=": set_baud,
        "+CPOF": power_off,
        "+CRESET": reset,
        "+CSCLK=": allow_sleep,
        "+CSCLK?": sleep_allowed,
        "+CFGRI=": set_ring,
        "+CFGRI?": get_ring,
        "+CBC": supply,
        "+CPMUTEMP": temperature,
        "+CGAUTH=": set_login,
        "+CGAUTH?": get_login,
    },
    variants={
        "boot-atready": "*ATREADY: 1 in place of RDY",
        "cemode": "AT+CEMODE is known, as AT&V of recent firmware has it",
        "cgmr-bare": "AT+CGMR without prefix",
        "course-empty": "+CGPSINFO and +CGNSSINFO leave the course empty at 0.0 knots",
        "cpsi-index": "AT+CPSI tells RSRQ, RSRP and RSSI as index values",
        "cpsms": "AT+CPSMS and AT+CEDRXS are known, as in recent firmware",
        "error-alone": "a refused CMQTT command answers ERROR without the line of its code",
        "gnss-tight": "+CGPSINFO: and +CGNSSINFO: without the blank",
        "netopen-code": "AT+NETOPEN when open: +NETOPEN: 1 in place of the text",
        "off-silent": "no NORMAL POWER DOWN after AT+CPOF",
        "prompt-blank": "the prompt has a blank",
        "scan-patient": "no byte aborts AT+COPS=?",
        "speed-empty": "+CGPSINFO and +CGNSSINFO leave speed and course empty at 0.0 knots",
        "start-indexed": "+CMQTTSTART: 0,23 in place of +CMQTTSTART: 23",
        "urc-before": "outcomes come before OK, and before ERROR in its place",
        "urc-mixed": "outcomes come before or after OK, as it happens",
    },
    variant_commands={
        "cemode": MODES_OF_OPERATION,
        "cesq": EXTENDED_QUALITY,
        "cgsn-prefix": {"+CGSN": f'+CGSN: "{IMEI}"'},
        "cgmr-bare": {"+CGMR": REVISION},
        "cpsms": STANDARD,
    },
    boot_ms=(9_500, 14_000),
    boot_lines=((0, "RDY"), (900, "+CPIN: READY"), (3_500, "SMS DONE"), (4_500, "PB DONE")),
    sim_ready_ms=900,
    radio_on_lines=("+CPIN: READY", "SMS DONE", "PB DONE"),
    reset_ms=(100, 500),
    reset_is_key=False,
    status_off_ms=25_000,
    off_ms=(1_500, 4_000),
    off_line="NORMAL POWER DOWN",
    psm_line="NORMAL POWER DOWN",
    low_supply_line="UNDER-VOLTAGE WARNNING POWER DOWN",
    technologies=("lte", "gsm"),
    rats=scan_order,
    hears=hears,
    bands_fraction=bands_fraction,
    lets_in=lets_in,
    shared_receiver=False,
    functions=(0, 1, 4, 5, 6, 7),
    operator_modes="(0-5)",
    scan_aborts=True,
    registration_levels={"+CREG": (0, 1, 2), "+CGREG": (0, 1, 2), "+CEREG": (0, 1, 2)},
    reports_cause=False,
    has_psm=False,
    contexts=(*range(1, 25), *range(100, 180)),
    context_lost=lost,
    unset_clock="1970-01-01T00:00:00",
    card_lines=("+SIMCARD: NOT AVAILABLE", "+SIMCARD: AVAILABLE"),
    mqtt_lost="+CMQTTCONNLOST",
    zone_reports=(0, 1),
    zone_line="+CTZV: {zone},{local:%y/%m/%d,%H:%M:%S},0",
    zone_updates=(1, 0),
    gmt_update=None,
    keeps_baud=False,
    finds_baud=True,
    character_set="IRA",
    prompt="\r\n>",
    longest_line=559,
    refusals={3: 103, 6: 106, 7: 107, 11: 111, 12: 112, 13: 113},
    dtr_sleep_ms=17_000,
)
