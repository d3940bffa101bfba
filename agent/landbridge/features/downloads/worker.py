"""The thread that passes the answers and notifications of cards to the servers.

Never within ingest: a server may take a minute to answer. Each order is served by a thread of its own.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable

from landbridge.core.clock import Clock, to_epoch_s
from landbridge.core.http import WHOLE_S
from landbridge.core.periodic import Periodic
from landbridge.core.texts import stored
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.features.downloads import notices, packages, progress, steps
from landbridge.features.downloads import queries as downloads
from landbridge.features.downloads.trust import Trust
from landbridge.features.esim.queries import notifications

LOOK_S = 0.2
_MOST_AT_ONCE = 8
_RETRY_S = 300
_LAST_WORDS_S = 5.0
_log = logging.getLogger(__name__)


class Downloads(Periodic):
    """The thread that passes orders and notifications to servers."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        trusted: Trust,
        may_deliver: Callable[[], bool] = lambda: True,
    ) -> None:
        """One of several agents at a time `may_deliver`."""
        super().__init__("downloads", "continue profile downloads", LOOK_S)
        self._database, self._keyring, self._clock = database, keyring, clock
        self.trusted = trusted
        self._may_deliver = may_deliver
        self._serving: dict[tuple[str, int], threading.Thread] = {}

    def turn(self) -> None:
        """Start threads for the orders and notifications that are due."""
        if not self._may_deliver():
            return
        self._serving = {key: thread for key, thread in self._serving.items() if thread.is_alive()}
        now_s = self._clock.now_s()
        with self._database.reading() as connection:
            orders = downloads.to_go_on(connection, now_s, 2 * _MOST_AT_ONCE)
            unposted = notifications.to_post(connection, now_s, 2 * _MOST_AT_ONCE)
        due = [("download", each) for each in orders] + [("notification", each) for each in unposted]
        for key in [each for each in due if each not in self._serving]:
            if len(self._serving) >= _MOST_AT_ONCE:
                return
            name = f"{key[0]} {key[1]}"
            self._serving[key] = threading.Thread(target=self._serve, args=key, name=name, daemon=True)
            self._serving[key].start()

    def stop(self) -> None:
        """Finish the current steps within _LAST_WORDS_S; the next process repeats unanswered ones."""
        super().stop()
        self.finish(_LAST_WORDS_S)

    def finish(self, within_s: float = WHOLE_S) -> None:
        """Wait for the running threads."""
        deadline = time.monotonic() + within_s
        for thread in self._serving.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def _serve(self, kind: str, number: int) -> None:
        try:
            (self._go_on if kind == "download" else self._post)(number)
        except Exception as error:
            # Without its message, which may contain secrets.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("%s %d: internal error %s\n%s", kind, number, type(error).__name__, where)
            self._put_off(kind, number)

    def _put_off(self, kind: str, number: int) -> None:
        next_s = self._clock.now_s() + _RETRY_S
        with self._database.writing() as connection:
            if kind == "download":
                downloads.change(connection, self._keyring, number, {"next_s": next_s})
            else:
                notifications.change(connection, number, next_s=next_s)

    def _go_on(self, number: int) -> None:
        """Take one step of an order."""
        now = self._clock.now()
        with self._database.reading() as connection:
            row = downloads.find(connection, number)
            if row is None or row.outcome is not None or not row.answered:
                return
            order = progress.opened(connection, self._keyring, row, now)
        module = packages if packages.is_mine(order) else steps
        come = module.advance(order, self.trusted)
        with self._database.writing() as connection:
            found = downloads.find(connection, number)
            if found is None or found.outcome is not None or found.step != row.step:
                return  # it was cancelled meanwhile
            progress.apply(connection, self._keyring, row, come, to_epoch_s(now))
        stage = come.outcome or come.values.get("stage", row.stage)
        _log.info("download %d of %s: %s", number, row.device, stage)

    def _post(self, number: int) -> None:
        """Deliver one notification to its server."""
        with self._database.reading() as connection:
            row = notifications.find(connection, number)
            known = downloads.certificates(connection, row.eid) if row else None
        if row is None:
            return
        pair = (known.euicc, known.maker) if known else None
        tried = notices.post(row.content, pair, row.tries, self.trusted)
        now_s = self._clock.now_s()
        with self._database.writing() as connection:
            notifications.change(
                connection,
                number,
                posted_s=now_s if tried.is_over else None,
                wants_whole=tried.wants_whole,
                failure=stored(tried.failure) if tried.failure else None,
                tries=row.tries + 1,
                next_s=now_s + tried.wait_s,
            )
