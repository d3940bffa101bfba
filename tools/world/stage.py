"""Builds everything that takes part in one trip: services, flash, modem, device, clock."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tools.flash.layout import lay_out
from tools.modem import Modem
from tools.modem.card.profile import USUAL_SIZE
from tools.modem.registry import Dialect
from tools.world import worlds
from tools.world.device import battery
from tools.world.device.lockstep import Device
from tools.world.device.process import HEAP_KW, interpreter
from tools.world.nature import weather
from tools.world.radio import cards
from tools.world.radio.harsh import MILD, Harshness
from tools.world.radio.traffic import CountedNetwork, Traffic
from tools.world.services import earlier
from tools.world.services.clock import VirtualClock
from tools.world.services.processes import (
    BROKER_HOST,
    PLATFORM,
    UPDATES_HOST,
    Agent,
    Broker,
    ServiceError,
    Services,
    refuse_taken,
)
from tools.world.trip import START_UTC_S, Trip
from tools.world.worlds import World

if TYPE_CHECKING:
    from tools.world.services.smdp.server import Server as Smdp

DEVICE = "lb-demo-1"
CONTAINER = "CSQU3054383"
"""The example of ISO 6346: it has no owner."""
ROUTE = "Chongqing - Alashankou - Duisburg"
ROUTE_FILE = Path(__file__).parent / "data" / "w1.csv"
DESTINATION = "Duisburg"
SETTINGS = Path("config", "device.json")
_APDU, _HEX = re.compile(r"\+(CSIM|CGLA)"), re.compile(r'"[0-9A-Fa-f]+"')
OLD = ("agent", "chaos", "flash", "broker/users.json", "broker/broker.log", "clock")
"""What an earlier run has left and would disturb; the broker's certificate may stay."""


@dataclass(frozen=True)
class Stage:
    """One trip of one device, ready to run."""

    trip: Trip
    modem: Modem
    device: Device
    flash: Path
    services: Services
    network: CountedNetwork
    clock: VirtualClock
    lock: IO[str]
    card: cards.Issued
    smdp: Smdp | None
    """Where the profiles that the card is to load are."""

    def close(self) -> None:
        """End all processes."""
        self.device.close()
        self.services.stop()
        if self.smdp:
            self.smdp.stop()
        self.clock.close()
        self.lock.close()


def modem_rng(seed: int) -> random.Random:
    """The chance of a trip's modem and networks."""
    return random.Random(f"{seed}/modem")


@dataclass(frozen=True)
class Scenario:
    """What a trip is like: the same scenario and firmware make the same trip, byte for byte."""

    modem: Dialect
    seed: int
    days: int
    harshness: Harshness = MILD
    variants: Sequence[str] = ()
    """Of the modem's firmware."""
    card: str = "single"
    apns: int = 1
    """This and `card` as in `cards.issue`."""
    settings: Sequence[str] = ()
    """NAME=VALUE, ordered before the trip."""
    season: str = weather.USUAL
    battery_kind: str = battery.USUAL
    shuttles: int = 0
    world: World = worlds.WORLDS[worlds.USUAL]
    declared_mah: float | None = None
    """The last five as in `Trip`."""
    fixed_cpu: bool = False
    """As in `Device`."""
    after: Sequence[Path] = ()
    """Folders of earlier demos, which the agent has seen."""

    def trip(self, agreements: Mapping[str, frozenset[str]] | None) -> Trip:
        """Return the trip; `agreements` of its card as in `Trip`."""
        return Trip(
            self.seed,
            self.modem,
            self.days,
            self.harshness,
            agreements,
            self.season,
            self.battery_kind,
            self.shuttles,
            self.world,
            self.declared_mah,
        )


