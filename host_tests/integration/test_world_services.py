"""Voice and SMS on a trip: on in the modem as shipped, off before the first session; a call or message raises
an alarm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.flash.layout import REPOSITORY
from tools.modem.observer import Observer
from tools.modem.registry import Dialect
from tools.world import stage
from tools.world.oracle.records import Oracle
from tools.world.stage import Stage

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
CLASSES = REPOSITORY / "docs" / "guide" / "controls.toml"
MODEMS: list[tuple[Dialect, tuple[str, ...], str, str, str]] = [
    ("bg95", (), "servicedomain", "1", "2"),
    ("sim7600", ("cemode",), "cemode", "0", "2"),
]


@pytest.fixture
def built(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    modem, variants = request.param
    monkeypatch.setenv("LOCKSTEP_MODEM", modem)
    built = stage.build(tmp_path / "world", stage.Scenario(modem, 1, 4, variants=variants))
    yield built
    built.close()


def modem_state(built: Stage) -> str:
    """What the agent shows of voice and SMS."""
    found = re.search(r"(?m)^voice and SMS +(.*)$", built.services.agent.do("esim", "show", stage.DEVICE))
    assert found
    return found[1].strip()


def is_raised(built: Stage) -> bool:
    """Return whether the alarm is open."""
    return "services" in built.services.agent.do("alarms", "list")


class Caller(Observer):
    """A message and a ring that the network brings although both are off, while the device waits for the next
    connection; in light sleep it hears neither."""

    def __init__(self, built: Stage) -> None:
        self._at = built.modem.unit.at
        self._is_done = False

    def reaches(self, apn: str, host: str, port: int) -> None:
        """See `Observer`."""
        if not self._is_done:
            self._is_done = True
            self._at.urc('+CMTI: "SM",0')
            self._at.urc("RING")


@pytest.mark.parametrize(
    ("built", "key", "off", "on"), [(row[:2], *row[2:]) for row in MODEMS], indirect=["built"]
)
def test_quirks_are_off_by_default_documented_and_watched(built: Stage, key: str, off: str, on: str) -> None:
    do, oracle = built.services.agent.do, Oracle(built.flash, built.trip, built.network.traffic)
    do("controls", "set", str(CLASSES))
    known = ("--controls", "resold", "--holder", "ACME", "--purpose", "locator", "--stage", "test")
    do("sims", "add", "8931440400012345678", *known)

    def run(until_h: int) -> None:
        built.device.run(until_h * HOUR_MS, lambda _: oracle.after_wake())

    kept = built.modem.unit.nv.settings
    assert key not in kept  # as shipped
    run(12)
    assert (kept[key], modem_state(built), is_raised(built)) == (off, "off", False)
    built.modem.watched_by(Caller(built))
    run(36)
    log = do("devices", "log", stage.DEVICE)
    assert re.search(r"called, rings +1\b", log) and re.search(r"sent messages +1\b", log)
    assert "voice and sms on" in do("events", "list", stage.DEVICE)
    do("settings", "set", stage.DEVICE, "sms_to_card=1")
    run(60)
    assert (kept[key], modem_state(built), is_raised(built)) == (on, "on", True)
    assert oracle.wrong == {} and built.device.counters.crashes == 0
