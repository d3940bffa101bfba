"""The executor: runs a policy through a trip and charges each action (costs.py).

One wake for a fix, one more for an upload, also where a firmware would merge them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tools.lab.battery import PLATEAU_MV, capacity_j, voltage_mv
from tools.lab.costs import BLOCKED_S, FACTOR_EXPONENT, TTFF_S, Costs, failure, signal_factor, start
from tools.lab.instances import SLOT_H, SLOTS_A_DAY, Floats, Heard, Instance
from tools.lab.routes import Corridor
from tools.world.radio.sites import Operator

SEARCH_S = (40.0, 60.0, BLOCKED_S)
"""How long a search for satellites may take, by the same ages; what the firmware grants
(scheduler/decide.py)."""
BAR_SLOTS, SILENCE_SLOTS = SLOTS_A_DAY, 3 * SLOTS_A_DAY
"""Russia: no data for a day after the first registration, again after three days of silence."""
PARTS = ("sleep", "wake", "fix", "position reused", "upload", "attach", "network scan", "scan")
ENDLESS_J = 1e7
"""More than any trip can spend."""


@dataclass(frozen=True)
class Mission:
    """What a device knows before the trip: its costs, its joules, its route.

    - `days`: true length of the trip, for reference policies that are allowed to know it; else None.
    - `networks`: those that the modem may meet.
    - `places`: False withholds the distances to settlements.
    - `reuses`: a reused position counts as a point.
    - `route_data`: route data with what a fleet has learned of the route; b"": no device has been there.
    - `cold`: the temperature of the moment withholds part of the energy; a device comes back with the warmth.
    - `russia`: data in Russia is barred for the first 24 hours.
    - `bumps`: wakes without a result, by slot; None: such wakes, and those that check whether the train still
      runs, cost nothing, and our policy decides in every slot.
    - `shunts`: by slot of a trip of the world, shunts and lifts that begin, which a device takes for
      departures.
    - `lasts_days`: the energy is to last at least so long, as a setting says.
    - `late`: the first report is due at once, others by the default settings, independent of our policy.
    - `part`: the part of `budget_j` that the battery gives: it may be weaker than declared.
    - `stay_h`: the stay at the goal as the fleet has learned it, where there is one.
    """

    costs: Costs
    budget_j: float
    corridor: Corridor
    networks: tuple[Operator, ...] = ()
    days: float | None = None
    places: bool = True
    reuses: bool = False
    route_data: bytes = b""
    cold: bool = False
    russia: bool = False
    bumps: tuple[int, ...] | None = None
    shunts: tuple[int, ...] | None = None
    lasts_days: float = 0.0
    late: bool = False
    part: float = 1.0
    stay_h: float = 0.0


class Policy(Protocol):
    """A policy decides in every slot and keeps its own memory. One that acts at stops has `looks_for_stops`
    and pays for a wake in each slot on the move: an accelerometer only reports departures by itself."""

    def slot(self, device: Device) -> None:
        """Decide and act in this slot with the methods of `device`."""


Factory = Callable[[Mission], Policy]


@dataclass
class Run:
    """The result of a policy on a trip.

    - `fixes`: slots of points, those without GNSS too; `uploads`: (slot, newest point delivered).
    - `looks`: (slot, what was heard) of scans for the network that an upload would use.
    - `reports`: (network, joules) of those that passed.
    - `records`: number of records of our policy, those of stops, departures and failed searches too.
    - `used_j`: cumulative J by slot; `died`: the first slot without energy, or the number of slots.
    """

    fixes: list[int] = field(default_factory=list)
    uploads: list[tuple[int, int]] = field(default_factory=list)
    network_scans: list[int] = field(default_factory=list)
    looks: list[tuple[int, Heard | None]] = field(default_factory=list)
    reports: list[tuple[int, float]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    joules: dict[str, float] = field(default_factory=dict)
    attempts: list[int] = field(default_factory=list)
    records: int = 0
    used_j: Floats = field(default_factory=lambda: np.zeros(0))
    died: int = 0

    def most_attempts(self) -> int:
        """Return the most attempts at the network within any 24 hours."""
        tries = np.array(self.attempts)
        ends = np.searchsorted(tries, tries + SLOTS_A_DAY)
        return int((ends - np.arange(len(tries))).max(initial=0))


class Device:
    """The actions of a policy and what it can see; one object lives through one trip.

    Visible: `slot`, `moving`, `battery_c`, `last_fix` (slot, -1: none), `last_point` (of a fix or a reused
    position), `stationary` (no movement since the last fix), `fix_km` (kilometre of that fix), `waiting`
    (points not delivered), `last_upload` (slot), `left_j`, `network` (registered with), `country` (of the
    network last registered with), `cost_j` (of the last action), `level_dbm` (at the last upload). `moving`
    is what the sensor feels; `left_j` assumes the declared battery, `battery_mv` is the voltage of the real
    one.
    """

    def __init__(self, instance: Instance, mission: Mission) -> None:
        self._instance = instance
        self._costs = mission.costs
        self._reuses = mission.reuses
        self._russia = mission.russia
        self._heard = instance.heard
        self.run = Run()
        self.run.joules = dict.fromkeys(PARTS, 0.0)
        self.slot = 0
        self.moving = False
        self.battery_c = 0.0
        self.last_fix = -1
        self.last_point = -1
        self.stationary = False
        self.fix_km = 0.0
        self.waiting = 0
        self.last_upload = -1
        self.left_j = 0.0
        self.battery_mv = PLATEAU_MV
        self.network = -1
        self.country = instance.country[0]  # where it was commissioned
        self.cost_j = 0.0
        self.level_dbm = 0.0
        self._searched = (-1, 0.0)
        """The network that the last scan has found, and the joules of that search, until a report."""
        self._barred_until = -1
        self._heard_russia = -SILENCE_SLOTS

    @property
    def hours_since_fix(self) -> float:
        """Return the hours since the last fix, a large number before the first."""
        return (self.slot - self.last_fix) * SLOT_H if self.last_fix >= 0 else 1e3

    @property
    def sleeps_registered(self) -> bool:
        """Return whether a registered modem need not ask the network again for the next report."""
        parks = self._costs.again_j == 0.0 or "emtc" in self._instance.networks[self.network].kinds
        return self.network >= 0 and parks

    @property
    def age_h(self) -> float:
        """Return the hours since the last report, or since the trip began."""
        return (self.slot - max(0, self.last_upload)) * SLOT_H

    def fix(self, times: int = 1, limit_s: float | None = None) -> bool:
        """Search for satellites, at most for `limit_s` or as the age of the ephemeris allows. Return whether
        there is a fix; `times` fixes in this slot are one point.

        Where a reused position counts it replaces every fix that would find the train where it was.
        """
        if self.reuse_position():
            return True
        slot, costs = self.slot, self._costs
        limit_s = limit_s or SEARCH_S[start(self.hours_since_fix)]
        slow = TTFF_S[start(self.hours_since_fix)] * self._instance.fix_noise[slot] > limit_s < BLOCKED_S
        if slow or not self._instance.sky[slot]:
            self._pay("fix", costs.blocked_j(limit_s))
            return False
        cost_j = costs.fix_j(self.hours_since_fix)
        cost_j += (times - 1) * costs.fix_j(0)
        self._pay("fix", cost_j * self._instance.fix_noise[slot])
        self._point()
        self.last_fix, self.fix_km = slot, self._instance.km[slot]
        return True

    def reuse_position(self) -> bool:
        """Report the last position again, at the cost of a wake; at a departure it holds until then.

        Return False and do nothing if that does not count or the train has moved since the last fix.
        """
        if not (self._reuses and self.stationary):
            return False
        self._pay("position reused", self._costs.wake_j)
        self._point()
        return True

    def _point(self) -> None:
        if self.last_point != self.slot:
            self.run.fixes.append(self.slot)
            self.waiting += 1
            self.last_point = self.slot

    def scan_networks(self, network: int | None = None) -> Heard | None:
        """Camp briefly on `network`, or on the one that an upload would use now. Return what was heard, or
        None."""
        found = self._camp(network)
        is_own = found is not None and found.network == self.network and self.sleeps_registered
        search_j = 0.0 if is_own else self._costs.network_search_j
        self._pay("network scan", self._costs.network_scan_j + search_j)
        self.run.network_scans.append(self.slot)
        self._searched = (found.network, search_j) if found else (-1, 0.0)
        if network is None:
            self.run.looks.append((self.slot, found))
        if found is None or found.network != self.network:
            self.run.attempts.append(self.slot)
        return found

    def upload(self, network: int | None = None, times: int = 1, limit_j: float = math.inf) -> bool:
        """Deliver all waiting points over `network` or the one the modem chooses. Return whether it
        succeeded.

        It fails if it would take more than `limit_j`, registration included.
        """
        slot, costs = self.slot, self._costs
        found = self._camp(network)
        luck = self._instance.luck[slot]
        if found is None and self.network >= 0 and luck < costs.regained and not self._barred(self.network):
            self._pay("upload", costs.regained_j)
            self.run.attempts.append(slot)
            return self._deliver(self.network)
        looked = self.run.network_scans[-1:] == [slot]
        (searched, search_j), self._searched = self._searched, (-1, 0.0)
        if found is None or (luck < costs.unserved[self.moving]):
            self._pay("scan", costs.unserved_j if found else costs.scan_j)
            self.run.attempts.append(slot)
            self.run.failures.append(slot)
            return False
        before_j = self.left_j
        paid_j = search_j if looked and found.network == searched else 0.0
        again_j = self._register(found.network, paid_j)
        limit_j = max(0.0, limit_j - (before_j - self.left_j))
        self.level_dbm = found.rsrp_dbm
        operator = self._instance.factor[found.network] ** FACTOR_EXPONENT
        signal = signal_factor(found.rsrp_dbm) * self._instance.upload_noise[slot]
        cost_j = times * (costs.wake_j + costs.upload_j * operator * signal)
        limit_j = min(limit_j, times * costs.most_upload_j)
        self._pay("upload", min(cost_j, limit_j))
        self.cost_j += again_j
        lost = self._instance.luck[slot] < failure(found.rsrp_dbm)
        if cost_j > limit_j or self._barred(found.network) or lost:
            self.run.failures.append(slot)
            return False
        return self._deliver(found.network)

    def _deliver(self, network: int) -> bool:
        self.run.reports.append((network, self.cost_j))
        if self.run.fixes:
            self.run.uploads.append((self.slot, self.run.fixes[-1]))
        self.last_upload, self.waiting = self.slot, 0
        return True

    def woke(self, times: int, jolted: int) -> None:
        """Pay for `times` wakes without a result, and for `jolted` jolts in these wakes and others."""
        self._pay("wake", times * self._costs.wake_j + jolted * self._costs.recount_j)

    def keep(self, count: int) -> None:
        """Keep only the newest `count` of the fixes that wait."""
        if self.waiting > count:
            del self.run.fixes[len(self.run.fixes) - self.waiting : len(self.run.fixes) - count]
            self.waiting = count

    def _camp(self, network: int | None) -> Heard | None:
        heard = self._heard[self.slot]
        wanted = self.network if network is None else network
        for each in heard:
            if each.network == wanted:
                return each
        return heard[0] if heard and network is None else None

    def _register(self, network: int, paid_j: float) -> float:
        """Return the J that each report over this network takes in addition; `paid_j` of them were spent on
        the same search."""
        if network == self.network:
            if self.sleeps_registered:
                return 0.0
            self._pay("attach", max(0.0, self._costs.again_j - paid_j))
            self.run.attempts.append(self.slot)
            return self._costs.again_j
        country = self._instance.networks[network].country
        abroad = country != self.country
        attach_j = self._costs.attach_abroad_j if abroad else self._costs.attach_j
        self._pay("attach", max(0.0, attach_j - paid_j))
        self.run.attempts.append(self.slot)
        self.network, self.country = network, country
        if self._russia and country == "RU":
            self._barred_until = self.slot + BAR_SLOTS
            self._heard_russia = self.slot
        return 0.0

    def _barred(self, network: int) -> bool:
        if not self._russia or self._instance.networks[network].country != "RU":
            return False
        if self.slot - self._heard_russia > SILENCE_SLOTS:
            self._barred_until = self.slot + BAR_SLOTS
        if self.slot < self._barred_until:
            return True
        self._heard_russia = self.slot
        return False

    def _pay(self, part: str, joules: float) -> None:
        self.run.joules[part] += joules
        self.left_j -= joules
        self.cost_j = joules


def run(instance: Instance, policy: Factory, mission: Mission) -> Run:
    """Run a policy through a trip and return the result; with an infinite budget it never ends early."""
    device = Device(instance, mission)
    pilot = policy(mission)
    watches = mission.bumps is not None and getattr(pilot, "looks_for_stops", False)
    felt = instance.moving if instance.felt is None else instance.felt
    moving, temperatures = felt.tolist(), instance.battery_c.tolist()
    stopped = stops(instance.moving)
    limits = capacity_j(instance, min(mission.budget_j, ENDLESS_J), mission.cold).tolist()
    used_j: list[float] = []
    drawn_j, sleep_j = 0.0, mission.costs.sleep_slot_j
    device.run.died = instance.slots
    for slot in range(instance.slots):
        device.left_j = limits[slot] - drawn_j - sleep_j
        gone_j = limits[slot] * (1 - mission.part)  # the declared remainder is not there
        if device.left_j > gone_j:
            device.slot, device.moving, device.battery_c = slot, moving[slot], temperatures[slot]
            device.battery_mv = voltage_mv((device.left_j - gone_j) / (limits[slot] - gone_j))
            device.stationary = stopped[slot] <= device.last_fix
            fixes, uploads = len(device.run.fixes), len(device.run.uploads)
            before_j = device.left_j
            pilot.slot(device)
            if watches and moving[slot] and device.left_j == before_j:
                device.woke(1, 0)
            if device.left_j < gone_j:  # what was begun did not come to its end
                del device.run.fixes[fixes:], device.run.uploads[uploads:]
        drawn_j = limits[slot] - device.left_j
        used_j.append(drawn_j)
        if device.left_j <= gone_j:
            device.run.died = min(device.run.died, slot)
            if not mission.cold:
                break
    device.run.joules["sleep"] = sleep_j * len(used_j)
    device.run.used_j = np.array(used_j)
    return device.run


def stops(moving: NDArray[np.bool_]) -> list[int]:
    """Return, for each slot, the first slot since which the place has been the same."""
    before = np.concatenate([[False], moving[:-1]])
    first: list[int] = np.maximum.accumulate(np.where(before, np.arange(len(moving)), 0)).tolist()
    return first
