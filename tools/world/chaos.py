"""Kills the agent and the broker where it hurts, at points named beforehand, spread over a trip."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

AFTER_RECEIVE = "agent: after receive"
IN_TRANSACTION = "agent: inside the transaction"
BEFORE_MQTT_ACK = "agent: after commit, before the MQTT ack"
BEFORE_REPLY = "agent: after the MQTT ack, before the reply"
AGENT_CONVERSATION = "agent: in mid-conversation"
BEFORE_DELIVERY = "broker: between PUBACK and delivery"
BROKER_CONVERSATION = "broker: in mid-conversation"
POINTS = (
    AFTER_RECEIVE,
    IN_TRANSACTION,
    BEFORE_MQTT_ACK,
    BEFORE_REPLY,
    AGENT_CONVERSATION,
    BEFORE_DELIVERY,
    BROKER_CONVERSATION,
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


class Chaos:
    """Arms one point after the other; each is armed until somebody has died of it.

    The agent and the broker look for their own points (`Trap`). In mid-conversation the world
    kills: `kill` holds for each of these points who is to die.
    """

    def __init__(
        self, folder: Path, end_ms: int, kill: Mapping[str, Callable[[], None]], rounds: int = 2
    ) -> None:
        self.kills = Counter(dict.fromkeys(POINTS, 0))
        self._folder = folder
        self._kill = kill
        folder.mkdir(parents=True, exist_ok=True)
        points = POINTS * rounds
        step_ms = end_ms // (len(points) + 1)
        self._due = [((i + 1) * step_ms, point) for i, point in enumerate(points)]
        self._armed = ""

    def before_publish(self) -> None:
        """The device is connected and about to speak: kill whoever is to die now."""
        kill = self._kill.get(self._armed)
        if kill and (self._folder / "armed").exists():
            os.replace(self._folder / "armed", self._folder / "sprung")
            kill()

    def after_wake(self, now_ms: int) -> bool:
        """Count who has died since the last wake, and arm the next; True if somebody died."""
        sprung = self._folder / "sprung"
        died = sprung.exists()
        if died:
            sprung.unlink()
            self.kills[self._armed] += 1
            self._armed = ""
        if not self._armed and self._due and now_ms >= self._due[0][0]:
            self._armed = self._due.pop(0)[1]
            (self._folder / "armed").write_text(self._armed)
        return died

    def missed(self) -> list[str]:
        """Points of which nobody has died."""
        return [point for point, count in self.kills.items() if not count]
