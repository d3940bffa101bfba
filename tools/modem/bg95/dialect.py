"""Quectel BG95-M3: what it is and all commands it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.bg95.card import CARD
from tools.modem.bg95.files import FILES
from tools.modem.bg95.gnss import GNSS
from tools.modem.bg95.mqtt import LONG_PUBLISH, MQTT
from tools.modem.bg95.radio import RADIO, bands_fraction, hears, lets_in, scan_order
from tools.modem.bg95.sockets import SOCKETS, lost
from tools.modem.bg95.time import TIME
from tools.modem.card.apdus import CHANNELS, GENERIC
from tools.modem.card.toolkit import QUECTEL
from tools.modem.dialect import Dialect
from tools.modem.engine.common import COMMON
from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.request import Request
from tools.modem.engine.tasks import Work
from tools.modem.network.commands import EXTENDED_QUALITY
from tools.modem.network.power_saving import POWER_SAVING

if TYPE_CHECKING:
    from tools.modem.unit import Unit

IMEI = "864475041234565"
REVISION = "BG95M3LAR02A03"
EMPTY_MV, FULL_MV = 3_300, 4_200
"""The ends of the scale of the charge in +CBC [C]."""


def power_down(unit: Unit, request: Request) -> None:
    """AT+QPOWD[=<0, 1>]: OK at once, POWERED DOWN later."""
    request.number(0, 0, 1, 1)
    unit.at.after(_down(unit))


def _down(unit: Unit) -> Work:
    yield unit.pause(10, 50)
    unit.power.shut_down()


def allow_sleep(unit: Unit, request: Request) -> None:
    """AT+QSCLK=<0, 1, 2>"""
    unit.power.sleep_allowed = request.number(0, 0, 2) > 0
    unit.power.consider_sleep()


def sleep_allowed(unit: Unit, request: Request) -> None:
    """AT+QSCLK?"""
    unit.at.info(f"+QSCLK: {int(unit.power.sleep_allowed)}")


def supply(unit: Unit, request: Request) -> None:
    """AT+CBC: charging, charge in percent, millivolts"""
    level = max(0, min(100, 100 * (unit.millivolts() - EMPTY_MV) // (FULL_MV - EMPTY_MV)))
    unit.at.info(f"+CBC: 0,{level},{unit.millivolts()}")


def temperature(unit: Unit, request: Request) -> None:
    """AT+QTEMP: of the supply, the oscillator and the amplifier, in degrees C"""
    unit.at.info(f"+QTEMP: {unit.temperature_c + 3},{unit.temperature_c + 2},{unit.temperature_c + 1}")


def urc_port(unit: Unit, request: Request) -> None:
    """AT+QURCCFG="urcport"[,"<port>"]: kept."""
    if request.text(0).lower() != "urcport":
        raise Refused(BAD_PARAMETER)
    if not request.has(1):
        unit.at.info(f'+QURCCFG: "urcport","{unit.nv.settings.get("urcport", "usbat")}"')
        return
    if request.text(1) not in ("usbat", "usbmodem", "uart1", "emux"):
        raise Refused(BAD_PARAMETER)
    unit.nv.settings["urcport"] = request.text(1)


def carrier_file(unit: Unit, request: Request) -> None:
    """AT+QMBNCFG="AutoSel"[,<0, 1>]: choose the carrier's settings by the card. Kept; all are alike here."""
    if request.text(0).lower() != "autosel":
        raise Refused(BAD_PARAMETER)
    if request.has(1):
        unit.nv.settings["mbn"] = str(request.number(1, 0, 1))
    else:
        unit.at.info(f'+QMBNCFG: "AutoSel",{unit.nv.settings.get("mbn", "1")}')


DIALECT = Dialect(
    name="bg95",
    commands={
        **COMMON,
        **CARD,
        **CHANNELS,
        **GENERIC,
        **QUECTEL,
        **FILES,
        **GNSS,
        **MQTT,
        **POWER_SAVING,
        **RADIO,
        **SOCKETS,
        **TIME,
        "I": f"Quectel\nBG95-M3\nRevision: {REVISION}",
        "+CGMI": "Quectel",
        "+GMI": "Quectel",
        "+CGMM": "BG95-M3",
        "+GMM": "BG95-M3",
        "+CGMR": REVISION,
        "+GMR": REVISION,
        "+CGSN": IMEI,
        "+GSN": IMEI,
        "+GCAP": "+GCAP: +CGSM",
        "+WS46=?": "+WS46: (12,28,30)",  # TS 27.007 5.9: ModemManager asks for LTE so
        "+QPOWD": power_down,
        "+QPOWD=": power_down,
        "+QSCLK=": allow_sleep,
        "+QSCLK?": sleep_allowed,
        "+QURCCFG=": urc_port,
        "+QMBNCFG=": carrier_file,
        "+CBC": supply,
        "+QTEMP": temperature,
    },
    variants={
        "app-rdy-late": "APP RDY comes after +CPIN: READY",
        "cat-m-names": 'technologies are "CAT-M1" and "CAT-NB1"',
        "cgmr-prefix": "AT+CGMR with prefix",
        "creg-follows": "+CREG and +CGREG report registrations on LTE-M and NB-IoT too (combined attach)",
        "no-reject-cause": "no cause of a refusal in +CEREG, and a refused AT+QIACT answers ERROR alone",
        "prompt-bare": "the prompt has no blank",
        "psm-text": "NORMAL POWER DOWN and PSM POWER DOWN in place of the short forms",
        "pubex-length": "AT+QMTPUBEX takes a length and prompts, as in newer firmware",
        "qeng-tight": "+QENG: without the blank",
        "scan-abort": "a byte from the host aborts AT+COPS=?",
        "sim-detect-open": "the detect pin is not connected: AT+QSIMDET=1 makes the SIM vanish",
        "stale-end": "fifteen +QMTSTAT: 0,1 come between AT+QMTOPEN and its result, and after it",
        "urc-on-usb": 'unsolicited lines go to USB until AT+QURCCFG="urcport","uart1"',
    },
    variant_commands={
        "cesq": EXTENDED_QUALITY,
        "cgsn-prefix": {"+CGSN": f'+CGSN: "{IMEI}"'},
        "cgmr-prefix": {"+CGMR": f"+CGMR: {REVISION}"},
        "pubex-length": LONG_PUBLISH,
    },
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
    reset_ms=(2_000, 3_800),
    reset_is_key=True,
    status_off_ms=0,
    off_ms=(1_200, 4_000),
    off_line="POWERED DOWN",
    psm_line="POWER DOWN",
    low_supply_line="",
    technologies=("emtc", "nbiot", "gsm"),
    rats=scan_order,
    hears=hears,
    bands_fraction=bands_fraction,
    lets_in=lets_in,
    shared_receiver=True,
    functions=(0, 1, 4),
    operator_modes="(0-4)",
    scan_aborts=False,
    registration_levels={"+CREG": (0, 1, 2), "+CGREG": (0, 1, 2, 4), "+CEREG": (0, 1, 2, 4)},
    reports_cause=True,
    has_psm=True,
    contexts=range(1, 16),
    context_lost=lost,
    unset_clock="1980-01-06T00:00:00",
    card_lines=("", ""),
    mqtt_lost="+QMTSTAT",
    zone_reports=(0, 1, 2),
    zone_line='+CTZV: "{zone:+03d}"',
    zone_updates=(0, 1, 3),
    gmt_update=1,
    keeps_baud=True,
    finds_baud=False,
    character_set="GSM",
    prompt="\r\n> ",
    longest_line=2_048,
    refusals={11: 111},
    dtr_sleep_ms=1_000,
)
