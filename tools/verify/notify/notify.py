"""A month of 24 trackers through the default rules, to a mail server, a webhook and an Apprise target, while
the real agent and the receivers are killed at random.

`make notify [SEED=1]` prints the notifications by kind. It exits with 1, naming what fell short, when a
container has more than two messages in a week and not all are about critical alarms, one of those takes
longer than 60 s, or a message is lost or sent twice under two numbers. Writes out/notify.json.

Time runs as it does while something is on its way, and jumps when nothing is: back-off and leases are real.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.db.tables import alarms, devices, events, notifications
from landbridge.events import publishing
from landbridge.events.queries import events as published
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as stored_alarms
from landbridge.features.integrations import rules as integrations
from landbridge.features.notifications import channels
from landbridge.features.notifications import queries as stored
from landbridge.features.trips import queries as trips
from sqlalchemy import select, update

from tools.flash.layout import REPOSITORY
from tools.options import whole
from tools.verify.notify import verdict
from tools.verify.notify.month import CRITICAL, DAY_S, Step, Tracker, month
from tools.verify.notify.processes import Processes, WorldClock

OUT = REPOSITORY / "out" / "notify.json"
BEGIN_S = 848_620_800
_DRAIN_DAYS = 16
"""Notifications that wait for the next week of their container are sent within these days."""
ANSWER_S = 600
"""Longer than the back-off after several attempts: that runs as it does."""
_KILLS_A_DAY = 0.7
_POLL_S = 0.2


class Month:
    """The fleet, its agent and receivers, and the chance of a kill."""

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        self._chance = random.Random(seed)
        self.clock = WorldClock(folder / "clock", BEGIN_S)
        self.processes = Processes(folder, self.clock)
        self.database: Database = open_database(folder / "landbridge.sqlite3")
        self.trackers = self._fleet(count)
        self.published_s: dict[int, int] = {}
        """When each critical alarm was published."""
        self.kills: Counter[str] = Counter()

    def _fleet(self, count: int) -> list[Tracker]:
        keyring = Keyring(self.database.place)
        made = []
        with self.database.writing() as connection:
            for number in range(count):
                device, container = f"lb-{number:04}", f"CSQU{3_054_380 + number}"
                wrapped = keyring.wrap(bytes(32), first=number == 0)
                row = {"device": device, "wrapped_key": wrapped, "created_s": BEGIN_S}
                connection.execute(devices.insert().values(row))
                trip = trips.start(connection, device, container, "west", "Duisburg", 3600, BEGIN_S - DAY_S)
                made.append(Tracker(device, container, trip))
            ports = self.processes.ports
            for name, address in (
                ("mail", "mailto:dispatch@example.org"),
                ("apprise", f"json://127.0.0.1:{ports['http']}/room"),
            ):
                channels.add(connection, keyring, name, address, "en", "UTC", None, "verify", BEGIN_S)
            url = f"http://127.0.0.1:{ports['http']}/hook"
            integrations.add(connection, keyring, "erp", "webhook", url, None, ("event",), "verify", BEGIN_S)
        return made

    def run(self, days: int, seed: int) -> None:
        """All steps and mornings in order."""
        steps = month(self.trackers, BEGIN_S, days, seed)
        with self.processes:
            for day in range(days + _DRAIN_DAYS):
                morning_s = BEGIN_S + day * DAY_S + 7 * 3600
                while steps and steps[0].at_s < morning_s:
                    self._do(steps.pop(0))
                self.clock.jump(morning_s)
                self._heard()
                self._may_kill(_KILLS_A_DAY)
                self._settle()
                if not steps and not self._is_waiting():
                    break
            self.clock.stop()

    def _do(self, step: Step) -> None:
        self.clock.jump(step.at_s)
        critical = step.does == "publish" and step.event.content.get("alarm") in CRITICAL
        if critical:
            self._may_kill(0.5)  # just before, and still away
        with self.database.writing() as connection:
            now_s = self.clock.now_s()
            if step.does == "publish":
                publishing.publish(connection, [step.event], now_s)
            elif step.does == "retract":
                publishing.correct(connection, [step.event], [], now_s)
            else:
                self._handle(connection, step.event.id, now_s)
            raised = stored_alarms.raised_by(connection, step.event.id, step.event.trip)
        if critical and raised:
            self.published_s[raised[0].alarm] = now_s
            time.sleep(self._chance.uniform(0, 2))
            self._may_kill(0.5)
            self._settle()

    def _handle(self, connection: Any, event: str, now_s: int) -> None:
        """An operator acknowledges and clears the alarm, if it is still open."""
        for row in connection.execute(select(alarms).where(alarms.c.event == event)).all():
            if row.cleared_s is None:
                if row.acknowledged_s is None:
                    changes = engine.acknowledge(connection, row.alarm, "verify", "", now_s)
                    publishing.publish(connection, changes, now_s)
                publishing.publish(connection, engine.clear(connection, row.alarm, "verify", now_s), now_s)

    def _heard(self) -> None:
        """All trackers have spoken; alarms that were quiet for long enough are over."""
        with self.database.writing() as connection:
            now_s = self.clock.now_s()
            connection.execute(update(devices).values(last_session_s=now_s))
            engine.check_due(connection, [each.device for each in self.trackers], now_s)

    def _may_kill(self, likely: float) -> None:
        for name in ("agent", "sinks"):
            if self._chance.random() < likely:
                self.kills[name] += 1
                self.processes.restart(name, self._chance.uniform(0, 4))

    def _settle(self) -> None:
        """Wait until nothing is on its way."""
        end = time.monotonic() + ANSWER_S
        while not self._is_idle():
            if time.monotonic() > end:
                raise SystemExit("notify: no progress any more; see the agent's log")
            time.sleep(_POLL_S)

    def _is_waiting(self) -> bool:
        waits = select(notifications.c.notification).where(notifications.c.state == stored.WAITING)
        with self.database.reading() as connection:
            return connection.execute(waits.limit(1)).first() is not None

    def _is_idle(self) -> bool:
        now_s = self.clock.now_s()
        with self.database.reading() as connection:
            newest = published.newest(connection)
            is_planned = all(each.cursor >= newest for each in stored.channels(connection))
            busy = select(notifications.c.notification).where(
                (notifications.c.state == stored.SENDING)
                | ((notifications.c.state == stored.WAITING) & (notifications.c.due_s <= now_s + 900))
            )
            if not is_planned or connection.execute(busy.limit(1)).first():
                return False
            found = set(connection.execute(select(events.c.event)).scalars())
        return found <= verdict.webhook_events(self.processes.received())


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make notify")
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--days", type=whole(1), default=30)
    parser.add_argument("--trackers", type=whole(1), default=24)
    parser.add_argument("--out", type=Path, default=OUT)
    wanted = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        world = Month(Path(folder), wanted.trackers, wanted.seed)
        world.run(wanted.days, wanted.seed)
        with world.database.reading() as connection:
            figures = verdict.figures(connection, world.processes.received(), world.published_s)
        world.database.close()
    figures |= {"days": wanted.days, "trackers": wanted.trackers, "killed": dict(world.kills)}
    wrong = verdict.wrong(figures)
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    wanted.out.write_text(json.dumps(figures | {"wrong": wrong}, indent=1) + "\n")
    verdict.show(figures)
    for each in wrong:
        print(f"FAILED: {each}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
