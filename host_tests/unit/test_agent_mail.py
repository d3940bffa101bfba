"""Alarms by e-mail, and what is told of each beside it."""

import email
import email.policy
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from landbridge.config import Mail
from landbridge.core.clock import Clock, from_epoch_s
from landbridge.core.errors import UserError
from landbridge.core.texts import catalogues
from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import RULES
from landbridge.features.integrations import deliveries
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations.deliveries import Deliveries
from landbridge.features.integrations.kinds import opened
from landbridge.protocol.event import Event
from landbridge.web.api import LARGEST

from host_tests.support.agent import wait_until
from host_tests.support.alarms import BACK, LATER_BACK, LEFT, every, off_route
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Receiver, at
from host_tests.support.trips import BEGIN_S, HOUR_S

PAGES = "https://pages.example"


class MailServer(socketserver.ThreadingTCPServer):
    """SMTP, as much of it as a client needs; keeps the mails. `answer` is to a command, or to a mail."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.answer: Callable[[str], str] = lambda _: "250 yes"
        super().__init__(("127.0.0.1", 0), _Smtp)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Smtp(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part.decode())
                line = "".join(lines).encode()
                if self.server.answer(line.decode()).startswith("250"):
                    self.server.mails.append(line.decode())
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(f"{self.server.answer(line.decode())}\r\n".encode())


@contextmanager
def mailed(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, address: str = "mailto:dispatch@example.org"
) -> Iterator[MailServer]:
    """Alarms are brought to a server while it lasts."""
    monkeypatch.setattr(deliveries, "POLL_S", 0.02)
    server = MailServer()
    settings = Mail(port=server.server_address[1], host="127.0.0.1", tls=False)
    fleet.add("dispatch", address, "mail")
    thread = Deliveries(fleet.database, Clock(), lambda each: opened(each, fleet.keyring, settings, PAGES))
    thread.start()
    yield server
    thread.stop()
    server.shutdown()
    server.server_close()


def test_alarms_are_mailed_when_raised_and_when_cleared(fleet, monkeypatch):
    with mailed(fleet, monkeypatch) as server:
        fleet.deliver(at(1, events=4), at(2, events=4), at(3, events=4096))
        fleet.published()
        wait_until(lambda: len(server.mails) == 2 and not fleet.left(), "two mails")
    assert "Subject: [major] temperature out of range, raised: lb-0001" in server.mails[0]
    assert "Subject: [major] temperature out of range, cleared: lb-0001" in server.mails[1]
    assert "29.56301, 106.55156" in server.mails[0]


def test_a_mail_says_when_and_where_and_only_an_open_alarm_asks_for_somebody(fleet, monkeypatch):
    with mailed(fleet, monkeypatch) as server:
        fleet.deliver(at(1, events=4), at(3, events=4096))
        wait_until(lambda: len(server.mails) == 2, "two mails")
    for mail in server.mails:
        sent = email.message_from_string(mail.partition("\r\n")[2].replace("\r\n", "\n"))
        assert parsedate_to_datetime(sent["Date"]) == from_epoch_s(NOW_S)
        assert "\r\nPlace: Chongqing, China\r\n" in mail
        assert f"\r\nPage: {PAGES}/devices/lb-0001\r\n" in mail
    raised, cleared = server.mails
    assert "landbridge alarms acknowledge" in raised and "leared" not in raised
    assert "cknowledge" not in cleared
    assert (
        f"\r\nCleared: {catalogues()['en'].time(from_epoch_s(BEGIN_S + 3 * HOUR_S))} by the agent\r\n"
        in cleared
    )


def test_a_mail_is_in_the_language_of_its_address(fleet, monkeypatch):
    with mailed(fleet, monkeypatch, "mailto:dispatch@example.org?language=zh") as server:
        fleet.deliver(at(1, events=4), at(3, events=4096))
        wait_until(lambda: len(server.mails) == 2, "two mails")
    raised, cleared = (
        email.message_from_bytes(mail.partition("\r\n")[2].encode(), policy=email.policy.default)
        for mail in server.mails
    )
    assert (raised["To"], raised["Subject"]) == ("dispatch@example.org", "[主要] 温度越限，已触发：lb-0001")
    text = raised.get_content()
    assert "地点：重庆, 中国" in text and "位置：29.56301, 106.55156" in text
    assert not set(re.findall("[A-Za-z]{3,}", text)) - {"UTC", "landbridge", "alarms", "acknowledge", "https",
                                                        "pages", "example", "devices"}  # fmt: skip
    assert "由 平台 解除" in cleared.get_content()


@pytest.mark.parametrize("query", ["language=tlh", "subject=x", "language=zh&cc=a@b", "language="])
def test_an_address_with_anything_else_is_refused(fleet, query: str):
    with pytest.raises(UserError, match="language=en or language=zh"):
        fleet.add("dispatch", f"mailto:dispatch@example.org?{query}", "mail")


def test_what_ends_before_its_minimum_duration_is_neither_raised_nor_mailed(fleet, monkeypatch):
    """Within a batch, and over time."""
    least_s = RULES["dwell"].least_s
    with mailed(fleet, monkeypatch) as server:
        fleet.deliver(at(1, events=4 | 4096), at(2, events=4 | 4096))  # there and back within a record
        with fleet.database.writing() as connection:
            publishing.publish(connection, [dwell(5, 0), departure(5, least_s - 1)], NOW_S)
            now_s = BEGIN_S + 10 * HOUR_S
            publishing.publish(connection, [dwell(10, 0)], now_s)
            publishing.publish(connection, [dwell(10, 30)], now_s + 30)
            publishing.publish(connection, engine.expire(connection, [FIRST], now_s + 60), now_s + 60)
            assert alarms.shown(connection) == []
            assert alarms.listed(connection, alarms.Wanted(only_open=False), LARGEST, 9) == []
            publishing.publish(connection, [departure(10, least_s - 1)], now_s + least_s)
            assert alarms.every_open(connection) == []
        assert every(fleet) == []
        with fleet.database.writing() as connection:
            publishing.publish(connection, [dwell(20, 0), departure(20, least_s)], NOW_S)
            now_s = BEGIN_S + 30 * HOUR_S
            publishing.publish(connection, [dwell(30, 0)], now_s)
            assert engine.due_devices(connection, now_s + least_s - 1) == set()
            assert engine.due_devices(connection, now_s + least_s) == {FIRST}
            publishing.publish(
                connection, engine.expire(connection, [FIRST], now_s + least_s), now_s + least_s
            )
            assert engine.due_devices(connection, now_s + least_s) == set()
        fleet.published()
        wait_until(lambda: len(server.mails) >= 3 and not fleet.left(), "three mails")
    assert every(fleet) == [("dwell", "cleared", 1, None), ("dwell", "raised", 1, None)]
    subjects = [re.findall("Subject: (.*): lb-0001", mail)[0] for mail in server.mails]
    assert subjects == [
        "[warning] long stop, raised",
        "[warning] long stop, cleared",
        "[warning] long stop, raised",
    ]


def dwell(hour: int, after_s: int) -> Event:
    return _stay("dwell", hour, after_s)


def departure(hour: int, after_s: int) -> Event:
    return _stay("departure", hour, after_s)


def _stay(kind: str, hour: int, after_s: int) -> Event:
    """Events of the first device."""
    at_s = BEGIN_S + hour * HOUR_S + after_s
    content = {"id": f"{FIRST}/{at_s}/{kind}", "type": kind, "device": FIRST, "container": None}
    content |= {"latitude": None, "longitude": None}
    return Event(str(content["id"]), FIRST, kind, True, None, at_s, at_s, content)


@pytest.mark.parametrize(
    ("where", "answer", "holds"),
    [
        ("Subject:", "554 not that", True),
        ("rcpt ", "550 nobody of that name", True),
        ("Subject:", "451 not now", False),
        ("rcpt ", "450 come again", False),
        ("mail ", "550 who are you", False),
    ],
)
def test_a_mail_that_is_refused_for_good_holds_up_only_its_device(fleet, monkeypatch, where, answer, holds):
    with mailed(fleet, monkeypatch) as server:
        server.answer = lambda said: answer if where in said else "250 yes"

        def waiting() -> tuple[bool, bool]:
            """Whether the device does, and all of the integration."""
            with fleet.database.reading() as connection:
                (each,) = integrations.every(connection)
                return bool(integrations.retries(connection, each.integration)), bool(each.failure)

        fleet.deliver(at(1, events=4))
        wait_until(lambda: any(waiting()), "refusal")
        assert waiting() == (holds, not holds)
        server.answer = lambda _: "250 yes"
        fleet.deliver(at(1, events=4), device=SECOND)
        wait_until(lambda: len(server.mails) == (1 if holds else 2), "mails")
    assert SECOND in server.mails[-1]


def test_each_change_of_an_alarm_is_published_once_everywhere(fleet, monkeypatch):
    receiver = Receiver()
    fleet.add("hook", receiver.url, "webhook", None, "event")
    with mailed(fleet, monkeypatch) as server:
        with fleet.database.writing() as connection:
            publishing.publish(connection, [LEFT], NOW_S)
            publishing.publish(connection, [LEFT], NOW_S)
            (row,) = alarms.every_open(connection)
            publishing.publish(
                connection, engine.acknowledge(connection, row.alarm, "dispatch", "", NOW_S), NOW_S
            )
            publishing.publish(connection, [BACK, BACK], NOW_S)
            publishing.correct(connection, [BACK], [LATER_BACK], NOW_S)
            publishing.correct(connection, [LATER_BACK], [], NOW_S)
            publishing.publish(connection, [BACK, off_route("leave", 60)], NOW_S)
        on_topics = [content for leaf, content in fleet.sent("operator") if leaf.startswith("event/alarm-")]

        def posted() -> list[dict[str, Any]]:
            return [each for each in receiver.contents() if each["type"].startswith("alarm-")]

        wait_until(lambda: len(server.mails) >= 5 and len(posted()) >= len(on_topics), "all")
        assert posted() == on_topics
    receiver.close()
    states = ["raised", "acknowledged", "cleared", "cleared", "acknowledged", "cleared", "raised"]
    assert [each["state"] for each in on_topics] == states
    subjects = [re.findall("Subject: .* ([a-z]+): lb-0001", mail)[0] for mail in server.mails]
    assert subjects == ["raised", "cleared", "raised", "cleared", "raised"]
