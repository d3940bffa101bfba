"""The walks: the actions in the world, and the parts into which each walk is divided."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tools.flash import FIRMWARE
from tools.walk.tracer import MODULE, Leg, Step
from tools.walk.world import AGENT, World
from tools.world.radio import cards
from tools.world.services.processes import ServiceError
from tools.world.stage import DEVICE

BOOT = Step("boot.py", MODULE)
WAKE = Step("main.py", MODULE)
ACTIONS = "locator/actions/"
FIX = Step(f"{ACTIONS}position.py", "run")
PROFILE = Step(f"{ACTIONS}profile.py", "run")
TAKE = Step("locator/downlink/handlers.py", "Handlers.take")
WRITE = Step("locator/downlink/handlers.py", "Handlers.write")
COMMAND_LINE = Step("cli.py", "app")
RECEIVE = Step("ingest/session.py", "Session._on_message")
INGEST = Step("ingest/worker.py", "Worker.insist")
PUBLISH = Step("events/publisher.py", "Publisher.turn")
ENTRIES = {
    FIRMWARE: (BOOT, WAKE, FIX, PROFILE, TAKE, WRITE),
    AGENT: (COMMAND_LINE, RECEIVE, INGEST, PUBLISH),
}
"""The calls with which legs begin."""
# These distinguish legs that begin alike.
PUBLISHED = Step("ingest/session.py", "Session.publish")
COMMAND_TAKEN = Step("locator/downlink/commands.py", "_obey")
RESULT_WRITTEN = Step("locator/downlink/commands.py", "write")
RESULT_NOTED = Step("features/commands/queries.py", "ended")
POLICY_SENT = Step("features/esim/coding.py", "Policy.encode")
POLICY_TAKEN = Step("locator/downlink/profiles.py", "take")
ENABLED = Step("locator/esim/euicc.py", "enable")
COMMITTED = Step("locator/esim/trial.py", "Trial.answered")
CARD_WRITTEN = Step("locator/downlink/profiles.py", "write")
SWITCH_NOTED = Step("features/esim/coding.py", "_event")
ORDINARY_WAKES = 8
"""Before a switch: in some hours an ordinary wake does whatever it does."""
UPLINK = "uplink"
"""Name of the walk through the agent."""
COMMANDS, ESIM = "features/commands", "features/esim"
"""Folders of the agent that an uplink goes through because of a command, or of a switch."""


class Part(NamedTuple):
    """A stretch of a walk: what happens, and the `steps` below the folder `root`, each where it comes first.

    An uplink that is there because of a `feature`, a folder, passes much that every uplink passes.
    """

    title: str
    root: Path
    steps: list[Step]
    feature: str = ""


class Walk(NamedTuple):
    """One operation from its beginning to its end."""

    name: str
    title: str
    parts: list[Part]

    def files(self, root: Path) -> dict[str, list[str]]:
        """The files below `root`, in the order in which they are entered, with their functions."""
        found: dict[str, list[str]] = {}
        for step in self._steps(root):
            found.setdefault(step.file, []).append(step.function)
        return found

    def moves(self, root: Path) -> int:
        """How often the next function that is new lies in another folder."""
        folders = [Path(step.file).parent for step in self._steps(root)]
        return sum(before != after for before, after in pairwise(folders))

    def _steps(self, root: Path) -> Iterable[Step]:
        return dict.fromkeys(step for part in self.parts if part.root == root for step in part.steps)


class Figures(NamedTuple):
    """The sums of the walks, in files and in moves between folders."""

    uplink_files: int
    uplink_moves: int
    first_wake: list[str]
    """Files of the firmware."""
    switch: list[str]
    """Files of the firmware with a function that runs in the wakes of a switch, and in none before them."""


class Legs:
    """The legs of `world` since this was made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = {root: len(legs) for root, legs in world.legs().items()}

    def all(self, root: Path) -> list[Leg]:
        """Those of the code below `root`."""
        return self._world.legs()[root][self._before[root] :]

    def part(
        self, title: str, root: Path, entry: Step, through: Step | None = None, is_last: bool = False
    ) -> Part:
        """The first leg, or the last, that begins with `entry` and goes `through` there."""
        for leg in reversed(self.all(root)) if is_last else self.all(root):
            if leg.entry == entry and (through is None or through in leg.steps):
                return Part(title, root, _passed(leg))
        raise ServiceError(
            f"{title} Nothing below {root.name}/ began with {entry} and went through {through}: "
            "is it called otherwise now? Correct tools/walk/walks.py"
        )

    def uplink(self, title: str, feature: str, through: Step | None = None) -> Part:
        """The first leg in which the agent stores an uplink and goes `through` there."""
        return self.part(title, AGENT, INGEST, through)._replace(feature=feature)

    def went(self, root: Path, through: Step) -> bool:
        """Whether any of them went `through` there."""
        return any(through in leg.steps for leg in self.all(root))


