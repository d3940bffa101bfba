"""Cases of faults during an update, for `updatecut`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tools.flash import release
from tools.flash.layout import FIRMWARE
from tools.verify.updates.device import BOARD, MODEM, Agent, Locator, make_locator

OLD, NEW = 1, 2
PAGE = 256
SPARE = "slots/b"
BOOTS_ON_TRIAL = 24
UNENDED = 3
BOOTS_TO_RECOVER = BOOTS_ON_TRIAL + 8
CHANGED = ("wake", "config", "session/session", "codec/record", "scheduler/decide")
"""Modules that the new release has changed."""
REFUSED, CRASHED = "messages refused", "the interpreter crashed"
_BUILDING = Lock()
"""CPython 3.11 counts the depth of a syntax tree for all threads together, and takes the sum for a fault
(python/cpython #106905)."""
HANGS = "import time\n\nwhile True:\n    time.sleep(1)\n"
BREAKS = {
    "raises when imported": "raise ValueError\n",
    "raises in its wake": "def run(port, board):\n    raise ValueError\n",
    "ends without sleep": "import sys\n\n\ndef run(port, board):\n    sys.exit()\n",
    "lacks what it imports": "import locator.nothing\n",
    "runs out of memory": "def run(port, board):\n    bytearray(1 << 30)\n",
    "hangs when imported": HANGS,
}
"""What ends `locator/wake.py` of releases that must not stay."""


@dataclass(frozen=True)
class Moments:
    """Where cases begin: device and agent side by side in a folder each."""

    folder: Path
    before: Path
    """The new release is rolled out, and the device has not heard of it."""
    almost: Path
    """All of it but the last piece has been pulled."""
    switched: Path
    """It is on trial from the next boot on."""
    after: Path
    """It runs."""
    operations: int
    """Flash operations of the boot that pulls it all and switches."""
    operations_on_trial: int
    """Flash operations of the boot on trial that is answered."""
    pieces: int


@dataclass(frozen=True)
class Case:
    """`run` gives "" or what fell short, "bricked ..." if the device was never heard again."""

    kind: str
    name: str
    run: Callable[[Moments, Path], str]


def moments(folder: Path, touch: Callable[[Path], None] = lambda flash: None) -> Moments:
    """Make a device (`touch` as in `make_locator`) and an agent, and bring them to where cases begin."""
    start = folder / "before"
    start.mkdir(parents=True)
    agent, device = Agent(start), make_locator(start, touch)
    agent.add_device()
    device.boot(agent)
    agent.roll_out(build(folder / "new", NEW))
    keep(start, device, agent)
    whole = folder / "switched"
    agent, device = taken(start, whole)
    uplinks = agent.uplinks()
    operations = device.boot(agent).operations
    pieces = agent.uplinks() - uplinks
    keep(whole, device, agent)
    almost = folder / "almost"
    agent, device = taken(start, almost)
    agent.answers = pieces - 1
    device.boot(agent)
    agent.answers = 1 << 30
    keep(almost, device, agent)
    after = folder / "after"
    agent, device = taken(whole, after)
    on_trial = device.boot(agent).operations
    assert agent.running() == (NEW, False, "running"), agent.running()
    keep(after, device, agent)
    return Moments(folder, start, almost, whole, after, operations, on_trial, pieces)


def build(folder: Path, sequence: int, broken: str = "") -> Path:
    """A release in `folder`; with `broken` at the end of its wake."""
    firmware = folder / "firmware"
    shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("__pycache__"))
    for module in CHANGED:
        path = firmware / "locator" / f"{module}.py"
        path.write_text(path.read_text() + f"\nCHANGED = {sequence}\n")
    constants = firmware / "locator" / "__init__.py"
    constants.write_text(constants.read_text().replace("SEQUENCE = 1", f"SEQUENCE = {sequence}"))
    if broken:
        path = firmware / "locator" / "wake.py"
        path.write_text(f"{path.read_text()}\n\n{broken}")
    with _BUILDING:
        release.build(folder / "release", BOARD, firmware, MODEM)
    return folder / "release"


