"""Kills the agent and the broker at critical points that are chosen beforehand, spread over a trip."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

AFTER_RECEIVE = "agent: after receive"
IN_TRANSACTION = "agent: inside the transaction"
BEFORE_MQTT_ACK = "agent: after commit, before the MQTT ack"
BEFORE_REPLY = "agent: after the MQTT ack, before the reply"
AGENT_SESSION = "agent: in mid-session"
BEFORE_DELIVERY = "broker: between PUBACK and delivery"
BROKER_SESSION = "broker: in mid-session"
POINTS = (
    AFTER_RECEIVE,
    IN_TRANSACTION,
    BEFORE_MQTT_ACK,
    BEFORE_REPLY,
    AGENT_SESSION,
    BEFORE_DELIVERY,
    BROKER_SESSION,
)

FLUSH_S = 0.05
"""Time for what has been written to reach its reader, before the writer is killed on purpose."""


class Trap:
    """Kills its own process at a named point when the file `armed` of a folder names that point.

    The one who armed it finds the file `sprung` in its place. Without a folder nothing happens.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def armed(self, point: str) -> bool:
        """True if the process is to die at `point`."""
        file = self._folder and self._folder / "armed"
        return bool(file and file.exists() and file.read_text() == point)

    def spring(self) -> None:
        """Die at once, as at a power cut."""
        assert self._folder
        os.replace(self._folder / "armed", self._folder / "sprung")
        os.kill(os.getpid(), signal.SIGKILL)


class Death(NamedTuple):
    """A process is to die at `point`, not before `ms`; in mid-session at the `publish`-th publish."""

    ms: int
    point: str
    publish: int


class Chaos:
    """Arms one point after the other; each is armed until a process has died of it.

    The agent and the broker look for their own points (`Trap`). In mid-session the world
    kills: `kill` holds for each of these points who is to die. In the first round that is at the
    first publish of a connection, in the second at the second: then the first reply comes too late,
    so that the device sends again.
    """

    def __init__(
        self, folder: Path, end_ms: int, kill: Mapping[str, Callable[[], None]], rounds: int = 2
    ) -> None:
        self.kills = Counter(dict.fromkeys(POINTS, 0))
        self._folder = folder
        self._kill = kill
        folder.mkdir(parents=True, exist_ok=True)
        step_ms = end_ms // (rounds * len(POINTS) + 1)
        each = enumerate(product(range(1, rounds + 1), POINTS), 1)
        self._due = [Death(i * step_ms, point, publish) for i, (publish, point) in each]
        self._armed: Death | None = None
        self._published = 0

    def before_publish(self) -> None:
        """The device is connected and about to speak: kill what is to die now."""
        self._published += 1
        if self._in_session() and self._armed and self._published == self._armed.publish:
            os.replace(self._folder / "armed", self._folder / "sprung")
            self._kill[self._armed.point]()

    def reply_awaited(self) -> bool:
        """False when the reply is to come too late."""
        late = self._armed and 0 < self._published < self._armed.publish
        return not (late and self._in_session())

    def after_wake(self, now_ms: int) -> str:
        """Count what has died since the last wake, and arm the next; return the point, "" if nothing died.

        A wake holds one connection at most.
        """
        self._published = 0
        sprung = self._folder / "sprung"
        died = ""
        if sprung.exists() and self._armed:
            sprung.unlink()
            died, self._armed = self._armed.point, None
            self.kills[died] += 1
        if not self._armed and self._due and now_ms >= self._due[0].ms:
            self._armed = self._due.pop(0)
            (self._folder / "armed").write_text(self._armed.point)
        return died

    def missed(self) -> list[str]:
        """Points at which a process was to be killed and was not."""
        left = {death.point for death in [self._armed, *self._due] if death}
        return [point for point in POINTS if point in left]

    def _in_session(self) -> bool:
        """Whether the world is to kill, and has not yet."""
        return bool(self._armed and self._armed.point in self._kill and (self._folder / "armed").exists())
