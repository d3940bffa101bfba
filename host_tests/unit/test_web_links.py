"""The validity of a share link: until its trip ends, or until its expiry."""

import pytest
from landbridge.core import secret
from landbridge.core.clock import CLOCK_FILE_VARIABLE
from landbridge.core.errors import UserError
from landbridge.features.sharing import queries as stored
from landbridge.features.sharing import rules as shares
from landbridge.features.trips import queries as trips

from host_tests.support.agent import set_clock
from host_tests.support.fleet import FIRST, NOW_S, Fleet, Pages

CONTAINER = "CSQU3054383"
DAY_S = 86_400


def shared(fleet: Fleet, trip: int, length: str = "") -> shares.Made:
    with fleet.database.writing() as connection:
        row = trips.find(connection, trip)
        assert row is not None
        return shares.add(connection, row, length, "bench", NOW_S)


def opens(fleet: Fleet, made: shares.Made, now_s: int) -> bool:
    """Whether the link shows something, which its state says too."""
    with fleet.database.reading() as connection:
        is_open = stored.opened_by(connection, secret.hashed(made.secret), now_s) is not None
        row = stored.find(connection, made.share)
        assert row is not None and shares.state(row, now_s) == ("open" if is_open else "over")
    return is_open


def test_a_link_works_until_its_trip_ends_and_no_longer_than_a_year(fleet):
    trip = fleet.trip(CONTAINER, 0, None, "acme")
    link, fortnight = shared(fleet, trip), shared(fleet, trip, "14d")
    assert (link.until_s, fortnight.until_s) == (None, NOW_S + 14 * DAY_S)
    assert opens(fleet, link, NOW_S + 45 * DAY_S) and not opens(fleet, fortnight, NOW_S + 14 * DAY_S)
    assert opens(fleet, link, NOW_S + 366 * DAY_S - 1), "a trip may be forgotten"
    assert not opens(fleet, link, NOW_S + 366 * DAY_S)
    with fleet.database.writing() as connection:
        trips.end(connection, trip, NOW_S + 10 * DAY_S)
    assert not opens(fleet, link, NOW_S + 10 * DAY_S)
    assert opens(fleet, fortnight, NOW_S + 10 * DAY_S), "it was made for longer"
    with fleet.database.writing() as connection:
        trips.reopen(connection, trip, None)
    assert opens(fleet, link, NOW_S + 10 * DAY_S), "it has not arrived after all"


def test_no_link_is_made_for_longer_than_a_year(fleet):
    trip = fleet.trip(CONTAINER, 0, None, "acme")
    assert shared(fleet, trip, "366d").until_s == NOW_S + 366 * DAY_S
    with pytest.raises(UserError, match="not a duration from 1m to 366d"):
        shared(fleet, trip, "367d")


def test_a_link_over_the_api_lasts_as_long_as_the_trip_by_default(fleet, tmp_path, monkeypatch):
    fleet.trip(CONTAINER, 0, None, "acme")
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    with Pages(fleet).served() as pages:
        token = pages.token("anna", "operator")
        path = f"/v1/devices/{FIRST}/share-links"
        status, text = pages.ask(path, token, "POST", {})
        assert status == 201 and '"until":null' in text
        assert pages.ask(path, token, "POST", {"length": "60d"})[0] == 201
        assert '"until":null' in pages.ask(path, token)[1]
        assert "the trip ends" in pages.ask(f"/devices/{FIRST}", token)[1]


def test_a_device_without_a_trip_says_why_nothing_can_be_shared(fleet):
    with Pages(fleet).served() as pages:
        text = pages.ask(f"/devices/{FIRST}", pages.token("anna", "operator"))[1]
        assert '<p class="hint">No trip</p>' in text and "Share this trip" not in text
        fleet.trip(CONTAINER, 0, None, "acme")
        text = pages.ask(f"/devices/{FIRST}", pages.token("berta", "operator"))[1]
        assert '<p class="hint">No trip</p>' not in text and "Share this trip" in text
