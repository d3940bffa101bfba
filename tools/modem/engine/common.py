"""The commands that both modems answer alike."""

from __future__ import annotations

from tools.modem.card.commands import SIM
from tools.modem.card.sms import SMS
from tools.modem.engine.format import FORMAT
from tools.modem.engine.request import Table
from tools.modem.engine.timekeeping import TIMEKEEPING
from tools.modem.network.commands import NETWORK
from tools.modem.network.contexts import CONTEXTS

COMMON: Table = {**FORMAT, **SIM, **SMS, **NETWORK, **CONTEXTS, **TIMEKEEPING}
