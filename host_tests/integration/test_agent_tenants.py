"""Settings and commands of a tenant end with its trip: the next tenant finds the operator's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import cbor2
import pytest
from fastapi import HTTPException
from landbridge.config import Config, Esim, Store
from landbridge.core.clock import CLOCK_FILE_VARIABLE
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.downlinks import registry as downlinks
from landbridge.downlinks import resend
from landbridge.features.commands import coding as command_wire
from landbridge.features.commands import handler as commands
from landbridge.features.commands import queries as stored_commands
from landbridge.features.commands.coding import VERBS
from landbridge.features.devices import queries as devices
from landbridge.features.downloads import coding as download_wire
from landbridge.features.downloads import handler as downloads
from landbridge.features.esim import coding as card_wire
from landbridge.features.esim import handler as cards
from landbridge.features.esim import policy
from landbridge.features.esim import rollout as card_rollout
from landbridge.features.esim.queries import policies as stored_cards
from landbridge.features.geofences import queries as geofences
from landbridge.features.routes import handler as route_data_handler
from landbridge.features.settings import handler as settings
from landbridge.features.settings import queries as stored_settings
from landbridge.features.trips import cli as trips_commands
from landbridge.features.trips import queries as trips
from landbridge.features.trips.start import Booking, start
from landbridge.features.updates import handler as updates
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Received
from landbridge.protocol import envelope
from landbridge.protocol import settings as setting_wire
from landbridge.protocol.settings import SETTINGS
from landbridge.tracking.recompute import recompute
from landbridge.web import actions
from landbridge.web.auth import User

from host_tests.support.agent import NOW_S, point, set_clock
from host_tests.support.policies import TEXT
from host_tests.support.policies import report as card_report
from host_tests.support.trips import HOUR_S, POZNAN
from host_tests.support.uplink_encoder import encode_uplink
from tools.modem.card.rsp import chain

KEY = bytes(range(32))
ACME = User("mei", "admin", "acme", "")
OPERATOR = User("olga", "admin", None, "")
NAMES = {setting.key: name for name, setting in SETTINGS.items()}
POLICY = policy.parse(TEXT)


class Tracker:
    """A device as far as it obeys: what it applies, which profile it is to use, which commands it got."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.revision, self.applied = 0, dict[str, int]()
        self.policy, self.profile = 0, ""
        self.dense = self.asked = False
        """`asked`: to pass a request on to its card."""
        self.got: list[int] = []
        self._results: list[list[int]] = []

    def says(self, now_s: int, lat: int, lon: int) -> bytes:
        """The envelope of an uplink."""
        self.number += 1
        changed = setting_wire.values_hash(self.applied)
        reports: dict[int, Any] = {
            setting_wire.REPORT_KEY: [self.revision, changed, int(self.revision > 0), 0, 0],
            card_wire.REPORT_KEY: card_report(self.policy, max(1, POLICY.number(self.profile))),
        }
        if self._results:
            reports[command_wire.REPORT_KEY] = self._results
        taken = point(self.number, time=now_s, lat=lat, lon=lon)
        text = encode_uplink([taken], reports=dict(sorted(reports.items())))
        return envelope.seal(KEY, self.name, "up", self.number, text)

    def obeys(self, reply: Mapping[int, Any]) -> None:
        """Do what the agent orders."""
        self._results = []
        self.asked = download_wire.REQUEST_KEY in reply
        if order := reply.get(setting_wire.DOWNLINK_KEY):
            self.revision, self.applied = order[0], {NAMES[key]: value for key, value in order[1].items()}
        if order := reply.get(card_wire.DOWNLINK_KEY):
            self.policy, profile = cbor2.loads(order[1])[:2]
            self.profile = POLICY.name(profile) or policy.AUTOMATIC
        for number, _, verb, argument in reply.get(command_wire.DOWNLINK_KEY, ()):
            if number not in self.got:
                self.got.append(number)
                self._results.append([number, command_wire.DONE])
                self.dense = argument > 0 if verb == VERBS["dense"].code else self.dense

    def state(self) -> tuple[Any, ...]:
        """What a next tenant would find otherwise."""
        return dict(self.applied), self.profile, self.dense, self.asked