def walk_all(folder: Path) -> tuple[list[Walk], Figures]:
    """Do everything in a new world in `folder`; `ServiceError` when the code goes other ways."""
    with World(folder, ENTRIES) as world:
        every = Legs(world)
        world.run(lambda: True)
        boots = [leg for leg in every.all(FIRMWARE) if leg.entry in (BOOT, WAKE)]
        first_wake = {step.file for leg in boots for step in _passed(leg)}
        located = Legs(world)
        world.agent.do("commands", "send", DEVICE, "locate")
        world.run(lambda: located.went(AGENT, RESULT_NOTED))
        walks = [_fix(located), _uplink(located), _command(located)]
        for _ in range(ORDINARY_WAKES):
            world.run(lambda: True)
        before = {step for leg in every.all(FIRMWARE) for step in leg.steps}
        walks.append(_switch(world, folder / "policy.toml"))
        after = {step for leg in every.all(FIRMWARE) for step in leg.steps if step.function != MODULE}
        world.agent.stop()
        walks.append(_page(world))
    (uplink,) = (walk for walk in walks if walk.name == UPLINK)
    switch = {step.file for step in after - before}
    return walks, Figures(len(uplink.files(AGENT)), uplink.moves(AGENT), sorted(first_wake), sorted(switch))


def _fix(legs: Legs) -> Walk:
    wake = legs.part("The tracker wakes and decides.", FIRMWARE, WAKE, FIX)
    return Walk(
        "fix",
        "A position fix, from the wake to the uplink",
        [legs.part("The chip starts.", FIRMWARE, BOOT), *_by_action(wake)],
    )


def _uplink(legs: Legs) -> Walk:
    return Walk(
        UPLINK,
        "The same fix, from the uplink to the position topic",
        [
            legs.part("The broker hands the uplink to the agent.", AGENT, RECEIVE),
            legs.part("The agent stores the uplink and replies.", AGENT, INGEST, RESULT_NOTED),
            legs.part("The agent publishes the position.", AGENT, PUBLISH, PUBLISHED, is_last=True),
        ],
    )


def _command(legs: Legs) -> Walk:
    return Walk(
        "command",
        "A command, from the operator to the tracker, and its result back",
        [
            legs.part("The operator asks for a fix: `landbridge commands send`.", AGENT, COMMAND_LINE),
            legs.uplink("An uplink comes in; the reply takes the command along.", COMMANDS),
            legs.part("The tracker notes the command.", FIRMWARE, TAKE, COMMAND_TAKEN),
            legs.part("The next wake searches for a fix.", FIRMWARE, FIX),
            legs.part("Its uplink reports the result of the command.", FIRMWARE, WRITE, RESULT_WRITTEN),
            legs.uplink("The agent notes the result.", COMMANDS, RESULT_NOTED),
        ],
    )


def _switch(world: World, policy: Path) -> Walk:
    agent, legs = world.agent, Legs(world)
    policy.write_text(cards.POLICY)
    agent.do("esim", "set-policy", str(policy), DEVICE)
    world.run(lambda: legs.went(AGENT, SWITCH_NOTED))
    return Walk(
        "switch",
        "A profile switch, after the operator has given a policy for the card",
        [
            legs.part("The operator gives a policy: `landbridge esim set-policy`.", AGENT, COMMAND_LINE),
            legs.uplink("An uplink comes in; the reply takes the policy along.", ESIM, POLICY_SENT),
            legs.part("The tracker keeps the policy.", FIRMWARE, TAKE, POLICY_TAKEN),
            legs.part("Before the next registration the profile is enabled.", FIRMWARE, PROFILE, ENABLED),
            legs.part("The agent has replied: the switch is committed.", FIRMWARE, PROFILE, COMMITTED),
            legs.part("An uplink reports the switch.", FIRMWARE, WRITE, CARD_WRITTEN),
            legs.uplink("The agent notes the report.", ESIM, SWITCH_NOTED),
        ],
    )


def _page(world: World) -> Walk:
    steps = world.agent.page(f"/devices/{DEVICE}")
    part = Part("A browser asks for the page of a device.", AGENT, steps)
    return Walk("page", "A page, from the request to the answer", [part])


def _passed(leg: Leg) -> list[Step]:
    """The functions of a leg, and the file that it begins with; not what was only imported."""
    return [step for step in leg.steps if step.function != MODULE or step == leg.entry]


def _by_action(wake: Part) -> list[Part]:
    """A wake in as many parts as it has actions, after what comes before them."""
    parts = [wake._replace(steps=[])]
    for step in wake.steps:
        if step.file.startswith(ACTIONS) and step.function == "run":
            name = Path(step.file).stem
            parts.append(Part(f"Action `{name}`.", wake.root, []))
        parts[-1].steps.append(step)
    return parts
