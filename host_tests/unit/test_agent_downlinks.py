"""Handlers of downlinks: a report that cannot be stored takes no other with it."""

from landbridge.downlinks import registry as downlinks
from landbridge.features.devices import queries as devices
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink
from sqlalchemy import Connection

from host_tests.support.agent import DEVICE, NOW_S
from host_tests.support.fleet import Fleet

UPLINK = Uplink()


def adds(name: str, refuses: bool = False, is_state: bool = False) -> downlinks.Handler:
    """It stores a device as its report, and may refuse then."""

    def on_report(connection: Connection, _device: str, _uplink: Uplink, now_s: int) -> None:
        devices.add(connection, name, b"wrapped", now_s)
        if refuses:
            raise WireError(f"{name} is refused")

    return downlinks.Handler(on_report, is_state=is_state)


def kept(fleet: Fleet, *handlers: downlinks.Handler, overtaken: bool = False) -> tuple[list[str], set[str]]:
    """What is refused, and what is stored."""
    with fleet.database.writing() as connection:
        before = set(devices.names(connection))
        refused = downlinks.keep_reports(connection, DEVICE, UPLINK, NOW_S, handlers, overtaken)
        return refused, set(devices.names(connection)) - before


def test_all_reports_are_kept(fleet):
    assert kept(fleet, adds("lb-a"), adds("lb-b")) == ([], {"lb-a", "lb-b"})


def test_a_report_that_is_refused_leaves_nothing_and_the_others_are_kept(fleet):
    handlers = adds("lb-a"), adds("lb-b", refuses=True), adds("lb-c"), adds("lb-d", refuses=True)
    assert kept(fleet, *handlers) == (["lb-b is refused", "lb-d is refused"], {"lb-a", "lb-c"})


def test_a_superseded_state_is_skipped_also_next_to_a_refused_one(fleet):
    handlers = adds("lb-a", is_state=True), adds("lb-b", refuses=True), adds("lb-c")
    assert kept(fleet, *handlers, overtaken=True) == (["lb-b is refused"], {"lb-c"})
