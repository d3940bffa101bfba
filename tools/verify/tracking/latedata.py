"""A trip's points in order, in random order and twice, with a hole of twenty days filled last: the same
events.

`python -m tools.verify.tracking.latedata [--days N] [--seed N] [--track DATABASE]` runs a trip in the
simulated world, or takes the points of one that an agent has stored. It delivers them each time to an agent
of its own over a broker, and compares the stored events, and those that a platform has received, with the
delivery in order. Writes out/latedata.json, prints the figures last, and exits with 1
when they differ or when nothing was taken back.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from landbridge.db.database import open_database
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from rich.console import Console

from tools.options import whole
from tools.verify.tracking.agent import MOST_RECORDS, LateAgent, Outcome, clocks
from tools.world import stage
from tools.world.demo.diary import Diary
from tools.world.oracle.records import Oracle
from tools.world.services.processes import ServiceError
from tools.world.stage import DEVICE
from tools.world.trip_run import Demo, add_task, progress_bar

OUT = Path("out/latedata.json")
FOLDER = Path("out/latedata").absolute()
HOLE_PART = 20 / 45
"""The part of the trip that is delivered last."""
_DAY_S = 86_400
Uplinks = Iterator[Sequence[StoredPoint]]


def drive(folder: Path, seed: int, days: int, console: Console) -> list[StoredPoint]:
    """The points of a trip in the simulated world."""
    built = stage.build(folder, stage.Scenario("bg95", seed, days))
    try:
        demo = Demo(built, Oracle(built.flash, built.trip, built.network.traffic), Diary(built.trip), None)
        with progress_bar(console) as progress:
            demo.run(add_task(progress, days))
    finally:
        built.close()
    return stored(folder / "agent" / "landbridge.sqlite3")


def stored(file: Path) -> list[StoredPoint]:
    """The points of the demo's device in an agent's database, those that have a time."""
    database = open_database(file, make=False)
    try:
        with database.reading() as connection:
            return [each for each in points.track(connection, DEVICE) if each.at_s is not None]
    finally:
        database.close()


def in_order(track: Sequence[StoredPoint]) -> Uplinks:
    """As a device that is never out of reach."""
    for i in range(0, len(track), MOST_RECORDS):
        yield track[i : i + MOST_RECORDS]


def random_twice(track: Sequence[StoredPoint], rng: random.Random) -> Uplinks:
    """Each point twice, in any order, in uplinks of any length."""
    shuffled = rng.sample([*track, *track], 2 * len(track))
    while shuffled:
        length = rng.randint(1, MOST_RECORDS)
        yield list({each.point.seq: each for each in shuffled[:length]}.values())
        shuffled = shuffled[length:]


def hole_last(track: Sequence[StoredPoint]) -> Uplinks:
    """The middle of the trip after all the rest."""
    first_s, last_s = track[0].at_s or 0, track[-1].at_s or 0
    length_s = (last_s - first_s) * HOLE_PART
    begin_s = first_s + (last_s - first_s - length_s) / 2
    inside = [each for each in track if begin_s <= (each.at_s or 0) < begin_s + length_s]
    outside = [each for each in track if each not in inside]
    yield from in_order(outside)
    yield from in_order(inside)


def deliver(name: str, uplinks: Uplinks, track: Sequence[StoredPoint], track_every: int) -> Outcome:
    """Deliver the uplinks to a new agent; it tracks after every `track_every` of them."""
    first_s, last_s = track[0].at_s or 0, track[-1].at_s or 0
    now_s = last_s + _DAY_S
    known = clocks(track, now_s)
    with LateAgent(FOLDER / name, first_s - _DAY_S, now_s) as agent:
        for count, uplink in enumerate(uplinks, 1):
            undated = [each.point.boot for each in uplink if each.point.quality == 0]
            agent.deliver([each.point for each in uplink], known[undated[0]] if undated else None)
            if count % track_every == 0:
                agent.await_tracking()
        for clock in known.values():
            agent.deliver([], clock)
        agent.await_tracking()
        return agent.outcome()


def differences(name: str, got: Outcome, wanted: Outcome) -> list[str]:
    """In words, what is not as it is after the delivery in order."""
    lines = [f"{name}: {each} is missing" for each in wanted.events.keys() - got.events.keys()]
    lines += [f"{name}: {each} is too many" for each in got.events.keys() - wanted.events.keys()]
    both = got.events.keys() & wanted.events.keys()
    lines += [f"{name}: {each} says other things" for each in both if got.events[each] != wanted.events[each]]
    for what in ("points", "trips", "position"):
        if getattr(got, what) != getattr(wanted, what):
            lines.append(f"{name}: {what} differ")
    if got.believed != set(got.events):
        lines.append(f"{name}: a platform believes {sorted(got.believed ^ set(got.events))}")
    return sorted(lines)


def compare(track: Sequence[StoredPoint], seed: int) -> tuple[dict[str, Any], list[str]]:
    """All deliveries: figures by name, and what fell short."""
    wanted = deliver("in-order", in_order(track), track, 1_000_000)
    short = differences("in order", wanted, wanted)
    figures: dict[str, Any] = {"points": len(track), "events": len(wanted.events)}
    kinds = [each["type"] for each in wanted.events.values()]
    figures |= {f"events {kind}": kinds.count(kind) for kind in sorted(set(kinds))}
    deliveries = {
        "random and twice": ("random-twice", random_twice(track, random.Random(seed)), 4),
        "hole last": ("hole-last", hole_last(track), 1),
    }
    for name, (folder, uplinks, track_every) in deliveries.items():
        got = deliver(folder, uplinks, track, track_every)
        found = differences(name, got, wanted)
        figures |= {f"{name}: differences": len(found), f"{name}: retractions": got.retracted}
        short += found + ([] if got.retracted else [f"{name}: nothing was taken back"])
    return figures, short


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.tracking.latedata", description=__doc__)
    parser.add_argument("--days", type=whole(1), default=45)
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--track", type=Path, help="database of an agent that has the demo's device")
    arguments = parser.parse_args()
    console = Console()
    try:
        if arguments.track:
            track = stored(arguments.track)
        else:
            track = drive(FOLDER / "world", arguments.seed, arguments.days, console)
        figures, short = compare(track, arguments.seed)
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 2
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"seed": arguments.seed, "figures": figures, "short": short}, indent=2) + "\n")
    for line in short[:20]:
        print(line, file=sys.stderr)
    for name, figure in figures.items():
        print(f"{name} {figure}")
    print(f"short {len(short)}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
