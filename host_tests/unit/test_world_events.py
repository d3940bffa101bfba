"""The check of events: what counts against a device, and what does not."""

from types import SimpleNamespace
from typing import Any

from tools.world.oracle.events import COUNTRY, DEPARTED, STOPPED, Events


def difference(events: Events, mcc: int, around: int, flags: int, connected: bool) -> str:
    """What is wrong with a record from network `mcc`, 0: none, with cells of `around` heard meanwhile."""
    wake: Any = SimpleNamespace(
        cells=[SimpleNamespace(plmn=f"{around}01")], connected=connected, searched=False
    )
    record: Any = {"events": flags, "plmn": mcc * 1_000 + 1 if mcc else 0}
    return events.difference(record, wake)


def test_a_country_left_long_ago_is_not_taken_for_the_one_that_was_heard():
    """460, 401 where it connects, and 250, heard without a session and reported: then the connection there is
    no news."""
    events = Events()
    assert not difference(events, 460, 460, 0, True)
    assert not difference(events, 401, 401, COUNTRY, True)
    assert not difference(events, 0, 250, COUNTRY, False)
    assert not difference(events, 250, 250, 0, True)
    assert difference(events, 257, 257, 0, True), "but another one is"


def test_a_country_heard_and_left_in_one_wake_may_be_reported():
    for connected in (False, True):
        events = Events(country=401)
        assert not difference(events, 401, 460, COUNTRY, connected)
        assert difference(events, 401, 401, COUNTRY, connected), "nothing else was heard since"
        assert not difference(events, 401, 460, 0, connected)
        assert difference(Events(country=401), 460, 460, 0, True), "another one has to be reported"


def test_a_departure_around_a_power_loss_may_be_repeated():
    events = Events(country=460)
    for flags, moving in ((DEPARTED, True), (STOPPED, False), (DEPARTED | STOPPED, None), (0, None)):
        events.moving = None
        events.either = DEPARTED | STOPPED
        assert not difference(events, 460, 460, flags, True)
        assert events.moving == moving
