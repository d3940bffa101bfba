"""Delivers messages to integrations: each at least once, in order for each device, until it is accepted.
After a failure an integration is retried with growing back-off; none of its messages is skipped. If it
refuses one message, that device's messages wait, and those of other devices continue."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from landbridge.core.backoff import Backoff, wait_s
from landbridge.core.clock import Clock
from landbridge.core.periodic import Periodic
from landbridge.db.database import Database
from landbridge.events import again
from landbridge.events.finished import finished
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations.kinds import Away, Gone, Refused, Send
from landbridge.features.integrations.queries import DeliveryRetry, Integration

BATCH = 64
POLL_S = 0.5
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 900.0
FIRST_RETRY_S, _LONGEST_RETRY_S = 30, 6 * 3600
LAST_WORDS_S = 5.0
GONE = "answer 410 of the receiver"
"""Author of a pause in the audit log."""
_log = logging.getLogger(__name__)


class Deliveries(Periodic):
    """The thread that looks for messages to deliver. Each integration has a thread of its own, so that a slow
    one delays no other."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        make: Callable[[Integration], AbstractContextManager[Send]],
        may_deliver: Callable[[], bool] = lambda: True,
    ) -> None:
        """One of several agents at a time `may_deliver`."""
        super().__init__("deliveries", "deliver messages to integrations", POLL_S)
        self._database = database
        self._clock = clock
        self._make = make
        self._may_deliver = may_deliver
        self._active: frozenset[int] = frozenset()
        """The active integrations that are not paused, if this agent delivers, at the last look."""
        self._waits = defaultdict[tuple[int, str], Backoff](
            lambda: Backoff(FIRST_WAIT_S, LONGEST_WAIT_S, jitter=0.5)
        )
        """By integration and address: a new address is tried at once."""
        self._serving: dict[int, threading.Thread] = {}

    def stop(self) -> None:
        """Finish the current messages within LAST_WORDS_S. Unanswered ones end with the process and are sent
        again by the next one."""
        super().stop()
        deadline = time.monotonic() + LAST_WORDS_S
        for thread in self._serving.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def turn(self) -> None:
        """Start threads for the integrations that have messages."""
        try:
            due = self._due()
        except Exception:
            self._active = frozenset()
            raise
        for integration in due:
            name = f"delivery to {integration.name}"
            thread = threading.Thread(target=self._serve, args=(integration,), name=name, daemon=True)
            self._serving[integration.integration] = thread
            thread.start()

    def _due(self) -> list[Integration]:
        """Return the integrations with messages, not in back-off and not being served."""
        if not self._may_deliver():
            self._active = frozenset()
            return []
        self._serving = {
            integration: thread for integration, thread in self._serving.items() if thread.is_alive()
        }
        with self._database.reading() as connection:
            found = [each for each in integrations.active(connection) if not each.paused]
            last = outbox.last(connection)
            retried = integrations.due_retries(connection, self._clock.now_s())
        self._active = frozenset(each.integration for each in found)
        waiting = [each for each in found if each.cursor < last or each.integration in retried]
        idle = [each for each in waiting if each.integration not in self._serving]
        return [each for each in idle if self._waits[each.integration, each.address].is_over()]

    def serves(self, integration: int) -> bool:
        """Whether this integration is active and not paused, this agent delivers, and it is not stopping."""
        return integration in self._active and not self.is_stopping

    def _serve(self, integration: Integration) -> None:
        """Delivers the waiting messages to one integration."""
        backoff = self._waits[integration.integration, integration.address]
        try:
            with self._make(integration) as send:
                goes_on = partial(self.serves, integration.integration)
                delivery = Delivery(self._database, self._clock, integration, send, goes_on)
                while delivery.step():
                    backoff.reset()
        except Gone as error:
            self._pause(integration, str(error))
        except Away as error:
            backoff.grow()
            self._fail(integration, str(error))
        except Exception as error:
            backoff.grow()
            _log.exception("integration %s: internal error", integration.name)
            self._fail(integration, f"internal error: {error!r}")

    def _pause(self, integration: Integration, why: str) -> None:
        """Deliver nothing more until an operator resumes it; it is shown as failing until then."""
        _log.error("integration %s: %s; it is paused", integration.name, why)
        with self._database.writing(GONE) as connection:
            integrations.pause(connection, integration, why, self._clock.now_s())

    def _fail(self, integration: Integration, why: str) -> None:
        _log.warning("integration %s: %s; trying again", integration.name, why)
        with self._database.writing() as connection:
            integrations.fail(connection, integration.integration, why, self._clock.now_s())


