"""A profile is brought to the devices on trips with a tag in stages, and halts when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from landbridge.core.errors import UserError
from landbridge.core.texts import loaded
from landbridge.db.database import open_database
from landbridge.downlinks import registry as downlinks
from landbridge.features.devices import queries as devices
from landbridge.features.esim import coding as wire
from landbridge.features.esim import handler as cards
from landbridge.features.esim import policy
from landbridge.features.esim import rollout as card_rollout
from landbridge.features.esim.queries import policies as kept
from landbridge.features.esim.queries import rollouts as stored
from landbridge.features.trips import queries as trips
from landbridge.protocol.uplink import Uplink
from landbridge.tracking.trip_end import follow
from locator.esim import memory

from host_tests.support.command import Command
from host_tests.support.policies import NOW_S, TEXT, report

CARDS = downlinks.Handler(cards.on_report, pending=cards.pending)
DAY_S = 86_400
ROAMING, CIS = 1, 2


class Fleet:
    """Forty devices with a policy; all but the last are on trips with the tag "frozen"."""

    def __init__(self, path: Path) -> None:
        self.database = open_database(path)
        self.now_s = NOW_S
        self.names = [f"lb-{i:04}" for i in range(40)]
        with self.database.writing() as connection:
            for name in self.names:
                devices.add(connection, name, b"wrapped", NOW_S)
                tags = ["frozen", "eu"] if name != self.names[-1] else ["froze", "fro%en"]
                trips.start(connection, name, "CSQU3054383", "L", "D", 900, NOW_S, None, tags)
                kept.set_desired(connection, name, policy.parse(TEXT), policy.AUTOMATIC, "who", NOW_S)

    def begins(self, profile: str = "cis", tag: str = "frozen") -> int:
        with self.database.writing() as connection:
            return card_rollout.begin(connection, tag, profile, 2, DAY_S, "mei", self.now_s)

    def speaks(self, name: str, used: int = ROAMING, stage: int = 0, events: Any = ()) -> str:
        """A device reports that it has the newest policy; what is wished of it then."""
        said = report(self.desired(name).revision, used, stage, events)
        with self.database.writing() as connection:
            downlinks.answer(connection, name, Uplink(reports={wire.REPORT_KEY: said}), self.now_s, (CARDS,))
        return self.desired(name).profile

    def desired(self, name: str) -> kept.Desired:
        with self.database.reading() as connection:
            found = kept.desired(connection, name)
        assert found
        return found

    def asked(self, names: list[str]) -> list[str]:
        return [name for name in names if self.speaks(name) == "cis"]

    def rollout(self) -> Any:
        with self.database.reading() as connection:
            return stored.every(connection)[0]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path / "landbridge.sqlite3")
    yield made
    made.database.close()


def test_canaries_first_then_shares_of_those_with_the_tag(fleet):
    assert fleet.asked(fleet.names) == []
    fleet.begins()
    assert fleet.asked(fleet.names[::-1]) == fleet.names[-2:-4:-1]  # the last has no such tag
    fleet.now_s += 2 * DAY_S
    assert len(fleet.asked(fleet.names)) == 2  # they have not taken it
    for name in fleet.names[-3:-1]:
        fleet.speaks(name, CIS)
    for share in (2, 10, 20, 39):
        assert len(fleet.asked(fleet.names)) == share == fleet.rollout().reached
        fleet.now_s += DAY_S
    with fleet.database.reading() as connection:
        assert [each.set_by for each in kept.history(connection, fleet.names[0])][1] == "mei, roll-out 1"


def test_a_failure_of_the_first_halts_it_and_it_goes_on_when_asked_again(fleet):
    number = fleet.begins()
    failing, other = fleet.names[0], fleet.names[1]
    assert fleet.speaks(failing) == "cis"
    fleet.speaks(failing, ROAMING, 1)  # on trial
    assert fleet.rollout().failed == 0
    fleet.speaks(failing, ROAMING, 0, [[NOW_S, 2, 1, memory.ROLLED_BACK, 0]])
    assert fleet.speaks(other) == policy.AUTOMATIC
    assert loaded(fleet.rollout().halted) == "failed on 1 of 1 device" and fleet.rollout().failed == 1
    assert fleet.begins() == number
    assert fleet.speaks(other) == "cis" and fleet.rollout().halted is None
    assert fleet.begins("roaming") == number + 1


def test_a_rejected_or_overridden_switch_counts_as_failed_and_halts_the_roll_out(fleet):
    fleet.begins()
    first, second = fleet.names[:2]
    fleet.speaks(first)
    assert fleet.desired(first).profile == "cis"
    with fleet.database.writing() as connection:
        cards.switch(connection, first, "auto", "who", NOW_S)
    fleet.speaks(first)
    assert fleet.rollout().failed == 1 and fleet.rollout().halted is None
    assert fleet.speaks(second) == policy.AUTOMATIC
    assert fleet.rollout().halted


def test_a_trip_that_ends_leaves_the_roll_out_and_the_next_one_with_the_tag_is_reached_again(fleet):
    fleet.begins()
    taken, waits = fleet.names[:2]
    assert fleet.asked([taken, waits]) == [taken, waits]
    fleet.speaks(taken, CIS)
    with fleet.database.writing() as connection:
        for trip in trips.every(connection)[:2]:
            trips.end(connection, trip.trip, NOW_S)
            follow(connection, trip.device, trip.trip, NOW_S)
    assert [fleet.desired(name).profile for name in (taken, waits)] == [policy.AUTOMATIC] * 2
    assert (
        fleet.rollout().reached,
        fleet.rollout().taken,
        fleet.rollout().failed,
    ) == (1, 1, 0)
    assert fleet.asked([taken]) == []
    with fleet.database.writing() as connection:
        trips.start(connection, taken, "CSQU3054383", "L", "D", 900, NOW_S, None, ["frozen"])
    assert fleet.asked([taken]) == [taken]
    assert (fleet.rollout().reached, fleet.rollout().taken) == (1, 0)
    fleet.speaks(taken, CIS)
    assert (fleet.rollout().reached, fleet.rollout().taken) == (1, 1)


def test_a_roll_out_without_devices(fleet):
    with pytest.raises(UserError, match="no device on a trip with the tag 'dry'"):
        fleet.begins("cis", "dry")
    with pytest.raises(UserError, match="a profile 'moon'"):
        fleet.begins("moon")


def test_the_commands(landbridge: Command, tmp_path: Path):
    command = landbridge
    (tmp_path / "policy.toml").write_text(TEXT)
    command("devices", "add", "lb-0001")
    command("esim", "set-policy", str(tmp_path / "policy.toml"), "--all")
    command("trips", "start", "lb-0001", "--container", "CSQU3054383", "--route", "L",
            "--destination", "D", "--tag", "frozen")  # fmt: skip
    assert "no device" in command.fails("esim", "switch", "--tag", "dry", "cis")
    assert "give devices and" in command.fails("esim", "switch", "cis")
    assert "give devices and" in command.fails("esim", "switch", "lb-0001", "cis", "--tag", "frozen")
    assert "roll-out 1" in command("esim", "switch", "--tag", "frozen", "--canaries", "1", "cis")
    shown = command("esim", "roll-outs")
    assert "frozen" in shown and "canaries" in shown and "cis" in shown
    command("esim", "halt", "1")
    assert "halted: by " in command("esim", "roll-outs")
    assert "no roll-out 2" in command.fails("esim", "halt", "2")