def keep(folder: Path, device: Locator, agent: Agent) -> None:
    """Leave device and agent in `folder` for `taken`."""
    agent.database.close()
    pause(device, agent)
    state = {"clock_s": device.clock_s, "rtc": device.rtc.hex(), "cause": device.cause}
    state["time_s"] = agent.time_s
    (folder / "state.json").write_text(json.dumps(state))


def pause(device: Locator, agent: Agent) -> None:
    """Let enough time pass for the device to try the network again, and report."""
    device.clock_s += 6 * 3600
    agent.time_s += 6 * 3600


def taken(origin: Path, folder: Path) -> tuple[Agent, Locator]:
    """Copies in `folder` of what `keep` has left in `origin`."""
    folder.mkdir(exist_ok=True)
    for file in origin.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    state = json.loads((folder / "state.json").read_text())
    agent = Agent(folder)
    agent.time_s = state["time_s"]
    rtc = bytes.fromhex(state["rtc"])
    return agent, Locator(folder / "flash.img", state["clock_s"], rtc, state["cause"])


def recovered(agent: Agent, device: Locator, allowed: tuple[int, ...]) -> str:
    """Boot with everything in order until the device stays with one of `allowed`; what is wrong."""
    agent.answers = 1 << 30
    before = agent.uplinks()
    for _ in range(BOOTS_TO_RECOVER):
        device.boot(agent)
        pause(device, agent)
        running, on_trial, ended = agent.running()
        is_stable = ended is not None or running == allowed[-1]
        if agent.uplinks() > before and running in allowed and is_stable and not on_trial:
            break
    if agent.uplinks() == before:
        return f"bricked: {device.boots[-1].printed[-400:]}"
    running, on_trial, ended = agent.running()
    if running not in allowed or on_trial:
        return f"runs {running}{' on trial' if on_trial else ''} ({ended}), not one of {allowed}"
    if agent.missing():
        return f"{agent.missing()} records lost"
    if any(boot.crashed for boot in device.boots):
        return CRASHED
    return f"{agent.dead_letters()} {REFUSED}" if agent.dead_letters() else ""


# The following functions make the cases of each kind: (moments, every n-th) -> cases.


def truncated(stand: Moments, every: int) -> Iterator[Case]:
    """The agent is gone after each piece; once for ever, once until later."""

    def run(resumed: bool, answers: int, stand: Moments, folder: Path) -> str:
        agent, device = taken(stand.before, folder)
        agent.answers = answers
        device.boot(agent)
        if not resumed:
            agent.halt(NEW)
        return recovered(agent, device, (NEW,) if resumed else (OLD,))

    for answers in range(stand.pieces):
        yield Case("truncated", f"after {answers} answers, not resumed", _bound(run, False, answers))
        yield Case("truncated", f"after {answers} answers, resumed", _bound(run, True, answers))


def corrupted(stand: Moments, every: int) -> Iterator[Case]:
    """A byte is inverted in each page of what has been pulled, before the last piece comes."""
    _, files = Locator(stand.almost / "flash.img").sizes()
    for name, size in sorted(files.items()):
        for at in range(0, size if name == SPARE else 0, PAGE):
            yield Case("corrupted", f"{name} at {at}", _bound(_corrupt, name, at))


def _corrupt(name: str, at: int, stand: Moments, folder: Path) -> str:
    agent, device = taken(stand.almost, folder)
    device.damage(name, at)
    short = recovered(agent, device, (OLD, NEW))
    # An update whose offer is lost begins again; a list or a file that is not as it should be ends the
    # update.
    _, _, ended = agent.running()
    if not short and at and ended != "damaged":
        return f"{ended} with a damaged file"
    return short


def corrupted_later(stand: Moments, every: int) -> Iterator[Case]:
    """A byte is inverted in each page between the switch and the boot on trial."""
    _, files = Locator(stand.switched / "flash.img").sizes()
    for at in range(0, files[SPARE], PAGE * every):
        yield Case("corrupted after the switch", f"at {at}", _bound(_corrupt_later, SPARE, at))


def _corrupt_later(name: str, at: int, stand: Moments, folder: Path) -> str:
    agent, device = taken(stand.switched, folder)
    device.damage(name, at)
    short = recovered(agent, device, (OLD, NEW))
    # What the damaged release has said or done to the interpreter does not count, what is left does.
    return "" if short.endswith((REFUSED, CRASHED)) else short