class Delivery:
    """Return the next messages of an integration."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        integration: Integration,
        send: Send,
        goes_on: Callable[[], bool],
    ) -> None:
        """`goes_on` is False once the agent stops, another one delivers, or the integration is removed."""
        self._database, self._clock, self._integration, self._send = database, clock, integration, send
        self._goes_on = goes_on
        self._cursor = self._restored = integration.cursor

    def step(self) -> bool:
        """Deliver a batch; False when nothing was left, or delivery must stop. `Away`: the integration
        accepts none now."""
        integration = self._integration
        if not self._goes_on():
            return False
        replayed = self._replay()
        with self._database.reading() as connection:
            last = replayed or outbox.last(connection)
            span = (self._cursor, last)
            batch = outbox.of_integration(connection, integration.tenant, integration.what, span, BATCH)
            waiting = {
                each.device: each for each in integrations.retries(connection, integration.integration)
            }
        self._retry(waiting)
        if not batch:
            # Messages for others move the cursor, too; otherwise they would stay in the outbox.
            if last > self._cursor:
                self._advance(last, 0)
            return replayed is not None
        delivered, upto = 0, self._cursor
        try:
            for message in batch:
                if not self._goes_on():
                    return False
                # After a replay, what comes before the message that waits goes first.
                waits = waiting.get(message.device or "")
                if waits is None or message.message < waits.message:
                    delivered += self._deliver(message, waiting)
                upto = message.message
        finally:
            if upto > self._cursor:
                self._advance(upto, delivered)
        return True

    def _replay(self) -> int | None:
        """Have the next page of what it gets again in the outbox; return its last number. None: no replay."""
        upto, integration = self._integration.replay_to, self._integration
        if upto is None or self._cursor >= upto:
            return None
        if self._cursor >= self._restored:
            with self._database.writing() as connection:
                span = (self._cursor + 1, upto)
                self._restored = again.restore(connection, integration.tenant, integration.what, span)
        return self._restored

    def _deliver(self, message: OutboxMessage, waiting: dict[str, DeliveryRetry]) -> bool:
        """Return whether it was accepted; after a refusal its device waits."""
        try:
            self._bring(message)
        except Refused as error:
            assert message.device is not None
            before = waiting.get(message.device)
            waiting[message.device] = self._keep_retry(message, before, str(error))
            return False
        return True

    def _bring(self, message: OutboxMessage) -> None:
        with self._database.reading() as connection:
            whole = finished(connection, message)
        if whole:
            self._send(whole)

    def _retry(self, waiting: dict[str, DeliveryRetry]) -> None:
        """Retry the devices that wait and are due."""
        now_s, integration = self._clock.now_s(), self._integration
        for waits in [each for each in waiting.values() if each.next_s <= now_s]:
            with self._database.reading() as connection:
                span = (waits.message, self._cursor)
                found = outbox.of_device(connection, integration.tenant, integration.what, waits.device, span)
            later = self._catch_up(waits, found)
            if later:
                waiting[waits.device] = later
                continue
            with self._database.writing() as connection:
                integrations.end_retry(connection, integration.integration, waits.device)
                span = (self._cursor, self._cursor)
                integrations.advance(connection, integration.integration, span, len(found), now_s)
                outbox.remove_delivered(connection)
            del waiting[waits.device]

    def _catch_up(self, waits: DeliveryRetry, found: Sequence[OutboxMessage]) -> DeliveryRetry | None:
        """Deliver the waiting messages of a device; return its new retry state, None if it has them all.
        Accepted messages are not sent again, also after `Away` or the end of the agent."""
        for number, message in enumerate(found):
            if not self._goes_on():
                return self._wait_from(waits, message)
            if number and number % BATCH == 0:
                waits = self._wait_from(waits, message)
            try:
                self._bring(message)
            except Refused as error:
                return self._keep_retry(message, waits, str(error))
            except Exception:
                self._wait_from(waits, message)
                raise
        return None

    def _wait_from(self, waits: DeliveryRetry, message: OutboxMessage) -> DeliveryRetry:
        later = waits._replace(message=message.message)
        with self._database.writing() as connection:
            integrations.keep_retry(connection, self._integration.integration, later, waits)
        return later

    def _keep_retry(self, message: OutboxMessage, before: DeliveryRetry | None, why: str) -> DeliveryRetry:
        attempts = before.attempts + 1 if before and before.message == message.message else 0
        next_s = self._clock.now_s() + round(wait_s(FIRST_RETRY_S, _LONGEST_RETRY_S, attempts))
        waits = DeliveryRetry(message.device or "", message.message, attempts, next_s, why)
        with self._database.writing() as connection:
            integrations.keep_retry(connection, self._integration.integration, waits, before)
        _log.warning(
            "integration %s refuses a message of %s: %s", self._integration.name, message.device, why
        )
        return waits

    def _advance(self, upto: int, delivered: int) -> None:
        span, self._cursor = (self._cursor, upto), upto
        with self._database.writing() as connection:
            integrations.advance(
                connection, self._integration.integration, span, delivered, self._clock.now_s()
            )
            outbox.remove_delivered(connection)
