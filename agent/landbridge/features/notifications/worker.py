"""Sends notifications: plans them from events, then sends what is due.

A message is noted as begun before it is sent, and as sent after that, each in its own transaction. When
the agent ends in between, its arrival is unknown: the next agent sends it again under the same
number, by which a mail server (Message-ID) and people recognise it. Everything else is sent once."""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.config import Mail
from landbridge.core.backoff import wait_s
from landbridge.core.clock import Clock, from_epoch_s
from landbridge.core.delivery_errors import Away, Refused
from landbridge.core.errors import UserError
from landbridge.core.periodic import Periodic
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.events.queries import events as published
from landbridge.features.notifications import mail, planning, services
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.message import Message, written
from landbridge.features.notifications.queries import Channel

POLL_S = 1.0
LEASE_S = 15
"""After so long a message that the agent did not note as sent is sent again."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5, 900
_LAST_WORDS_S = 5.0
_log = logging.getLogger(__name__)

Send = Callable[[Channel, Message], str]
"""Sends a message to a channel; returns its answer."""


class Notifier(Periodic):
    """The thread that plans notifications. Each channel that has work gets a thread of its own, so that a
    slow one delays no other."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        send: Send,
        pages: str,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """One of several agents at a time `may_send`; messages link to `pages`, if there are any."""
        super().__init__("notifications", "plan notifications", POLL_S)
        self._database, self._clock, self._send, self._pages = database, clock, send, pages
        self._may_send = may_send
        self._serving: dict[int, threading.Thread] = {}

    def stop(self) -> None:
        """Finish the current messages within _LAST_WORDS_S."""
        super().stop()
        deadline = time.monotonic() + _LAST_WORDS_S
        for thread in self._serving.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def turn(self) -> None:
        """Plan, and start threads for the channels for which something is due."""
        if not self._may_send():
            return
        self.plan()
        self._serving = {number: thread for number, thread in self._serving.items() if thread.is_alive()}
        with self._database.reading() as connection:
            channels = {each.channel: each for each in stored.channels(connection) if not each.paused}
            due = stored.has_work(connection, self._clock.now_s())
        for number in due & channels.keys() - self._serving.keys():
            channel = channels[number]
            name = f"notifications to {channel.name}"
            thread = threading.Thread(target=self._serve, args=(channel,), name=name, daemon=True)
            self._serving[number] = thread
            thread.start()

    def plan(self) -> None:
        """Apply the rules to the new events."""
        with self._database.reading() as connection:
            newest = published.newest(connection)
            behind = [each.channel for each in stored.channels(connection) if each.cursor < newest]
        for number in behind:
            while not self.is_stopping and self._plan_next(number):
                pass

    def _plan_next(self, number: int) -> bool:
        with self._database.writing() as connection:
            channel = next((each for each in stored.channels(connection) if each.channel == number), None)
            return channel is not None and planning.plan(connection, channel, self._clock.now_s())

    def _serve(self, channel: Channel) -> None:
        """Send what is due to one channel."""
        try:
            while not self.is_stopping and self._may_send() and self.send_next(channel):
                pass
        except Exception:
            _log.exception("channel %s: internal error", channel.name)

    def send_next(self, channel: Channel) -> bool:
        """Send one message; False when none is due, or the channel did not take it."""
        now_s = self._clock.now_s()
        with self._database.writing() as connection:
            rows = stored.abandoned(connection, channel.channel, now_s) or _next(connection, channel, now_s)
            if not rows:
                return False
            number = rows[0].message or rows[0].notification
            stored.claim(connection, rows, number, now_s + LEASE_S)
        events = [json.loads(row.content) for row in rows]
        message = written(number, events, channel.language, self._pages)
        return self._sent(channel, rows, message)

    def _sent(self, channel: Channel, rows: Sequence[Row[Any]], message: Message) -> bool:
        try:
            answer, state = self._send(channel, message), stored.SENT
        except Refused as error:
            answer, state = str(error), stored.FAILED
            _log.warning("channel %s refuses notification %d: %s", channel.name, message.number, error)
        except (Away, UserError) as error:
            self._put_off(channel, rows, str(error), isinstance(error, mail.InDoubt))
            return False
        with self._database.writing() as connection:
            stored.finish(connection, rows, state, answer, self._clock.now_s())
        return True

    def _put_off(self, channel: Channel, rows: Sequence[Row[Any]], why: str, in_doubt: bool) -> None:
        _log.warning("channel %s: %s; trying again", channel.name, why)
        now_s = self._clock.now_s()
        next_s = now_s + round(wait_s(_FIRST_WAIT_S, _LONGEST_WAIT_S, max(row.attempts for row in rows)))
        with self._database.writing() as connection:
            stored.put_off(connection, rows, why, in_doubt, now_s, next_s)


def _next(connection: Connection, channel: Channel, now_s: int) -> list[Row[Any]]:
    """Return the rows of the next message: one that goes by itself, or all that are due of a digest. Rows
    whose container has had its messages of the week are postponed."""
    found: list[Row[Any]] = []
    digests = planning.weekly(connection, channel)
    for row in stored.waiting(connection, channel.channel, now_s):
        if found and row.rule != found[0].rule:
            continue
        later_s = planning.postponed_s(connection, channel, row, digests, now_s)
        if later_s is not None:
            stored.postpone(connection, row, later_s)
            continue
        found.append(row)
        if not row.is_digest:
            break
    return found


def sender(keyring: Keyring, settings: Mail, clock: Clock) -> Send:
    """Return how messages are sent: mail by [mail], everything else by Apprise."""

    def send(channel: Channel, message: Message) -> str:
        address = keyring.unwrap(channel.wrapped_address).decode()
        if mail.is_mailbox(address):
            return mail.send(settings, address, message, from_epoch_s(clock.now_s()))
        return services.send(address, message)

    return send
