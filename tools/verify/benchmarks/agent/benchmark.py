"""Benchmarks the whole agent against the bare loop of its parts, on the same messages in one run.

`python -m tools.verify.benchmarks.agent.benchmark [--devices N] [--uplinks N] [--points N] [--known N]` runs
it on a real Mosquitto, PostgreSQL and NATS. The broker holds the messages before the measured agent starts.
Writes out/bench-agent.json, prints the figures last, exits with 1 when short. What needs a server that is not
installed is left out, and said: then it exits with 3.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.options import whole
from tools.verify.benchmarks.agent import load
from tools.verify.benchmarks.agent.rig import Rig, Took
from tools.verify.harness import nats_server, postgres
from tools.verify.harness.nats_server import NatsServer
from tools.verify.harness.postgres import Postgres

OUT = Path("out/bench-agent.json")
FOLDER = Path("out/bench-agent").absolute()
OF_BARE = 0.5
OF_EMPTY = 0.8
OF_SQLITE = 0.5
OF_ONE_AGENT = 1.5
MOST_MB = 300.0
MOST_START_S = 10.0


@dataclass
class Found:
    """What is printed; None: left out."""

    messages: int = 0
    bare_messages_s: float | None = None
    agent_messages_s: float | None = None
    agent_fixes_s: float | None = None
    agent_of_bare: float | None = None
    bare_cpu_us: float | None = None
    agent_cpu_us: float | None = None
    """Processor time a message: what else the machine does shows less in it."""
    agent_of_bare_by_cpu: float | None = None
    told_after_s: float | None = None
    """From the first message until platforms have all of it, and the tracking of all trips is done."""
    full_points: int = 0
    full_messages_s: float | None = None
    full_of_empty: float | None = None
    known_devices: int = 0
    known_start_s: float | None = None
    known_mb: float | None = None
    postgresql_messages_s: float | None = None
    postgresql_of_sqlite: float | None = None
    one_nats_agent_messages_s: float | None = None
    two_nats_agents_messages_s: float | None = None
    two_of_one: float | None = None
    left_out: list[str] = field(default_factory=list)

    def short(self) -> list[str]:
        """In words, what is not as it must be."""
        least = {
            "agent_of_bare": OF_BARE,
            "full_of_empty": OF_EMPTY,
            "postgresql_of_sqlite": OF_SQLITE,
            "two_of_one": OF_ONE_AGENT,
        }
        most = {"known_mb": MOST_MB, "known_start_s": MOST_START_S}
        below = [f"{name} < {limit}" for name, limit in least.items() if _of(self, name, limit) < limit]
        return below + [f"{name} > {limit}" for name, limit in most.items() if _of(self, name, limit) > limit]


def _of(found: Found, name: str, otherwise: float) -> float:
    value = getattr(found, name)
    return otherwise if value is None else float(value)


class Benchmark:
    """Each part of it notes what it has found."""

    def __init__(self, rig: Rig, turns: int) -> None:
        self.rig = rig
        self.found = Found(messages=len(rig.messages))
        self._turns = turns

    def beside_bare(self) -> None:
        """In turns, so that what else the machine does falls on both."""
        bare, agent = [], []
        for _ in range(self._turns):
            bare.append(self.rig.bare())
            agent.append(self.rig.agent(self.rig.fresh("agent")))
        self.found.bare_messages_s = self._rate(bare)
        self.found.agent_messages_s = self._rate(agent)
        self.found.agent_fixes_s = self.found.agent_messages_s * load.FIXES
        self.found.agent_of_bare = self.found.agent_messages_s / self.found.bare_messages_s
        self.found.bare_cpu_us, self.found.agent_cpu_us = self._cpu_us(bare), self._cpu_us(agent)
        self.found.agent_of_bare_by_cpu = self.found.bare_cpu_us / self.found.agent_cpu_us
        self.found.told_after_s = statistics.median(each.told_s for each in agent)

    def on_a_full_table(self, points: int) -> None:
        """The same with this many points stored already."""
        place = self.rig.fresh("full")
        load.fill(place, points, len(self.rig.fleet))
        full, empty = [], []
        for turn in range(self._turns):
            empty.append(self.rig.agent(self.rig.fresh("empty")))
            full.append(self.rig.agent(place, turn))
        self.found.full_points = points
        self.found.full_messages_s = self._rate(full)
        self.found.full_of_empty = self.found.full_messages_s / self._rate(empty)

    def with_many_known(self, known: int) -> None:
        """The start, and the memory, of an agent with this many devices."""
        took = self.rig.agent(self.rig.fresh("known", load.names(known)))
        self.found.known_devices = known
        self.found.known_start_s, self.found.known_mb = took.started_s, took.most_mb

    def on_postgresql(self, server: Postgres) -> None:
        """The agent on PostgreSQL compared with SQLite, in turns."""
        ours, theirs = [], []
        for _ in range(self._turns):
            theirs.append(self.rig.agent(self.rig.fresh("agent")))
            ours.append(self.rig.agent(self.rig.renewed(server)))
        self.found.postgresql_messages_s = self._rate(ours)
        self.found.postgresql_of_sqlite = self.found.postgresql_messages_s / self._rate(theirs)

    def behind_nats(self, server: Postgres, broker: NatsServer) -> None:
        """One agent, then two, on the same messages out of JetStream."""
        one, two = [], []
        for _ in range(self._turns):
            one.append(self.rig.agents(1, server, broker))
            two.append(self.rig.agents(2, server, broker))
        self.found.one_nats_agent_messages_s = statistics.median(one)
        self.found.two_nats_agents_messages_s = statistics.median(two)
        self.found.two_of_one = statistics.median(two) / statistics.median(one)

    def _cpu_us(self, turns: list[Took]) -> float:
        return 1e6 * statistics.median(each.cpu_s for each in turns) / self.found.messages

    def _rate(self, turns: list[Took]) -> float:
        return self.found.messages / statistics.median(each.seconds for each in turns)


def run(folder: Path, given: argparse.Namespace) -> Found:
    """All parts."""
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        rig = Rig(folder, load.names(given.devices), given.uplinks, given.seed)
        stack.callback(rig.close)
        benchmark = Benchmark(rig, given.turns)
        parts: dict[str, Callable[[], None]] = {
            "bare": benchmark.beside_bare,
            "full": lambda: benchmark.on_a_full_table(given.points),
            "known": lambda: benchmark.with_many_known(given.known),
        }
        if postgres.binaries():
            server = Postgres()
            stack.callback(server.close)
            server.start()
            parts["postgresql"] = lambda: benchmark.on_postgresql(server)
            if nats_server.binary():
                broker = NatsServer(folder / "nats")
                broker.start()
                stack.callback(broker.kill)
                parts["nats"] = lambda: benchmark.behind_nats(server, broker)
        for name in given.only or ("bare", "full", "known", "postgresql", "nats"):
            if name in parts:
                print(f"{name} ...", file=sys.stderr, flush=True)
                parts[name]()
            else:
                benchmark.found.left_out.append(name)
        return benchmark.found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.verify.benchmarks.agent.benchmark", description=__doc__
    )
    parser.add_argument("--devices", type=whole(1), default=1000)
    parser.add_argument("--uplinks", type=int, default=8)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--turns", type=whole(1), default=3)
    parser.add_argument("--only", action="append", help="bare, full, known, postgresql or nats")
    parser.add_argument("--seed", type=whole(0), default=1)
    found = run(FOLDER, parser.parse_args())
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(asdict(found), indent=2) + "\n")
    for name, value in asdict(found).items():
        if value not in (None, [], 0):
            print(f"{name.replace('_', ' ')} {round(value, 2) if isinstance(value, float) else value}")
    for why in found.short():
        print(f"short: {why}")
    print(f"short {len(found.short())}")
    if found.short():
        return 1
    return 3 if found.left_out else 0


if __name__ == "__main__":
    sys.exit(main())
