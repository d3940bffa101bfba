"""The commands that both modems answer alike."""

from __future__ import annotations

from tools.modem.contexts import CONTEXTS
from tools.modem.format import FORMAT
from tools.modem.network import NETWORK
from tools.modem.request import Table
from tools.modem.sim import SIM
from tools.modem.sms import SMS
from tools.modem.timekeeping import TIMEKEEPING

COMMON: Table = {**FORMAT, **SIM, **SMS, **NETWORK, **CONTEXTS, **TIMEKEEPING}
