"""The simulated world with a tracker and an agent that are traced: both run on CPython, the agent in here."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import random
import shutil
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping
from contextlib import redirect_stdout
from pathlib import Path

from landbridge import app as service
from landbridge import cli, config_file
from landbridge.core.clock import Clock
from landbridge.core.periodic import Periodic
from landbridge.db.database import open_database
from landbridge.events.queries import outbox
from landbridge.features.users.tokens_cli import signed_in
from landbridge.tracking import worker as tracking
from landbridge.web.listen import listening
from landbridge.web.server import serving_on

import tools.world.device.firmware  # noqa: F401 - finds the stand-ins for modules of MicroPython
from tools.flash import BOARDS, FIRMWARE, REPOSITORY
from tools.flash.layout import ENTRY, FOLDERS, PORTS, SLOT, constants
from tools.flash.slot import pack
from tools.modem import Modem
from tools.modem.link.mqtt import LockStepNetwork
from tools.modem.registry import Dialect
from tools.walk.tracer import Leg, Step, Tracer
from tools.world.device.lockstep import Device
from tools.world.radio import cards
from tools.world.services.clock import VirtualClock
from tools.world.services.processes import BROKER_HOST, Agent, Broker, ServiceError
from tools.world.stage import CONTAINER, DESTINATION, DEVICE, ROUTE, ROUTE_FILE, SETTINGS
from tools.world.trip import DAY_MS, START_UTC_S, Trip

ON_CPYTHON = Path(__file__).with_name("on_cpython.py")
AGENT = REPOSITORY / "agent" / "landbridge"
MODEM: Dialect = "bg95"
BOARD = "SIM"
SEED = 1
DAYS = 2
_STEP_MS = 60_000
_NEVER_S = 1e6
_PATIENCE_S = 60


class TracedAgent(Agent):
    """The agent of the world in this process, whose threads and commands `tracer` follows."""

    tracer: Tracer
    _thread: threading.Thread | None = None

    def do(self, *arguments: str) -> str:
        """Run one `landbridge` command; returns what it printed."""
        os.environ.update(self.environment)
        printed = io.StringIO()
        try:
            with redirect_stdout(printed), self.tracer.here():
                cli.app(arguments)
        except SystemExit as end:
            if end.code:
                raise ServiceError(f"landbridge {' '.join(arguments)} ended with {end.code}") from None
        return printed.getvalue()

    def start(self) -> None:
        """Start the agent and wait until it has subscribed; the broker must run."""
        os.environ.update(self.environment, LANDBRIDGE_BROKER_PORT=str(self._broker.port))
        tracking.POLL_S = _NEVER_S  # what tracking publishes comes when it may, and belongs to no walk
        self._stop = threading.Event()
        self._thread = threading.Thread(target=service.run, args=(config_file.load(), self._stop))
        self._thread.start()
        if not self._broker.agent_listens.wait(_PATIENCE_S):
            raise ServiceError("the agent has not subscribed")

    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """End it."""
        if self._thread:
            self._stop.set()
            self._thread.join()

    def page(self, path: str) -> list[Step]:
        """The steps that a page takes, from the request to the answer. The agent itself must not run."""
        here, clock, stop = config_file.load(), Clock(), threading.Event()
        database = open_database(here.store.database)
        with self.tracer.everything(but=Periodic) as steps, signed_in(database, clock) as secret:
            with listening(here.web) as socket, serving_on(socket, here, database, clock, stop):
                address = f"http://127.0.0.1:{socket.getsockname()[1]}{path}"
                request = urllib.request.Request(address, headers={"authorization": f"Bearer {secret}"})
                urllib.request.urlopen(request, timeout=_PATIENCE_S).read()
        database.close()
        return list(steps)


class World:
    """A tracker with an eUICC of four profiles and no policy for them yet, at the start of its trip.

    `agent` is the agent that it reports to.
    """

    def __init__(self, folder: Path, entries: Mapping[Path, Collection[Step]]) -> None:
        """`entries`: what legs of FIRMWARE and of AGENT begin with, of AGENT all that it stores."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._now_ms = 0
        self._folder = folder
        self._legs = folder / "legs"
        self._legs.touch()
        self._clock = VirtualClock(folder / "clock", START_UTC_S)
        self._tracer = Tracer(AGENT, entries[AGENT])
        self._broker = Broker(folder / "broker", 0, None)
        self.agent = TracedAgent(folder / "agent", self._broker, self._clock.path, None)
        self.agent.tracer = self._tracer
        self._provision(folder / "flash")
        self._database = open_database(self.agent.database)
        self._tracer.follow_threads()
        self._broker.start()
        self._device = self._made(entries[FIRMWARE])

    def __enter__(self) -> World:
        try:
            self.agent.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._device.close()
        self.agent.stop()
        self._broker.stop()
        self._database.close()
        self._clock.close()

    def run(self, until: Callable[[], bool]) -> None:
        """Go on wake by wake until `until` holds after one; `ServiceError` if it does not in DAYS."""
        counters = self._device.counters
        while self._now_ms < DAYS * DAY_MS:
            wakes = counters.wakes
            while counters.wakes == wakes:
                self._device.run(self._now_ms, lambda _: None)
                self._now_ms += _STEP_MS
            self._await_delivery()
            if until():
                return
        raise ServiceError(f"what was waited for has not come about in {DAYS} days")

    def _await_delivery(self) -> None:
        """Wait until the agent has stored what it has answered, and published the results."""
        end_s = time.monotonic() + _PATIENCE_S
        while not self._is_delivered():
            if time.monotonic() > end_s:
                raise ServiceError("the agent does not come to rest")
            time.sleep(0.01)

    def _is_delivered(self) -> bool:
        if not self._tracer.is_idle:  # it may be about to post
            return False
        with self._database.reading() as connection:
            waits = outbox.head(connection, 1)
        return not waits and self._tracer.is_idle

    def legs(self) -> dict[Path, list[Leg]]:
        """All legs so far of FIRMWARE and of AGENT, each in the order of their ends."""
        of_tracker = [
            Leg(Step(*entry), [Step(*each) for each in steps])
            for boot in self._legs.read_text().splitlines()
            for entry, steps in json.loads(boot)
        ]
        return {FIRMWARE: of_tracker, AGENT: list(self._tracer.legs)}

    def _provision(self, flash: Path) -> None:
        """Add the device, its route and its trip to the agent, and fill its flash."""
        self.agent.do("devices", "add", DEVICE)
        self.agent.do("routes", "add", ROUTE, str(ROUTE_FILE))
        self.agent.do(
            "trips", "start", DEVICE, "--container", CONTAINER, "--route", ROUTE, "--destination", DESTINATION
        )
        for name in FOLDERS:
            (flash / name).mkdir(parents=True)
        shutil.copyfile(PORTS[BOARD] / ENTRY, flash / ENTRY)
        (flash / SLOT).write_bytes(pack(constants()["SEQUENCE"], {"locator/__init__.mpy": b""}))
        shutil.copytree(self.agent.folder / "devices" / DEVICE, flash / "config")
        settings = json.loads((flash / SETTINGS).read_text())
        topics = f"landbridge/{DEVICE}/"
        self._broker.allow(DEVICE, settings["broker_password"], [topics + "up"], [topics + "down"])

    def _made(self, entries: Collection[Step]) -> Device:
        card = cards.issue("euicc4")
        trip = Trip(SEED, MODEM, DAYS, agreements=card.agreements)
        trip.card = card.card
        hosts = {BROKER_HOST: ("127.0.0.1", self._broker.port)}
        network = LockStepNetwork(hosts, self._broker.alive, self.agent.alive)
        modem = Modem(trip.env, MODEM, trip, network, random.Random(SEED), trip.charge, card.card)
        os.environ["LOCKSTEP_MODEM"] = MODEM  # boards/SIM/board.py
        flash = self._folder / "flash"
        return Device(trip, modem, flash, self._command(entries), self._clock, fixed_cpu=True)

    def _command(self, entries: Collection[Step]) -> list[str]:
        stand_in = importlib.util.find_spec("cryptolib")
        assert stand_in and stand_in.origin, "tools.world.device.firmware finds it"
        folders = (FIRMWARE, BOARDS / BOARD, PORTS[BOARD], Path(stand_in.origin).parent)
        given = (FIRMWARE, ":".join(map(str, folders)), json.dumps(list(entries)), self._legs)
        return [sys.executable, str(ON_CPYTHON), *map(str, given)]
