"""Days of a trip through a broker that replays, holds back, reorders, misdirects, cuts, forges and floods.

Real firmware, real agent, `tools.world.services.hostile` between them. Commands, settings and new keys are
given all the while; in the end the broker is honest for a day at most. Then all records must be stored, as
the world gave them and once, each command must be done, the device must have restarted as often as it was
commanded to, use the last keys, and never have been silent for longer than a day.
"""

from __future__ import annotations

import re
import tempfile
from itertools import pairwise
from pathlib import Path

import cbor2
from landbridge.protocol import envelope
from landbridge.protocol.downlink import encode_downlink

from tools.verify.harness.figures import Part
from tools.world import stage
from tools.world.oracle import delivered
from tools.world.oracle.records import Oracle
from tools.world.services.hostile import DEEDS, Hostility
from tools.world.stage import DEVICE, Stage

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAYS = 10
STEP_H = 6
SILENT_H = 24
COMMANDS = (("reboot",), ("dense", "600"), ("log",), ("locate",))
OTHER = "lb-other"


class HostileTrip:
    """A trip during which commands are sent through a hostile broker."""

    def __init__(self, folder: Path, seed: int) -> None:
        hostile = folder / "hostile"
        self.hostility = Hostility(hostile, seed, _foreign())
        self.stage: Stage = stage.build(folder, stage.Scenario("bg95", seed, DAYS), hostile=hostile)
        self.stage.network.before_publish = self.hostility.before_publish
        self.stage.services.reply_awaited = self.hostility.reply_awaited
        self.oracle = Oracle(self.stage.flash, self.stage.trip, self.stage.network.traffic)
        self.commands: dict[str, str] = {}
        self.rotations = 0
        self._hours = 0

    def run(self, days: int) -> None:
        """Go on for `days`, with a command every few hours, new keys and new settings every day."""
        do = self.stage.services.agent.do
        for step in range(24 * days // STEP_H):
            self.go(STEP_H)
            verb, *argument = COMMANDS[step % len(COMMANDS)]
            said = do("commands", "send", DEVICE, verb, *argument, "--expires", "7d")
            self.commands[said.split()[1].rstrip(":")] = verb
            if step % 4 == 1:
                do("devices", "rotate", DEVICE)
                self.rotations += 1
            if step % 4 == 3:
                do("settings", "set", DEVICE, f"light_lux={30 + step}")

    def drain(self) -> None:
        """The broker is honest, until nothing waits any more. Looked at each hour: soon after a report the
        next record waits, in the best of worlds."""
        self.hostility.rest()
        for _ in range(SILENT_H):
            if not self.oracle.pending() and all(state == "done" for state in self.states().values()):
                break
            self.go(1)

    def go(self, hours: int) -> None:
        """So many hours."""
        self._hours += hours
        self.stage.device.run(self._hours * HOUR_MS, lambda _now_ms: self.oracle.after_wake())

    def states(self) -> dict[str, str]:
        """The result of each command as the agent has it."""
        listed = self.stage.services.agent.do("commands", "list", DEVICE)
        found = {}
        for command in self.commands:
            (line,) = re.findall(rf"^{command} .*$", listed, re.MULTILINE)
            found[command] = re.split(r"  +", line)[-1].partition(",")[0]
        return found


def run(seed: int, days: int = DAYS) -> Part:
    """The figures of such a trip, and what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        trip = HostileTrip(Path(folder), seed)
        try:
            trip.run(days)
            trip.drain()
            part = _judge(trip)
            missing = [deed for deed in DEEDS if not trip.hostility.deeds[deed]]
            part.failures += [f"not tried: {deed}" for deed in missing if days == DAYS]
            return part
        finally:
            trip.stage.close()


def _judge(trip: HostileTrip) -> Part:
    built, states = trip.stage, trip.states()
    had = delivered.read(built.services.agent.database, DEVICE)
    counts = trip.oracle.count(had.points)
    restarts = sum(verb == "reboot" for verb in trip.commands.values())
    silent_ms = max(later - earlier for earlier, later in pairwise(had.sessions_ms))
    figures = {f"messages: {deed}": trip.hostility.deeds[deed] for deed in DEEDS}
    figures |= {
        "records": counts.taken,
        "records lost": counts.lost + counts.in_flash,
        "records stored twice": had.duplicates_stored,
        "copies dropped": had.duplicates_removed,
        "dead letters": had.dead_letters,
        "commands sent": len(trip.commands),
        "restarts ordered": restarts,
        "restarts": built.device.counters.resets,
        "new keys ordered": trip.rotations,
        "epoch of the keys": _epoch(built.flash),
        "hours silent at most": round(silent_ms / HOUR_MS),
        "wakes that ended in a fault": built.device.counters.crashes,
    }
    failures = list(counts.wrong)
    failures += [f"{trip.commands[each]}: {said}" for each, said in states.items() if said != "done"]
    none = ("records lost", "records stored twice")
    failures += [f"{name}: {figures[name]}" for name in none if figures[name]]
    if figures["epoch of the keys"] != trip.rotations:
        failures.append(f"epoch {figures['epoch of the keys']} after {trip.rotations} rotations")
    if figures["restarts"] != restarts:
        failures.append(f"{figures['restarts']} restarts of {restarts}")
    if silent_ms > SILENT_H * HOUR_MS:
        failures.append(f"silent for {figures['hours silent at most']} h")
    if built.network.stalls:
        failures.append(f"{built.network.stalls} stalls")
    return Part(figures, failures)


def _epoch(flash: Path) -> int:
    """The epoch of the device's keys, as it has noted it."""
    noted: int = cbor2.loads((flash / "data" / "epoch.bin").read_bytes()[:-4])
    return noted


def _foreign() -> list[bytes]:
    """Genuine replies to another device: its records are safe, and it is to restart."""
    key = bytes(range(1, 33))
    pending = [{5: [[845_000_000, 2_000_000_000, 3, 0]]}]
    replies = [encode_downlink(answered, range(1, 4000), 845_000_000, pending) for answered in range(1, 6)]
    return [envelope.seal(key, OTHER, "down", 300 + i, reply) for i, reply in enumerate(replies)]