def pointer(stand: Moments, every: int) -> Iterator[Case]:
    """The pointer is damaged at each byte, or gone, before and after the switch."""

    def run(moment: str, at: int, stand: Moments, folder: Path) -> str:
        agent, device = taken(getattr(stand, moment), folder)
        device.damage("slots/pointer.bin", at)
        return recovered(agent, device, (OLD, NEW))

    for moment in ("almost", "switched"):
        for at in range(-1, 18):
            yield Case("pointer", f"{moment}, byte {at}", _bound(run, moment, at))


def refused(stand: Moments, every: int) -> Iterator[Case]:
    """Offers that the agent should never make: the device says no, and why."""
    for moment, sequence, board, mpy, reason in (
        ("before", 3, "OTHER", 6, 1),
        ("before", 3, BOARD, 5, 2),
        ("after", OLD, BOARD, 6, 3),
        ("before", 0, BOARD, 6, 5),
    ):
        offer = [sequence, 120, bytes(32), board, mpy]
        yield Case("refused", f"{moment}: {offer}", _bound(_refuse, moment, offer, reason))


def _refuse(moment: str, offer: list[object], reason: int, stand: Moments, folder: Path) -> str:
    agent, device = taken(getattr(stand, moment), folder)
    agent.lie = offer
    device.boot(agent)
    agent.lie = None
    if agent.report[2:4] != [offer[0], reason]:
        return f"it reported {agent.report}"
    return recovered(agent, device, (NEW,))


def breaks(stand: Moments, every: int) -> Iterator[Case]:
    """Releases that crash on their first boot: the old one runs soon."""

    def run(broken: str, stand: Moments, folder: Path) -> str:
        agent, device = taken(stand.before, folder)
        agent.halt(NEW)
        agent.roll_out(build(folder / "broken", 3, broken))
        for _ in range(2 + UNENDED):  # pulls it, crashes, is back
            device.boot(agent)
            pause(device, agent)
        running, _, ended = agent.running()
        if (running, ended) != (OLD, "crashed"):
            return f"runs {running}, {ended}, {UNENDED} boots after it crashed"
        short = recovered(agent, device, (OLD,))
        return "" if broken == HANGS and short == CRASHED else short

    for name, broken in BREAKS.items():
        yield Case("crashes", name, _bound(run, broken))


def unreachable(stand: Moments, every: int) -> Iterator[Case]:
    """The agent answers no boot on trial."""

    def run(stand: Moments, folder: Path) -> str:
        agent, device = taken(stand.switched, folder)
        agent.answers = 0
        for _ in range(BOOTS_ON_TRIAL + 1):
            device.boot(agent)
        agent.answers = 1 << 30
        for _ in range(5):  # the tries of the day are spent
            pause(device, agent)
            device.boot(agent)
        running, _, ended = agent.running()
        if (running, ended) != (OLD, "agent not reached"):
            return f"runs {running}, {ended}"
        return recovered(agent, device, (OLD,))

    yield Case("agent not reached", f"{BOOTS_ON_TRIAL} boots", run)


def cuts(stand: Moments, every: int) -> Iterator[Case]:
    """The power fails at flash operations of the boot that pulls and switches, and of the one on trial."""
    for moment, operations in (("before", stand.operations), ("switched", stand.operations_on_trial)):
        for at in range(1, operations + 1, every):
            torn = at // every % 2 == 1
            yield Case("power cut", f"{moment}, operation {at}", _bound(_cut, moment, at, torn))


def _cut(moment: str, at: int, torn: bool, stand: Moments, folder: Path) -> str:
    agent, device = taken(getattr(stand, moment), folder)
    device.boot(agent, at, torn)
    return recovered(agent, device, (OLD, NEW) if moment == "switched" else (NEW,))


def _bound(run: Callable[..., str], *arguments: object) -> Callable[[Moments, Path], str]:
    return lambda stand, folder: run(*arguments, stand, folder)


CASES: dict[str, Callable[[Moments, int], Iterator[Case]]] = {
    "truncated": truncated,
    "corrupted": corrupted,
    "corrupted after the switch": corrupted_later,
    "pointer": pointer,
    "refused": refused,
    "crashes": breaks,
    "agent not reached": unreachable,
    "power cut": cuts,
}
