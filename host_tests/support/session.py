"""A device that reaches a broker through the simulated modem."""

from __future__ import annotations

import types
from typing import Any

from locator import state as st
from locator.actions import session as contact
from locator.modem import REGISTERED, make

from host_tests.support.simulated_modem import HOST, ModemUnderTest, Mosquitto
from tools.modem.scenario import parse

DIALECTS = ["bg95", "sim7600"]


OPEN = {"bg95": "AT+QMTOPEN=", "sim7600": "AT+CMQTTCONNECT"}


CONTEXT = {"bg95": "AT+QIACT=", "sim7600": "AT+CMQTTSTART"}


class Silent:
    """Neither records nor an agent: what is of interest is the way to the broker."""

    def date(self, epoch_s: int) -> None:
        pass

    def read_batch(self, records: Any, most: int, newest: bool) -> int:
        return 0

    def next_number(self) -> int:
        self.number = getattr(self, "number", 0) + 1
        return self.number


class Locator:
    """A device that is registered, with the state of its plan."""

    def __init__(
        self, dialect: Any, broker: Mosquitto, scenario: str = "", variants=(), login=(b"", b""), reply=False
    ):
        events = parse(scenario) if scenario else []
        self.modem = ModemUnderTest(dialect, broker.network(reply), scenario=events, variants=variants)
        self.config = types.SimpleNamespace(
            device="lb-1",
            key=bytes(32),
            broker_host=HOST.encode(),
            broker_port=8883,
            broker_password=b"secret",
            apn_login=login,
            ca=lambda: broker.ca,
        )
        self.driver = make(types.SimpleNamespace(MODEM=dialect, apn=b"iot"), self.modem)
        self.driver.login = login
        self.state = st.new()
        self.modem.data_dir = "nowhere"  # type: ignore[attr-defined]
        self.modem.clock_s = lambda: int(self.modem.env.now) // 1000  # type: ignore[attr-defined]
        self.driver.start(True, True)
        assert self.driver.attach(200, 200, 0) == (REGISTERED, 0)

    def contact(self) -> int:
        """Try to reach the agent; messages that the broker has taken."""
        journal = Silent()
        us = (self.modem, self.driver, self.state)
        talk = contact.prepare(*us, journal, journal, self.config, lambda: None)
        contact.run_session(*us, self.config, talk, lambda out, more: 0, lambda: None)
        sent: int = talk.outcome.sent
        return sent

    def commands_sent(self, begin: str) -> int:
        return sum(way == ">" and text.startswith(begin) for _, way, text in self.modem.lines)