class Fleet:
    """An agent's database and pipeline, without a broker: it is clock and session itself; a device for each
    order, and the operator's policy and settings for all of them."""

    def __init__(self, folder: Path, server: str, names: Sequence[str]) -> None:
        place, key_file = server or str(folder / "agent.sqlite3"), str(folder / "agent.key")
        self.database = open_database(place)
        keyring = Keyring(place, key_file)
        self.now_at_s = NOW_S
        self.clock = folder / "clock"
        (folder / "landbridge.toml").write_text(
            f'[store]\ndatabase = "{place}"\nkey_file = "{key_file}"\n[broker]\nhost = "localhost"\n'
        )
        with self.database.writing() as connection:
            geofences.add(connection, "Poznan", POZNAN, 5_000.0, NOW_S - HOUR_S)
            for name in names:
                devices.add(connection, name, keyring.wrap(KEY, name == names[0]), NOW_S - HOUR_S)
                stored_cards.set_desired(connection, name, POLICY, "roaming", "olga", NOW_S)
                stored_settings.change(connection, name, {"light_lux": 77}, "olga", NOW_S)
        stub: Any = self
        self._pipeline = Pipeline(self.database, keyring, stub, stub, stub)
        self._replies: dict[str, bytes] = {}
        self.trackers = [Tracker(name) for name in names]
        (folder / "ci.pem").write_text(chain.ci().pem)
        config = Config(
            store=Store(database=place, key_file=key_file), esim=Esim("smdp.example", str(folder / "ci.pem"))
        )
        self.web: Any = SimpleNamespace(database=self.database, clock=self, config=config)

    def now_s(self) -> int:
        return self.now_at_s

    def acknowledge(self, _received: Received) -> bool:
        return True

    def reply(self, topic: str, payload: bytes) -> None:
        self._replies[topic.split("/")[1]] = payload

    def wake(self) -> None:
        pass

    def starts(self, tenant: str, tagged: bool) -> None:
        """A trip of each device, begun by the operator."""
        self.now_at_s += HOUR_S
        with self.database.writing() as connection:
            for number, each in enumerate(self.trackers):
                container, tags = f"CSQU{number:07}", [each.name] if tagged else []
                booking = Booking(container, "west", "Poznan", 3600, tenant, {}, tags)
                start(connection, each.name, booking, self.now_at_s, "olga", self.now_at_s)

    def speak(self, times: int = 1, heard: bool = True, lat: int = 52_10000, lon: int = 23_70000) -> None:
        """Each device reports, and obeys what comes back if it is `heard`: a reply may get lost."""
        for _ in range(times):
            self.now_at_s += HOUR_S
            said = [
                Received(f"landbridge/{each.name}/up", each.says(self.now_at_s, lat, lon), 0, number, 1)
                for number, each in enumerate(self.trackers)
            ]
            self._pipeline.process_all(said)
            for each in self.trackers if heard else ():
                _, text = envelope.open_envelope(KEY, each.name, "down", self._replies[each.name])
                each.obeys(cbor2.loads(text))

    def ends(self) -> None:
        """By the command."""
        set_clock(self.clock, self.now_at_s)
        for each in self.trackers:
            trips_commands.end(each.name, None)

    def arrives(self, heard: bool) -> None:
        """By itself."""
        self.speak(2, heard, 52_40000, 17_00000)
        for each in self.trackers:
            with self.database.writing() as connection:
                recompute(connection, each.name, self.now_at_s)

    def given_on_trips(self) -> set[tuple[str, int]]:
        """Which commands a tenant has given."""
        with self.database.reading() as connection:
            rows = stored_commands.every(connection)
        return {(row.device, row.command) for row in rows if row.given_by == ACME.who}


class Order(NamedTuple):
    """Something that is ordered of a device, by somebody."""

    name: str
    give: Callable[[Fleet, str, User], object]
    lasts: bool = True
    """Whether it is there on the next trip, too, when the operator has ordered it."""


def of_command(verb: str) -> Order:
    argument = 3 * 86_400 // 4 if VERBS[verb].most else None
    return Order(verb, lambda fleet, device, who: actions.send(fleet.web, who, device, verb, argument, "30d"))


def of_setting(name: str) -> Order:
    known = SETTINGS[name]
    value = str(known.lowest if known.default == known.highest else known.highest)
    is_booked = name == "interval_s"  # again by the next trip
    return Order(
        name, lambda fleet, device, who: actions.change(fleet.web, who, device, {name: value}), not is_booked
    )


def of_profile(profile: str) -> Order:
    return Order(
        f"profile {profile}", lambda fleet, device, who: actions.switch(fleet.web, who, device, profile)
    )


