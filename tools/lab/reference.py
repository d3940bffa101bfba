"""P1 to P8: the reference policies of the scheduler's facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tools.lab.costs import signal_factor
from tools.lab.instances import SLOT_H
from tools.lab.physics import Device, Factory, Mission

SLOT_KM = 20.0
"""What a train covers in a slot, as far as P3 is concerned [C]."""
PLANNED_DAYS = 45.0
RESELECT_SLOTS = 12
PRIOR = ((5, 0.97), (8, 0.90), (12, 0.75), (18, 0.50))
"""(km to the nearest place, probability of coverage)."""
PRIOR_FAR = 0.25

ROWS = {
    # J a day: (hours between fixes moving, dwelling, between uploads, least probability of coverage).
    "bg95": {
        30: (2, 2, 16, 0.45),
        40: (2, 48, 36, 0.8),
        50: (2, 2, 16, 0.8),
        65: (2, 2, 16, 0.45),
        80: (1, 2, 8, 0.8),
        120: (0.5, 2, 4, 0.8),
        200: (0.5, 2, 2, 0.45),
    },
    "sim7600": {
        60: (1, 2, 36, 0.8),
        120: (2, 2, 36, 0.8),
        200: (1, 2, 24, 0.45),
        300: (0.5, 2, 16, 0.45),
        500: (0.5, 2, 8, 0.8),
        800: (0.5, 2, 8, 0.45),
        1500: (0.5, 2, 4, 0.45),
        3000: (0.5, 2, 2, 0.45),
    },
}
DUAL = (
    (20, 0.09),
    (30, 0.03),
    (40, 0.06),
    (50, 0.32),
    (65, 0.15),
    (80, 0.32),
    (120, 0.32),
    (200, 0.06),
    (400, 0.015),
)
"""P6: (J a day left, price of a joule)."""


@dataclass(frozen=True)
class Periodic:
    """P1 and P2: fix every `fix_h`, upload every `upload_h`; after a failure max(`fix_h`, 1 h)."""

    fix_h: float
    upload_h: float

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        return lambda mission: _Periodic(self)


class _Periodic:
    def __init__(self, rule: Periodic) -> None:
        self._rule = rule
        self._upload_at = 0.0

    def slot(self, device: Device) -> None:
        if device.hours_since_fix >= self._rule.fix_h and _on_step(device.slot, self._rule.fix_h):
            device.fix()
        if device.slot * SLOT_H >= self._upload_at:
            done = device.upload()
            pause_h = self._rule.upload_h if done else min(self._rule.upload_h, max(self._rule.fix_h, 1))
            self._upload_at = device.slot * SLOT_H + pause_h


@dataclass(frozen=True)
class Moved:
    """P3: publish when moved by `radius_km` and `least_h` have passed, or at `most_h` or `dwell_h`."""

    radius_km: float
    least_h: float
    most_h: float
    dwell_h: float

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        return lambda mission: _Moved(self)


class _Moved:
    def __init__(self, rule: Moved) -> None:
        self._rule = rule
        self._moved_km = 0.0
        self._at = -1e3

    def slot(self, device: Device) -> None:
        since_h = device.slot * SLOT_H - self._at
        self._moved_km += SLOT_KM if device.moving else 0.0
        displaced = self._moved_km > self._rule.radius_km and since_h >= self._rule.least_h
        if displaced or since_h >= (self._rule.most_h if device.moving else self._rule.dwell_h):
            device.fix()
            device.upload()
            self._moved_km, self._at = 0.0, device.slot * SLOT_H


@dataclass(frozen=True)
class Strong:
    """P4: fix and scan for a network every `fix_h`, upload above `least_dbm`, forced after `most_h`."""

    fix_h: float
    least_dbm: float
    most_h: float

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        return lambda mission: _Strong(self)


class _Strong:
    def __init__(self, rule: Strong) -> None:
        self._rule = rule
        self._wait_until_h = 0.0

    def slot(self, device: Device) -> None:
        if not _on_step(device.slot, self._rule.fix_h):
            return
        device.fix()
        seen = device.scan_networks()
        if seen is not None and seen.rsrp_dbm > self._rule.least_dbm:
            device.upload()
        elif device.age_h >= self._rule.most_h and device.slot * SLOT_H >= self._wait_until_h:
            if not device.upload():
                self._wait_until_h = device.slot * SLOT_H + 2


@dataclass(frozen=True)
class Lyapunov:
    """P5: fix and scan every `fix_h`; upload when queue times backlog outweighs `patience` times cost."""

    fix_h: float
    patience: float

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        return lambda mission: _Lyapunov(self, mission)


class _Lyapunov:
    def __init__(self, rule: Lyapunov, mission: Mission) -> None:
        self._rule = rule
        self._upload_j = mission.costs.upload_j
        self._queue_h = 0.0

    def slot(self, device: Device) -> None:
        if not _on_step(device.slot, self._rule.fix_h):
            return
        device.fix()
        self._queue_h += self._rule.fix_h
        seen = device.scan_networks()
        if seen is None:
            return
        cost = self._rule.patience * signal_factor(seen.rsrp_dbm) * self._upload_j
        if self._queue_h * device.waiting > cost and device.upload():
            self._queue_h = 0.0


@dataclass(frozen=True)
class Dual:
    """P6: greedy on marginal utility against a price of a joule that follows the joules a day left; `dearer`
    multiplies the price in the table."""

    dearer: float = 1.0

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        return lambda mission: _Dual(self, mission)


class _Dual:
    looks_for_stops = True

    def __init__(self, rule: Dual, mission: Mission) -> None:
        self._dearer = rule.dearer
        self._mission = mission
        self._days = mission.days or PLANNED_DAYS
        self._cost_j: dict[int, float] = {}
        self._failures = 0
        self._wait_until = 0.0
        self._moving = False

    def slot(self, device: Device) -> None:
        mission, costs = self._mission, self._mission.costs
        day = device.slot / 48
        used_j = mission.budget_j - device.left_j
        edge, self._moving = device.moving != self._moving, device.moving
        if used_j > mission.budget_j * (min(1.0, day / self._days) + 0.03):
            return
        price = self._dearer * _interpolated(DUAL, device.left_j / max(2.0, self._days - day))
        gap = device.hours_since_fix / SLOT_H
        window = 2.0 if device.moving else min(gap, 12.0)
        error = min(1.0, gap * SLOT_KM / 4 / 25) * gap / 4 if device.moving else 0.0
        if edge or 0.35 * window + 0.35 * error > price * costs.fix_j(device.hours_since_fix):
            device.fix()
        likely = _prior(mission, device.fix_km) * 0.5**self._failures
        cost_j = self._cost_j.get(device.network, costs.upload_j) + costs.wake_j
        gain = 0.30 * min(device.age_h, 24.0) / 24 * 48 * 0.5
        if device.slot >= self._wait_until and likely * gain > price * (
            likely * cost_j + (1 - likely) * costs.scan_j
        ):
            if device.upload():
                self._failures = 0
                old_j = self._cost_j.get(device.network, costs.upload_j)
                self._cost_j[device.network] = 0.7 * old_j + 0.3 * device.cost_j
            else:
                self._failures = min(4, self._failures + 1)
                self._wait_until = device.slot + 2**self._failures * (1 if device.moving else 6)


@dataclass(frozen=True)
class Paced:
    """P7 and P8: the level of the pacing table for `richer` times the joules a day left; P8 (`scan_dbm`)
    scans for a network before it uploads."""

    modem: str
    scan_dbm: float = 0.0
    richer: float = 1.0

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        return lambda mission: _Paced(self, mission)


class _Paced:
    looks_for_stops = True

    def __init__(self, rule: Paced, mission: Mission) -> None:
        self._scan_dbm = rule.scan_dbm
        self._richer = rule.richer
        self._rows = ROWS[rule.modem]
        self._row = self._rows[min(self._rows)]
        self._mission = mission
        self._hours = 24 * (mission.days or PLANNED_DAYS)
        self._moving, self._stationary = False, 0
        self._tries = self._looks = 0
        self._wait_until_h = 0.0

    def slot(self, device: Device) -> None:
        now_h = device.slot * SLOT_H
        if device.slot % RESELECT_SLOTS == 0:
            rate = device.left_j / max(2.0, (self._hours - now_h) / 24)
            paid = [budget for budget in self._rows if budget <= 1.02 * self._richer * rate]
            self._row = self._rows[max(paid, default=min(self._rows))]
        if self._fix_due(device):
            device.fix()
        if self._upload_due(device, now_h):
            self._upload(device, now_h)

    def _fix_due(self, device: Device) -> bool:
        moving_h, dwelling_h, _, _ = self._row
        arrived = self._moving and not device.moving
        departed = device.moving and self._stationary >= 4 and device.hours_since_fix >= 0.5
        self._stationary = 0 if device.moving else self._stationary + 1
        self._moving = device.moving
        due_h = moving_h if device.moving else dwelling_h
        return arrived or departed or device.hours_since_fix >= due_h

    def _upload_due(self, device: Device, now_h: float) -> bool:
        _, _, upload_h, least = self._row
        age_h = device.age_h if device.last_upload >= 0 else 1e3
        if now_h < self._wait_until_h or age_h < upload_h:
            return False
        return _prior(self._mission, device.fix_km) >= least or age_h >= 2.5 * upload_h

    def _upload(self, device: Device, now_h: float) -> None:
        if self._scan_dbm:
            seen = device.scan_networks()
            weak = seen is None or (seen.rsrp_dbm < self._scan_dbm and device.age_h < 2 * self._row[2])
            if weak:
                pause_h = 1.5**self._looks * (0.5 if device.moving else 3)
                self._wait_until_h = now_h + min(12.0, pause_h)
                self._looks += 1
                return
        if device.upload():
            self._tries = self._looks = 0
            return
        self._wait_until_h = now_h + min(24.0, 1.5**self._tries * (1 if device.moving else 4))
        self._tries = min(5, self._tries + 1)


def _on_step(slot: int, hours: float) -> bool:
    return slot % max(1, round(hours / SLOT_H)) == 0


def _prior(mission: Mission, km: float) -> float:
    """Return the probability of coverage at a kilometre of the route."""
    if not mission.places:
        return 1.0
    away_km = mission.corridor.place_km(km)
    return next((fraction for least_km, fraction in PRIOR if away_km < least_km), PRIOR_FAR)


def _interpolated(table: Sequence[tuple[float, float]], x: float) -> float:
    """Interpolate linearly in logarithms between the points of a table; constant outside."""
    if x <= table[0][0]:
        return table[0][1]
    for (a, low), (b, high) in pairwise(table):
        if x <= b:
            part = math.log(x / a) / math.log(b / a)
            return low * math.exp(part * math.log(high / low))
    return table[-1][1]
