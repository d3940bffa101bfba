"""The SIM inventory: cards and their history, in any device or in none."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from landbridge.core.clock import CLOCK_FILE_VARIABLE, Clock
from landbridge.db.database import Database, open_database
from landbridge.features.devices import queries as devices
from landbridge.features.esim.api import card_shown as card
from landbridge.features.esim.queries import policies as cards
from landbridge.features.sims import check, controls
from landbridge.features.sims import handler as watch
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.provider import Http, Status
from landbridge.features.sims.queries import ARMED, BOUND, REBIND_PENDING, SEPARATED, SimCard
from landbridge.points import usage
from landbridge.points.queries.uplinks import KeptUplink, keep
from landbridge.protocol.uplink import Uplink
from landbridge.web import device_views

from host_tests.support.agent import NOW_S, heard, set_clock
from host_tests.support.doubles import SimProvider
from host_tests.support.fleet import FIRST, SECOND

DAY_S = 86_400
CARD, PROFILE, OTHER = "8931440400012345678", "8931440400012345686", "8970101000000000012"
IMEI, ELSEWHERE = "861234567890123", "860000000000000"


class Sims:
    """An inventory of cards on a plan of 10 MB, and two devices."""

    def __init__(self, database: Database) -> None:
        self.database, self.platform = database, SimProvider()
        with database.writing() as connection:
            inventory.set_controls(
                connection, "resold", controls.Controls(quota_mb=10).stored(), "bench", NOW_S
            )
            for device in (FIRST, SECOND):
                devices.add(connection, device, b"wrapped", NOW_S)

    def add(self, *iccids: str, stage: str = "active", imei: str | None = None) -> int:
        """Its number."""
        binding = BOUND if imei else ARMED
        made = SimCard(0, "ACME", "locator", "resold", stage, (), binding, imei, None, iccids)
        with self.database.writing() as connection:
            return inventory.add(connection, made, "bench", NOW_S)

    def had(self, device: str, iccid: str, at_s: int, kilobytes: int = 0, imei: str = IMEI) -> None:
        """A device has said that it has this card, and has sent so much over it."""
        identity = {"iccid": iccid, "imei": imei}
        with self.database.writing() as connection:
            heard(connection, device, at_s, identity=identity)
            cards.keep_identity(connection, device, identity, at_s)
            keep(connection, [KeptUplink(device, at_s, at_s, bytes(kilobytes * 1_000), 0, 0)])

    def change(self, number: int, **values: str) -> None:
        with self.database.writing() as connection:
            inventory.change(connection, number, values, "", "bench", NOW_S)

    def page(self) -> dict[str, Any]:
        """The page of the first card as the operator tenant sees it."""
        with self.database.reading() as connection:
            return card.serialize(connection, device_views.listed(connection, None, FIRST)[0], NOW_S)

    def stages(self) -> list[str]:
        with self.database.reading() as connection:
            return [each.stage for each in inventory.every(connection)]

    def says(self, device: str, at_s: int, **identity: str) -> set[str]:
        """A report of a device, with its identity if that has changed; the controls that are broken then."""
        with self.database.writing() as connection:
            heard(connection, device, at_s, identity=identity)
            watch.on_report(connection, device, Uplink(identity=dict(identity)), at_s)
            states = inventory.states(connection, device)
        return {name for name, (is_broken, _) in states.items() if is_broken}

    def card(self) -> SimCard:
        """The first of the register."""
        with self.database.reading() as connection:
            return inventory.every(connection)[0]

    def check(self, lock: bool = True) -> list[check.Checked]:
        return check.check(self.database, Clock(), self.platform, lock, "bench")


@pytest.fixture
def sims(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sims]:
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    database = open_database(place)
    yield Sims(database)
    database.close()


def test_a_quota_is_that_of_a_card_whatever_device_it_is_in(sims):
    sims.add(CARD, PROFILE)
    sims.add(OTHER)
    sims.had(FIRST, CARD, NOW_S - 2 * DAY_S, 6_000)
    sims.had(FIRST, OTHER, NOW_S - DAY_S, 20)
    first, second = sims.check()
    assert (first.device, first.broken, first.locked) == (None, ["quota-50"], False)
    assert (second.device, second.broken, second.locked) == (FIRST, [], False)
    sims.had(SECOND, PROFILE, NOW_S - 3_600, 5_000)
    first, second = sims.check()
    assert (first.device, first.broken) == (SECOND, ["quota-100", "quota-50", "quota-80"])
    assert sims.platform.done == [("lock", PROFILE)]
    assert (second.broken, second.locked) == ([], False)


def test_a_card_that_no_device_ever_reported_is_checked_by_its_vendor(sims):
    stolen = sims.add(CARD, stage="stock")
    sims.add(OTHER, imei=IMEI)
    sims.change(stolen, blocked="stolen")
    sims.platform.states |= {CARD: Status("active", ELSEWHERE), OTHER: Status("active", ELSEWHERE)}
    sims.platform.used[CARD] = 50_000_000
    first, second = sims.check()
    assert (first.device, first.broken, first.locked) == (None, ["blocked", "life-cycle", "usage"], True)
    assert (second.broken, second.locked) == (["separation"], True)
    assert sims.platform.done == [("lock", CARD), ("lock", OTHER)]
    first, second = sims.check()
    assert (first.broken, first.locked) == (["usage"], False)
    assert (second.broken, second.locked) == (["separation"], False)
    assert sims.stages() == ["suspended", "suspended"] and len(sims.platform.done) == 2


def test_only_the_vendor_knows_whether_a_card_is_locked(sims):
    number = sims.add(CARD, imei=IMEI, stage="suspended")
    sims.had(FIRST, CARD, NOW_S - 60)
    sims.platform.states[CARD] = Status("active", IMEI)
    (found,) = sims.check()
    assert (found.broken, found.locked) == ([], False)
    sims.change(number, blocked="stolen")
    (found,) = sims.check(lock=False)
    assert (found.broken, found.locked) == (["blocked"], False)
    (found,) = sims.check()
    assert (found.broken, found.locked, sims.platform.done) == (["blocked"], True, [("lock", CARD)])
    (found,) = sims.check()
    assert (found.broken, found.locked) == ([], False)
    sims.platform.states[CARD] = Status("active", IMEI)  # unlocked in the vendor's console
    (found,) = sims.check()
    assert (found.broken, found.locked) == (["blocked"], True)


def test_an_error_of_the_platform_for_one_card_does_not_prevent_locking_others(sims):
    sims.add(CARD, imei=IMEI)
    sims.add(OTHER, imei=IMEI)
    odd = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
    good = json.dumps({"state": "active", "imei": ELSEWHERE}).encode()
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(good), good)
    with socket.create_server(("127.0.0.1", 0)) as platform:
        asked: list[bytes] = []

        def answer() -> None:
            while len(asked) < 3:
                taken, _ = platform.accept()
                with taken:
                    asked.append(taken.recv(10_000).splitlines()[0])
                    taken.sendall(odd if CARD.encode() in asked[-1] else good)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{platform.getsockname()[1]}/{{iccid}}"
        sims.platform = Http(
            f"[provider]\nurl = '{url}'\nstatus = {{ state = 'state', imei = 'imei' }}\nlock = {{}}\n"
        )
        first, second = sims.check()
        thread.join()
    assert "not JSON" in str(first.failure) and not first.locked
    assert (second.state, second.locked, second.failure) == ("active", True, None)
    assert asked[-1].startswith(b"POST")


def test_the_page_has_the_binding_of_the_register(sims):
    number = sims.add(CARD, PROFILE)
    sims.had(FIRST, CARD, NOW_S - 600)
    assert sims.page()["binding"] == "armed"
    sims.change(number, binding=BOUND, imei=IMEI)
    assert sims.page()["binding"] == "bound"
    sims.had(FIRST, PROFILE, NOW_S - 300, imei=ELSEWHERE)
    for state, word in ((REBIND_PENDING, "rebind pending"), (BOUND, "bound"), (SEPARATED, "separated")):
        sims.change(number, binding=state)
        assert (sims.page()["binding"], sims.page()["plan"]["binding"]) == (word, state)
    sims.had(FIRST, OTHER, NOW_S - 60)
    assert sims.page()["binding"] == "unknown SIM card"


def test_the_page_has_the_bytes_of_the_card(sims):
    sims.add(CARD)
    sims.had(FIRST, OTHER, NOW_S - 600, 500)
    sims.had(FIRST, CARD, NOW_S - 300, 20)
    sims.had(SECOND, CARD, NOW_S - 60, 10)
    around = usage.SESSION_BYTES + usage.MESSAGE_BYTES + usage.REPLY_BYTES
    assert sims.page()["plan"]["month_bytes"] == 30_000 + 2 * around


def test_the_device_that_was_heard_last_has_a_card(sims):
    sims.add(CARD)
    sims.had(SECOND, CARD, NOW_S - 600)
    sims.had(FIRST, CARD, NOW_S - 60)
    assert [each.device for each in sims.check()] == [FIRST]


def test_traffic_of_another_vendor_s_profile_is_not_expected_from_this_vendor(sims):
    sims.add(CARD, PROFILE)
    sims.had(FIRST, CARD, NOW_S - 2 * DAY_S, 2_000)
    sims.had(FIRST, PROFILE, NOW_S - DAY_S, 1)
    sims.platform.used[PROFILE] = 1_000
    assert [(each.iccid, each.broken) for each in sims.check()] == [(PROFILE, [])]


def test_violations_of_a_card_end_when_the_device_has_another(sims):
    sims.change(sims.add(CARD, imei=ELSEWHERE), blocked="stolen")
    assert sims.says(FIRST, NOW_S, iccid=CARD, imei=IMEI) == {"separation", "blocked"}
    assert sims.says(FIRST, NOW_S + 60, imei=IMEI) == {"separation", "blocked"}  # it could not read its card
    assert sims.says(FIRST, NOW_S + 120, iccid=OTHER, imei=IMEI) == set()


def test_a_card_is_bound_to_the_device_that_had_reported_its_identity_before(sims):
    identity = {"iccid": CARD, "imei": IMEI}
    assert sims.says(FIRST, NOW_S, **identity) == set()
    number = sims.add(CARD)
    assert sims.says(FIRST, NOW_S + 60) == set()
    assert (sims.card().binding, sims.card().imei) == (BOUND, IMEI)
    assert sims.says(SECOND, NOW_S + 120, iccid=CARD, imei=ELSEWHERE) == {"separation"}
    sims.change(number, binding=REBIND_PENDING)
    assert sims.says(SECOND, NOW_S + 180) == set()
    assert (sims.card().binding, sims.card().imei) == (BOUND, ELSEWHERE)


def test_only_a_card_in_use_violates_the_rules_of_its_state(sims):
    number = sims.add(CARD, imei=IMEI)
    sims.change(number, blocked="lost", stage="suspended")
    assert sims.says(FIRST, NOW_S, iccid=OTHER, imei=IMEI) == {"binding"}
    assert sims.says(FIRST, NOW_S + 60, iccid=CARD, imei=IMEI) == {"blocked", "life-cycle"}


@pytest.mark.parametrize("gone", [{"stage": "retired"}, {"binding": REBIND_PENDING}])
def test_a_card_that_is_gone_belongs_in_no_device(sims, gone):
    number = sims.add(CARD, imei=IMEI)
    assert sims.says(FIRST, NOW_S, iccid=OTHER, imei=IMEI) == {"binding"}
    sims.change(number, **gone)
    assert sims.says(FIRST, NOW_S + 60, iccid=OTHER, imei=IMEI) == set()


@pytest.mark.parametrize("reported", [IMEI[:14], IMEI[:14] + "01"])
def test_imei_imeisv_and_check_digit_are_treated_as_the_same_device(sims, reported):
    sims.add(CARD, imei=IMEI)
    sims.platform.states[CARD] = Status("active", reported)
    assert [each.broken for each in sims.check()] == [[]]