def roll_out(fleet: Fleet, device: str, _who: User) -> None:
    with fleet.database.writing() as connection:
        card_rollout.begin(connection, device, "cis", 1, 0, "olga", fleet.now_at_s)


def download(fleet: Fleet, device: str, who: User) -> None:
    actions.download(fleet.web, who, device, f"LPA:1$smdp.example${device}")


ICCID = "8997101234567890123"
ORDERS: Mapping[Callable[..., Any], Sequence[Order]] = {
    settings.pending: [of_setting(name) for name in SETTINGS],
    commands.pending: [of_command(verb) for verb in VERBS if verb not in actions.FOR_THE_OPERATOR],
    cards.pending: [
        *(of_profile(profile) for profile in (*POLICY.profiles, policy.AUTOMATIC) if profile != "roaming"),
        Order("roll-out of a profile", roll_out, lasts=False),
    ],
    downloads.pending: [
        Order("a download", download),
        Order("a deletion", lambda fleet, device, who: actions.delete_profile(fleet.web, who, device, ICCID)),
        Order(
            "a name", lambda fleet, device, who: actions.rename_profile(fleet.web, who, device, ICCID, "N")
        ),
    ],
    # Of these a tenant can order nothing.
    resend.pending: (),
    route_data_handler.pending: (),
    updates.pending: (),
}
"""What a tenant can have a device do, by the kinds that the agent knows."""
EVERY = [each for orders in ORDERS.values() for each in orders]
HEARD, LOST, UNHEARD = "obeyed", "sent, and the reply lost", "not sent"
ACTS = {
    "send",
    "cancel",
    "change",
    "switch",
    "download",
    "delete_profile",
    "rename_profile",
    "cancel_download",
    "change_fields",
    "manage_card",
}
ACTS |= {
    "share",
    "revoke",
    "revoke_share_link",
    "acknowledge",
    "acknowledge_many",
    "take",
    "leave",
    "comment",
    "clear",
}
ACTS |= {"roll_out", "halt"}
"""What users can do: the first set reaches devices, the last two are the operator's, the others do not."""
LOOKS = {"view", "verbs", "require_operator", "ends_with", "alarm_of", "share_link"}
"""These change nothing."""


@pytest.fixture
def opened(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Fleet]]:
    """Makes a fleet of so many devices; each test runs on both engines."""
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(tmp_path / "landbridge.toml"))
    with ExitStack() as stack:

        def make(devices: int) -> Fleet:
            fleet = Fleet(tmp_path, place, [f"lb-{number:04}" for number in range(devices)])
            stack.callback(fleet.database.close)
            return fleet

        yield make


@pytest.fixture
def made(opened: Callable[[int], Fleet]) -> Fleet:
    """A device for each order."""
    return opened(len(EVERY))


def test_the_table_has_every_kind_of_downlink():
    assert set(ORDERS) == {each.pending for each in downlinks.HANDLERS if each.pending}
    functions = {
        name
        for name, each in inspect.getmembers(actions, inspect.isfunction)
        if each.__module__ == actions.__name__
    }
    assert {name for name in functions if not name.startswith("_")} - LOOKS == ACTS


def order_and_end(fleet: Fleet, who: User, how: str, arrives: bool) -> list[tuple[Any, ...]]:
    """A trip on which all is ordered by `who`, and its end; returns the state of each device before."""
    fleet.starts("acme", tagged=True)
    fleet.speak()
    before = [each.state() for each in fleet.trackers]
    for order, each in zip(EVERY, fleet.trackers, strict=True):
        order.give(fleet, each.name, who)
    if how != UNHEARD:
        fleet.speak(heard=how == HEARD)
    if arrives:
        fleet.arrives(heard=how == HEARD)
    else:
        fleet.now_at_s += HOUR_S
        fleet.ends()
    with fleet.database.reading() as connection:
        assert trips.under_way(connection) == {}
    return before