def build(
    out: Path,
    scenario: Scenario,
    port: int = 0,
    trap: Path | None = None,
    heap_kw: int = HEAP_KW,
    hostile: Path | None = None,
) -> Stage:
    """Make the trip of `scenario`, start broker and agent, add the device and its trip to the agent.

    `out` gets a folder for each part; `port` is the broker's, 0 for any free one; `trap` is where chaos arms
    its traps; `heap_kw` is the device's heap in kilo-words; in `hostile` a broker that is against us reads
    what to do. Raises `ServiceError` when a service does not start, or before anything in `out` is touched
    when the port, the folder or one of `scenario.after` is wrong.
    """
    refuse_taken(port)
    earlier.refuse_none(scenario.after)
    lock = _lock(out)
    _clear(out)
    clock = VirtualClock(out / "clock", START_UTC_S)
    broker = Broker(out / "broker", port, trap, hostile)
    issued = cards.issue(scenario.card, scenario.apns)
    smdp = _smdp(issued) if issued.offers else None
    agent = Agent(out / "agent", broker, clock.path, trap, smdp)
    services = Services(broker, agent)
    trip = scenario.trip(issued.agreements)
    trip.card = issued.card
    try:
        flash = _provision(out / "flash", services, scenario.after)
        if issued.policy:
            server = smdp.address if smdp else ""
            (out / "cards.toml").write_text(issued.policy.replace("{server}", server))
            services.agent.do("esim", "set-policy", str(out / "cards.toml"), DEVICE)
        if issued.is_iot:
            services.agent.do("esim", "associate", DEVICE)
        if scenario.settings:
            services.agent.do("settings", "set", DEVICE, *scenario.settings)
        services.start()
        network = _network(services)
        rng = modem_rng(scenario.seed)
        issued.card.forbidden = list(trip.forbidden)
        simulated = Modem(
            trip.env, scenario.modem, trip, network, rng, trip.charge, issued.card, variants=scenario.variants
        )
        simulated.knows(issued.points)
        simulated.fed_by(trip.supply_mv)
        device = Device(trip, simulated, flash, _command(scenario.modem, heap_kw), clock, scenario.fixed_cpu)
        _mask(simulated, flash, smdp is not None)
    except BaseException:
        services.stop()
        if smdp:
            smdp.stop()
        raise
    return Stage(trip, simulated, device, flash, services, network, clock, lock, issued, smdp)


def _smdp(issued: cards.Issued) -> Smdp:
    """The SM-DP+ server with what it has for this card, serving."""
    # Its certificates and its library cost a second.
    from tools.world.services.smdp.profiles import offered
    from tools.world.services.smdp.server import Server

    smdp = Server()
    for matching_id, (iccid, imsi, name) in issued.offers.items():
        smdp.order(matching_id, offered(iccid, imsi, USUAL_SIZE, name))
    smdp.start()
    return smdp


def _lock(out: Path) -> IO[str]:
    """Take `out` for this process, as long as the file that is returned is open. A folder that no demo
    made, and that holds what a demo would clear, is refused."""
    foreign = [] if (out / "lock").exists() else [name for name in OLD if (out / name).exists()]
    if foreign:
        raise ServiceError(f"{out / foreign[0]} is not a demo's: name another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / "lock").open("w")
    except OSError as error:
        raise ServiceError(f"{out}: {error.strerror}; name another folder with --out") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ServiceError(
            f"another demo runs in {out}: wait for it, or name another folder with --out"
        ) from None
    return lock


def _clear(out: Path) -> None:
    for name in OLD:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _provision(flash: Path, services: Services, after: Sequence[Path]) -> Path:
    """Set up the device as the manual says; return its flash."""
    agent, broker = services.agent, services.broker
    agent.do("devices", "add", DEVICE)
    agent.do("routes", "add", ROUTE, str(ROUTE_FILE))
    earlier.bring(agent.database, after)
    trip = ("--container", CONTAINER, "--route", ROUTE, "--destination", DESTINATION)
    agent.do("trips", "start", DEVICE, *trip)
    lay_out(flash, "SIM")
    shutil.copytree(agent.folder / "devices" / DEVICE, flash / "config")
    settings = json.loads((flash / SETTINGS).read_text())
    topics = f"landbridge/{DEVICE}/"
    broker.allow(DEVICE, settings["broker_password"], [topics + "up"], [topics + "down"])
    broker.allow(PLATFORM, PLATFORM, [], ["landbridge/out/#"])
    return flash


def _network(services: Services) -> CountedNetwork:
    # The port in the device's settings is that of a real broker; here it is any free one.
    address = ("127.0.0.1", services.broker.port)
    network = CountedNetwork(
        {BROKER_HOST: address, UPDATES_HOST: address}, services.reachable, services.reply_expected
    )
    network.traffic = Traffic()
    network.before_publish = lambda: None
    return network


def _mask(modem: Modem, flash: Path, with_apdus: bool) -> None:
    """Keep the password, and the APDUs of downloads, which are others each time, out of the transcript of the
    AT lines."""
    password = json.loads((flash / SETTINGS).read_text())["broker_password"]
    forward = modem.on_line

    def masked(direction: str, text: str) -> None:
        if with_apdus and _APDU.search(text):
            text = _HEX.sub("<bytes>", text)
        forward(direction, text.replace(password, "<password>"))

    modem.on_line = masked


def _command(modem: Dialect, heap_kw: int) -> list[str]:
    """The command that starts the device; its board learns from us which modem is fitted."""
    os.environ["LOCKSTEP_MODEM"] = modem
    return interpreter(heap_kw)
