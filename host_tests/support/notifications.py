"""A fleet whose notifications go to a mail server of the test."""

from __future__ import annotations

import email
import email.policy
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from landbridge.config import Mail
from landbridge.core.clock import Clock, from_epoch_s
from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.notifications import channels
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.rules import Rule
from landbridge.features.notifications.worker import Notifier, sender
from landbridge.protocol.event import Event
from sqlalchemy import Row

from host_tests.support.fleet import FIRST, NOW_S, Fleet
from host_tests.support.mail import MailServer
from host_tests.support.trips import BEGIN_S, HOUR_S

PAGES = "https://pages.example"


class SetClock(Clock):
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at_s = NOW_S

    def now(self) -> datetime:
        return from_epoch_s(self.at_s)


class Dispatch:
    """A fleet, a mail server, and the notifier between them, a turn at a time."""

    def __init__(self, fleet: Fleet, server: MailServer) -> None:
        self.fleet, self.server, self.clock = fleet, server, SetClock()
        settings = Mail(
            port=server.server_address[1], host="127.0.0.1", tls=False, sender="agent@landbridge.example"
        )
        send = sender(fleet.keyring, settings, self.clock)
        self.notifier = Notifier(fleet.database, self.clock, send, PAGES)

    def add(
        self,
        name: str = "dispatch",
        address: str = "mailto:dispatch@example.org",
        language: str = "en",
        zone: str = "UTC",
        tenant: str | None = None,
        *only: Rule,
    ) -> None:
        with self.fleet.database.writing() as connection:
            channels.add(
                connection, self.fleet.keyring, name, address, language, zone, tenant, "bench", NOW_S
            )
            for rule in only:
                channels.set_rule(connection, name, rule, True, "bench", NOW_S)

    def publish(self, *events: Event) -> None:
        with self.fleet.database.writing() as connection:
            publishing.publish(connection, events, self.clock.at_s)

    def work(self) -> None:
        """As the notifier does, without its threads."""
        self.notifier.plan()
        with self.fleet.database.reading() as connection:
            known = stored.channels(connection)
        for channel in known:
            while self.notifier.send_next(channel):
                pass

    def pass_by(self, seconds: int) -> None:
        self.clock.at_s += seconds
        self.work()

    def log(self) -> list[Row[Any]]:
        with self.fleet.database.reading() as connection:
            return stored.log(connection, None, 2**53 - 1, 100)[::-1]

    def states(self) -> list[str]:
        return [row.state for row in self.log()]

    def mails(self) -> list[EmailMessage]:
        texts = (each.partition("\r\n")[2] for each in self.server.mails)
        return [email.message_from_bytes(each.encode(), policy=email.policy.default) for each in texts]

    def acknowledge(self) -> None:
        with self.fleet.database.writing() as connection:
            (row,) = alarms.shown(connection)
            changes = engine.acknowledge(connection, row.alarm, "dispatch", "", self.clock.at_s)
            publishing.publish(connection, changes, self.clock.at_s)


def alarm(name: str, hour: int, device: str = FIRST, at_s: int | None = None) -> Event:
    """What a device reports."""
    at_s = BEGIN_S + hour * HOUR_S if at_s is None else at_s
    content: dict[str, Any] = {"id": f"{device}/{at_s}/{name}", "type": "alarm", "alarm": name}
    content |= {"device": device, "container": None, "latitude": 29.56301, "longitude": 106.55156}
    return Event(str(content["id"]), device, "alarm", False, None, hour, at_s, content)