@pytest.mark.parametrize(
    ("place", "how", "arrives"),
    [
        *(("sqlite", how, arrives) for how in (HEARD, LOST, UNHEARD) for arrives in (False, True)),
        ("postgresql", HEARD, True), ("postgresql", LOST, False), ("postgresql", UNHEARD, True),
    ],
    indirect=["place"],
)  # fmt: skip
def test_requests_of_a_tenant_are_not_delivered_on_the_next_trip(made, how, arrives):
    before = order_and_end(made, ACME, how, arrives)
    now = [(each.state(), list(each.got)) for each in made.trackers]
    if how == HEARD:  # else this would show nothing
        assert all(state != was or got for was, (state, got) in zip(before, now, strict=True))
    made.starts("bolt", tagged=False)
    made.speak(2)
    given = made.given_on_trips()
    assert {device for device, _ in given} == {
        each.name for order, each in zip(EVERY, made.trackers, strict=True) if order.name in VERBS
    }
    left = [
        (order.name, each.state(), each.got)
        for order, each, was, (_, got) in zip(EVERY, made.trackers, before, now, strict=True)
        if each.state() != was or any((each.name, number) in given for number in each.got[len(got) :])
    ]
    print(f"left over {len(left)}")
    assert not left, f"left over {len(left)}"


@pytest.mark.parametrize(("place", "arrives"), [("sqlite", False), ("postgresql", True)], indirect=["place"])
def test_requests_of_the_operator_on_a_tenant_s_trip_remain(made, arrives):
    before = order_and_end(made, OPERATOR, UNHEARD, arrives)
    made.starts("bolt", tagged=False)
    made.speak(2)
    missing = [
        order.name
        for order, each, was in zip(EVERY, made.trackers, before, strict=True)
        if order.lasts == (each.state() == was and not each.got)
    ]
    assert missing == []


def test_another_trip_begins_only_when_the_one_before_has_ended(opened):
    fleet = opened(1)
    fleet.starts("acme", tagged=False)
    with pytest.raises(UserError, match="is on trip"):
        fleet.starts("bolt", tagged=False)


@pytest.mark.parametrize("does", [actions.roll_out, actions.halt])
def test_a_release_is_the_operators_to_roll_out(opened, does):
    more = (5, 2) if does is actions.roll_out else ()
    with pytest.raises(HTTPException) as refused:
        does(opened(1).web, ACME, "SIM", 2, *more)
    assert refused.value.status_code == 404


@pytest.mark.parametrize("verb", actions.FOR_THE_OPERATOR)
def test_commands_that_outlast_a_trip_are_for_the_operator_only(opened, verb):
    """A device that takes a tenant's word for its battery spends on the next one's trip what is not there."""
    fleet = opened(1)
    fleet.starts("acme", tagged=False)
    with pytest.raises(HTTPException) as refused:
        actions.send(fleet.web, ACME, fleet.trackers[0].name, verb, None, "30d")
    assert refused.value.status_code == 404
    assert verb in actions.verbs(OPERATOR) and verb not in actions.verbs(ACME)
    assert actions.send(fleet.web, OPERATOR, fleet.trackers[0].name, verb, None, "30d")


@pytest.mark.parametrize("verb", ["locate", "shipping"])
def test_a_command_ends_with_its_trip_whatever_the_clock(opened, verb):
    """It was ahead when the arrival was worked out: the command seemed to have expired."""
    fleet = opened(1)
    (tracker,) = fleet.trackers
    fleet.starts("acme", tagged=False)
    actions.send(fleet.web, ACME, tracker.name, verb, None, "30d")
    fleet.speak(2, False, 52_10000, 23_70000)
    fleet.speak(2, False, 52_40000, 17_00000)
    with fleet.database.writing() as connection:
        recompute(connection, tracker.name, fleet.now_at_s + 40 * 24 * HOUR_S)
        assert trips.under_way(connection) == {}
    fleet.starts("bolt", tagged=False)
    fleet.speak(2)
    assert tracker.got == []


def test_settings_of_the_operator_in_the_meantime_remain(opened):
    made = opened(2)
    (first, second), device = made.trackers, made.trackers[0].name
    made.starts("acme", tagged=False)
    actions.change(made.web, ACME, device, {"light_lux": "1000", "shock_mg": "900"})
    actions.change(made.web, OPERATOR, device, {"shock_mg": "800", "light_lux": "1000"})
    actions.change(made.web, ACME, device, {"interval_s": "600"})
    actions.switch(made.web, ACME, second.name, "cis")
    actions.switch(made.web, OPERATOR, second.name, "auto")
    actions.switch(made.web, ACME, second.name, "roaming")
    made.speak(2)
    assert first.applied == {"light_lux": 1000, "shock_mg": 800, "interval_s": 600}
    assert second.profile == "roaming"
    made.ends()
    made.speak(2)
    assert first.applied == {"light_lux": 1000, "shock_mg": 800}
    assert second.profile == policy.AUTOMATIC
