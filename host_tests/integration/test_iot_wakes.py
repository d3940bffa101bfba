"""An IoT eUICC in a whole device: the firmware's wakes on both simulated modems, the real agent and a
scripted SM-DP+. The card is associated, a profile is downloaded and enabled by a signed package;
the power fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from landbridge.features.downloads import queries, rules
from landbridge.features.esim import policy
from landbridge.features.esim.queries import policies
from locator.esim import SIGNED

from tools.modem.card.profile import Profile
from tools.modem.registry import Dialect
from tools.verify.downloads.agent import DEVICE, Agent
from tools.verify.downloads.device import FIRST, IMSIS, LOCAL, Card, Downloader, server_of_process

pytestmark = pytest.mark.slow

DEAD = 8
MCC = 262
"""Of the yard."""
POLICY = f"""
fallback = "roaming"
[profile.roaming]
iccid = "{FIRST}"
apn = "roaming"
[profile.local]
iccid = "{LOCAL}"
apn = "local"
[countries]
elsewhere = ["roaming"]
"""
MOST_WAKES = 16
SIZE = 1_500


class Tracker(Downloader):
    """Its card is an IoT eUICC. `at` counts all operations."""

    def _card(self, enabled: int, quirks: frozenset[str]) -> Card:
        return Card([Profile(FIRST, IMSIS[0], "Roaming")], quirks=quirks, iot=True)

    def operation(self, what: str) -> bool:
        """See `Machine`: any operation is cut, not only those of downloads."""
        self.is_downloading = True
        return super().operation(what)

    def order(self, order: Callable[..., int], *about: Any) -> int:
        """An order of somebody."""
        agent: Agent = self.agent
        with agent.database.writing() as connection:
            return order(connection, *about, "bench", agent.now_s())

    def shown(self, number: int) -> dict[str, Any]:
        """As people see an order."""
        with self.agent.database.reading() as connection:
            row = queries.find(connection, number)
            assert row is not None
            return queries.shown(connection, [row])[0]

    def until_over(self, number: int) -> dict[str, Any]:
        """Wakes until an order has ended."""
        for _ in range(MOST_WAKES):
            self.wake()
            self.agent.works()
            if not self.shown(number)["open"]:
                break
        return self.shown(number)

    def prepare(self) -> None:
        """The policy is assigned, the card associated, the local profile loaded."""
        agent = self.agent
        with agent.database.writing() as connection:
            policies.set_desired(
                connection, DEVICE, policy.parse(POLICY), policy.AUTOMATIC, "bench", agent.now_s()
            )
        number = self.order(rules.associate, agent.keyring, DEVICE, agent.trusted)
        found = self.until_over(number)
        assert (found["state"], found["problem"]) == ("done", None)
        agent.order()
        assert self.until_over(number + 1)["state"] == "installed"
        assert self.used == IMSIS[0]

    def has(self, name: str) -> bool:
        """Whether a file is in flash."""
        return Path(str(self.port.data_dir) + name).exists()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Tracker]:
    def made(dialect: Dialect, *quirks: str) -> Tracker:
        tracker = Tracker(tmp_path, dialect, server_of_process(), SIZE, quirks=frozenset(quirks))
        tracker.prepare()
        return tracker

    return made


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_profile_is_enabled_by_a_signed_package(make: Callable[..., Tracker], dialect: Dialect):
    tracker = make(dialect)
    found = tracker.until_over(tracker.order(rules.enable, DEVICE, LOCAL))
    assert (found["task"], found["state"], found["problem"]) == ("enable", "done", None)
    assert tracker.used == IMSIS[1] and not tracker.has(SIGNED)
    assert tracker.card.profiles[0].fallback
    # The next one needs a package of its own; the fallback profile needs none.
    found = tracker.until_over(tracker.order(rules.list_profiles, DEVICE))
    assert (found["state"], found["problem"]) == ("done", None)
    with tracker.agent.database.reading() as connection:
        card = queries.shown_euicc(connection, DEVICE)
    assert card and card["counter"] == 2
    assert [(each["iccid"], each["enabled"]) for each in card["profiles"]] == [(FIRST, False), (LOCAL, True)]
    found = tracker.until_over(tracker.order(rules.disable, DEVICE, LOCAL))
    assert (found["state"], found["problem"]) == ("done", None)
    assert tracker.used == IMSIS[0]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_profile_that_no_network_takes_is_left_again(make: Callable[..., Tracker], dialect: Dialect):
    tracker = make(dialect)
    tracker.world.causes[IMSIS[1]] = DEAD
    found = tracker.until_over(tracker.order(rules.enable, DEVICE, LOCAL))
    assert found["state"] == "failed" and "returned to another profile" in found["problem"]
    assert tracker.used == IMSIS[0] and tracker.wake()


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_the_package_for_a_country_comes_by_itself(make: Callable[..., Tracker], dialect: Dialect):
    """The device has tried the profile without one; nobody orders anything, and the policy decides on."""
    tracker = make(dialect)
    agent: Agent = tracker.agent
    wanted = policy.parse(POLICY.replace("elsewhere", f'{MCC} = ["local"]\nelsewhere'))
    with agent.database.writing() as connection:
        policies.set_desired(connection, DEVICE, wanted, policy.AUTOMATIC, "bench", agent.now_s())
    for _ in range(MOST_WAKES):
        tracker.wake()
        agent.works()
        with agent.database.reading() as connection:
            found = queries.of_device(connection, DEVICE)[0]
            desired = policies.desired(connection, DEVICE)
        if found.task == "enable" and found.outcome:
            break
    assert (found.task, found.outcome, found.ordered_by) == ("enable", "done", "the agent")
    assert tracker.used == IMSIS[1] and not tracker.has(SIGNED)
    assert desired and desired.profile == policy.AUTOMATIC
    assert all(tracker.wake() and tracker.used == IMSIS[1] for _ in range(3))


def test_a_card_that_obeys_without_a_signature_too(make: Callable[..., Tracker]):
    tracker = make("bg95", "es10c")
    found = tracker.until_over(tracker.order(rules.enable, DEVICE, LOCAL))
    assert (found["state"], found["problem"]) == ("done", None)


@pytest.fixture(scope="module")
def critical(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """The operations at which the package is kept and is given to the card, and those after them."""
    whole = Tracker(tmp_path_factory.mktemp("whole"), "bg95", server_of_process(), SIZE)
    whole.prepare()
    first = len(whole.steps)
    assert whole.until_over(whole.order(rules.enable, DEVICE, LOCAL))["state"] == "done"
    found = [
        n for n, each in enumerate(whole.steps, 1) if n > first and ("BF51" in each or SIGNED[1:] in each)
    ]
    assert len(found) >= 2
    return sorted({*found, *(n + 1 for n in found)})


@pytest.mark.parametrize("kind", ["power", "reset", "modem"])
def test_a_cut_leaves_a_profile_that_connects(critical: list[int], tmp_path: Path, kind: str):
    for at in critical if kind == "power" else critical[-1:]:
        folder = tmp_path / str(at)
        folder.mkdir()
        tracker = Tracker(folder, "bg95", server_of_process(), SIZE)
        tracker.prepare()
        tracker.at, tracker.kind = at, kind
        found = tracker.until_over(tracker.order(rules.enable, DEVICE, LOCAL))
        what = tracker.steps[at - 1]
        assert any(tracker.wake() for _ in range(4)) and tracker.used in IMSIS, (at, what)
        # What has failed can be ordered again.
        if found["state"] == "failed":
            found = tracker.until_over(tracker.order(rules.enable, DEVICE, LOCAL))
        assert (found["state"], tracker.used) == ("done", IMSIS[1]), (at, what, found)


class CutAfterPackage(Tracker):
    """The power fails when the card has obeyed the package, before that is noted."""

    is_cut = False

    def operation(self, what: str) -> bool:
        """See `Tracker`."""
        if not self.is_cut and self.used == IMSIS[1]:
            self.at, self.kind, self.is_cut = len(self.steps) + 1, "power", True
        return super().operation(what)


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_profile_that_no_network_takes_is_left_again_after_a_cut(tmp_path: Path, dialect: Dialect):
    tracker = CutAfterPackage(tmp_path, dialect, server_of_process(), SIZE)
    tracker.prepare()
    tracker.world.causes[IMSIS[1]] = DEAD
    found = tracker.until_over(tracker.order(rules.enable, DEVICE, LOCAL))
    assert tracker.is_cut and found["state"] == "failed"
    assert tracker.used == IMSIS[0] and tracker.wake()
