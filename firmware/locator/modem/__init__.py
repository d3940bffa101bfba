"""The modem: the AT line discipline, reply parsers, and drivers with the same verbs."""

import sys

from micropython import const

REGISTERED = const(0)
NO_SERVICE = const(1)
DENIED = const(2)

AS_IT_IS = const(-1)  # in place of a PLMN

UNNAMED = const(-1)
"""The cause of a refusal is not known."""

CALM_FAILS = const(2)

# Kinds of network, as a BG95 numbers them.
GSM = const(1)
LTE_M = const(2)
NB_IOT = const(3)


class ModemError(Exception):
    """The modem refused; `code` is the CME or MQTT error, -1 when it gave none."""

    def __init__(self, what, code=-1):
        super().__init__(what, code)
        self.what = what
        self.code = -1 if code is None else code  # it may have been unreadable


class ModemGone(ModemError):
    """A request is not answered any more; no refusal."""


class ModemSilent(ModemGone):
    """No answer within the deadline: the modem is off, hangs or has another baud rate."""


class ModemRestarted(ModemGone):
    """The modem has rebooted by itself: registration, PDP context and MQTT are gone."""


class PdpError(ModemError):
    """No PDP context; `code` as of +CME ERROR (TS 27.007 9.2.2: 100 and the network's ESM cause)."""


class TlsError(ModemError):
    """The TLS handshake with the broker failed although it can be reached: the radio is not the cause."""


class ConnectionLost(ModemError):
    """The connection to the broker has ended; `what` names it, `code` is the modem's reason."""


class NotAllowed(ModemError):
    """The access point in use does not allow that host: nothing was sent."""


# A carrier of GSM is measured over 200 kHz, RSRP over 15 kHz (docs/reference/simulated-modem.md).
_GSM_ABOVE_RSRP_DB = const(14)


class Cell:
    """The serving cell: `plmn` MCC*1000+MNC, `tac`, `cell` id, `rsrp` in dBm (negative), and the RSRP that is
    worth as much as this level: the same except on GSM."""

    def __init__(self, plmn, tac, cell, rsrp, worth):
        self.plmn = plmn
        self.tac = tac
        self.cell = cell
        self.rsrp = rsrp
        self.worth = worth


def plausible_cell(plmn, tac, cell, rsrp, gsm=False):
    """A `Cell`, or None for numbers that no cell has (TS 36.413: 28 bits of identity, 16 of TAC)."""
    if 0 < plmn <= 999999 and 0 <= tac <= 0xFFFF and 0 <= cell < 0x0FFFFFFF and -200 < rsrp < 0:
        return Cell(plmn, tac, cell, rsrp, rsrp - _GSM_ABOVE_RSRP_DB if gsm else rsrp)
    return None


class Fix:
    """A GNSS fix in the units of the wire: epoch seconds (0: no credible date), 1e-5 degrees, 2 m,
    km/h, 2 degrees, 0.2."""

    def __init__(self, time, lat, lon, alt, speed, heading, hdop, sats):
        self.time = time
        self.lat = lat
        self.lon = lon
        self.alt = alt
        self.speed = speed
        self.heading = heading
        self.hdop = hdop
        self.sats = sats


def recovery_steps(fails):
    """The `RecoverySteps` after so many failures in a row, None while they are few."""
    if fails < CALM_FAILS:
        return None
    from locator.modem.steps import RecoverySteps

    return RecoverySteps(fails)


def make(board, port):
    """The driver for the modem that `board.MODEM` names, by the folder of this name, on `port`."""
    from locator.modem.at import Channel

    return part(board.MODEM, "driver").Modem(port, Channel(port), board)


def part(kind, name):
    """A module of the folder of a modem."""
    whole = "%s.%s.%s" % (__name__, kind, name)
    __import__(whole)
    return sys.modules[whole]
