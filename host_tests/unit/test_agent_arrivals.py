"""Profiles that a policy names and the card does not have yet: when they are ordered, and what devices
hear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cbor2
import pytest
from landbridge import app  # noqa: F401 - registers the hooks
from landbridge.config import Esim
from landbridge.core.errors import UserError
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.downloads import arrivals, queries, rules, trust
from landbridge.features.downloads import handler as downloads
from landbridge.features.esim import coding as wire
from landbridge.features.esim import handler as cards
from landbridge.features.esim import policy
from landbridge.features.esim.coding import Policy
from landbridge.features.esim.queries import policies as stored
from landbridge.points.queries import points
from landbridge.protocol.uplink import Uplink
from locator.downlink import profiles as obeyed
from locator.esim import iccid_bytes

from host_tests.support.agent import DEVICE
from host_tests.support.command import Command
from host_tests.support.downloads import CODE
from tools.modem.card.rsp import chain

NOW_S = 850_000_000
ROAMING, STEPPE, WEST = "8931440400012345678", "8997101234567890123", "8949030000000000001"
TEXT = f"""
fallback = "roaming"
blocked = [432]
[profile.roaming]
iccid = "{ROAMING}"
apn = "iot.example"
[profile.steppe]
iccid = "{STEPPE}"
apn = "steppe.example"
download = "{CODE}"
[profile.west]
iccid = "{WEST}"
apn = "west.example"
download = "LPA:1$smdp.example$WEST-1"
[countries]
401 = ["steppe"]
250 = ["roaming", "steppe"]
262 = ["west", "roaming"]
elsewhere = ["roaming"]
"""
ASTANA, MOSCOW, BERLIN, CHONGQING = (51.1, 71.4), (55.75, 37.6), (52.5, 13.4), (29.5, 106.5)


class Fleet:
    """A database with one device, whose place a test says."""

    def __init__(self, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.keyring = Keyring(folder / "landbridge.sqlite3")
        (folder / "ci.pem").write_text(chain.ci().pem)
        self.esim = Esim("smdp.example", str(folder / "ci.pem"))
        self.place: tuple[float, float] | None = None
        self.plmn = 0
        monkeypatch.setattr(points, "last", self._last)
        self.fixed: tuple[tuple[float, float], int] | None = None
        """Place and age of the latest position, in seconds before the last point."""
        monkeypatch.setattr(points, "latest_position", self._fixed)
        with database.writing() as connection:
            devices.add(connection, DEVICE, self.keyring.wrap(bytes(32), first=True), NOW_S)

    def _last(self, *_: Any) -> Any:
        return self._point(self.place, NOW_S)

    def _fixed(self, *_: Any) -> Any:
        return self._point(self.fixed[0], NOW_S - self.fixed[1]) if self.fixed else None

    def _point(self, place: tuple[float, float] | None, at_s: int) -> Any:
        lat, lon = place or (None, None)
        point = SimpleNamespace(latitude_deg=lat, longitude_deg=lon, plmn=self.plmn)
        return SimpleNamespace(point=point, at_s=at_s)

    def assigns(self, text: str = TEXT, device: str = DEVICE) -> Policy:
        found, codes = policy.parse_with_codes(text, "the policy")
        with self.database.writing() as connection:
            stored.set_desired(connection, device, found, policy.AUTOMATIC, "mei", NOW_S)
            arrivals.expect(connection, self.keyring, self.esim, device, codes, "mei", NOW_S)
        return found

    def hears(self, place: tuple[float, float] | None = None, plmn: int = 0) -> Any:
        """The device speaks from there; what it is to do for a download."""
        self.place, self.plmn = place, plmn
        with self.database.writing() as connection:
            self.keyring.lend(connection)
            if DEVICE not in downloads.devices_pending(connection, {DEVICE: Uplink()}, NOW_S):
                return {}
            return downloads.pending(connection, DEVICE, Uplink(), NOW_S)

    def orders(self) -> dict[str, str]:
        """The state of the orders by ICCID."""
        with self.database.reading() as connection:
            rows = queries.of_device(connection, DEVICE)
            return {row.iccid: queries.state(connection, row) for row in reversed(rows)}

    def ends(self, iccid: str) -> None:
        """The profile is on the card, as the worker has it."""
        with self.database.writing() as connection:
            row = next(each for each in queries.of_device(connection, DEVICE) if each.iccid == iccid)
            queries.end(connection, row.download, queries.INSTALLED, None, NOW_S)
            assert arrivals.installed(connection, row, iccid, None, NOW_S) is None

    def desired(self) -> stored.Desired:
        with self.database.reading() as connection:
            found = stored.desired(connection, DEVICE)
        assert found
        return found

    def sent(self) -> tuple[int, dict[int, list[int]]]:
        """Revision and countries of the policy that the device is sent."""
        with self.database.writing() as connection:
            order = cards.pending(connection, DEVICE, Uplink(), NOW_S)[wire.DOWNLINK_KEY]
        assert obeyed.is_policy(order)
        revision, _, _, profiles, rows = cbor2.loads(order[1])
        assert [each[0] for each in profiles] == [iccid_bytes(each) for each in (ROAMING, STEPPE, WEST)]
        return revision, {row[0]: row[1:] for row in rows}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    database = open_database(tmp_path / "landbridge.sqlite3")
    yield Fleet(database, tmp_path, monkeypatch)
    database.close()


def test_a_profile_is_ordered_where_the_policy_prefers_it_and_once(fleet):
    fleet.assigns()
    assert fleet.orders() == {STEPPE: "waiting", WEST: "waiting"}
    assert fleet.hears(CHONGQING) == {} and fleet.hears() == {}
    assert fleet.hears(ASTANA)  # the first request for its card
    assert fleet.orders() == {STEPPE: "ordered", WEST: "waiting"}
    fleet.ends(STEPPE)
    assert fleet.hears(ASTANA) == {} and fleet.orders() == {STEPPE: "installed", WEST: "waiting"}


def test_a_profile_that_is_second_in_a_country_is_not_ordered_there(fleet):
    fleet.assigns()
    assert fleet.hears(MOSCOW) == {} and fleet.orders()[STEPPE] == "waiting"


def test_without_a_position_the_network_tells_the_country(fleet):
    fleet.assigns()
    assert fleet.hears(plmn=262_002) and fleet.orders() == {STEPPE: "waiting", WEST: "ordered"}


def test_a_network_that_is_heard_before_the_border_begins_no_download(fleet):
    fleet.assigns()
    fleet.fixed = CHONGQING, 3_600
    assert fleet.hears(plmn=401_001) == {} and fleet.orders()[STEPPE] == "waiting"
    fleet.fixed = ASTANA, 3_600
    assert fleet.hears(plmn=401_001) and fleet.orders()[STEPPE] == "ordered"


def test_a_position_of_days_ago_does_not_say_where_the_device_is(fleet):
    fleet.assigns()
    fleet.fixed = CHONGQING, 2 * 86_400
    assert fleet.hears(plmn=401_001) and fleet.orders()[STEPPE] == "ordered"


def test_one_download_goes_on_before_the_next_begins(fleet):
    fleet.assigns()
    fleet.hears(ASTANA)
    fleet.hears(BERLIN)
    assert fleet.orders() == {STEPPE: "ordered", WEST: "waiting"}
    fleet.ends(STEPPE)
    assert fleet.hears(BERLIN) and fleet.orders()[WEST] == "ordered"


def test_no_country_names_a_profile_before_it_is_on_the_card(fleet):
    fleet.assigns()
    first, rows = fleet.sent()
    assert rows == {0: [1], 250: [1], 262: [1], 432: []}  # in Kazakhstan as elsewhere
    fleet.ends(STEPPE)
    second, rows = fleet.sent()
    assert second > first and rows == {0: [1], 250: [1, 2], 262: [1], 401: [2], 432: []}
    fleet.ends(STEPPE)
    assert fleet.sent()[0] == second  # once


def test_a_profile_that_the_card_reports_is_named_too(fleet):
    fleet.assigns()
    said = [0, 1, "89049032123451234512345678901235", 1, 0, [[iccid_bytes(WEST), 2]], []]
    with fleet.database.writing() as connection:
        cards.on_report(connection, DEVICE, Uplink(reports={wire.REPORT_KEY: said}), NOW_S)
    assert fleet.sent()[1][262] == [3, 1]
    assert fleet.desired().policy.awaits("steppe")


def test_no_switch_to_a_profile_that_is_not_installed_yet(fleet):
    fleet.assigns()
    with fleet.database.writing() as connection, pytest.raises(UserError, match="not on the card"):
        cards.switch(connection, DEVICE, "steppe", "mei", NOW_S)


def test_a_new_policy_cancels_waiting_downloads(fleet):
    fleet.assigns()
    fleet.hears(ASTANA)
    fleet.assigns(TEXT.replace('download = "LPA:1$smdp.example$WEST-1"', ""))
    assert fleet.orders() == {STEPPE: "ordered", WEST: "cancelled"}


def test_codes_are_encrypted_and_in_no_policy(fleet, tmp_path):
    found = fleet.assigns()
    with fleet.database.reading() as connection:
        (waiting, _) = queries.waiting(connection, DEVICE)
        assert b"7QX" not in waiting.wrapped_code
    assert "7QX" not in str(found.stored()) and "7QX" not in str(found.encode(1, "auto"))
    for file in tmp_path.glob("landbridge.sqlite3*"):
        assert b"7QX-2M" not in file.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (CODE, "LPA:1$other.example$A", "other.example is not on the list"),
        (CODE, "LPA:1$smdp.example$A_SECRET", "matching ID"),
        (CODE, CODE + "$$1", "confirmation code"),
        ("$WEST-1", "$7QX-2M", "uses this activation code"),
        ('apn = "iot.example"', 'download = "LPA:1$smdp.example$A"', "fallback"),
    ],
)
def test_a_policy_with_an_impossible_download_is_refused(fleet, old, new, why):
    with pytest.raises(UserError, match=why) as error:
        fleet.assigns(TEXT.replace(old, new))
    assert "SECRET" not in str(error.value) and "7QX" not in str(error.value)
    assert fleet.orders() == {}


def test_an_order_of_a_person_for_the_same_profile_is_not_doubled(fleet):
    with fleet.database.writing() as connection:
        wanted = rules.Wanted(DEVICE, rules.code_of(CODE, "", trust.load(fleet.esim)))
        rules.order(connection, fleet.keyring, wanted, False, "mei", NOW_S, awaited=STEPPE)
        (row,) = queries.waiting(connection, DEVICE)
        queries.begin(connection, row, NOW_S)
    fleet.assigns()
    assert list(fleet.orders()) == [STEPPE, WEST] and fleet.orders()[STEPPE] == "ordered"


def test_set_policy_requests_the_profiles_missing_on_the_card(landbridge: Command, tmp_path: Path):
    (tmp_path / "ci.pem").write_text(chain.ci().pem)
    with (tmp_path / "landbridge.toml").open("a") as file:
        file.write(f'[esim]\nservers = "smdp.example"\nci_file = "{tmp_path / "ci.pem"}"\n')
    (tmp_path / "policy.toml").write_text(TEXT)
    for device in (DEVICE, "lb-0002"):
        landbridge("devices", "add", device)
    assert "uses this activation code" in landbridge.fails("esim", "set-policy", "policy.toml", "--all")
    assert "no policy" in landbridge("esim", "show", DEVICE)  # nothing was assigned
    assert "1 of 1 devices" in landbridge("esim", "set-policy", "policy.toml", DEVICE)
    assert "0 of 1 devices" in landbridge("esim", "set-policy", "policy.toml", DEVICE)
    assert landbridge("esim", "downloads", DEVICE).count("waiting") == 2
    shown = landbridge("esim", "show", DEVICE)
    assert shown.count("awaited") == 2 and "7QX" not in shown
    assert "not on the card" in landbridge.fails("esim", "switch", DEVICE, "steppe")
