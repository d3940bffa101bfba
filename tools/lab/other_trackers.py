"""B1 to B14: the decisions of existing trackers, in slots of half an hour.

One schedule with the parts that they have: intervals while moving and stationary, an edge rule, a ring of
records, a gate by signal, tiers by battery, a back-off, skipped fixes. A tracker that acts more often than
once a slot pays for each time. [lab] marks what the source of a tracker leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from tools.lab.instances import SLOT_H, SLOT_S
from tools.lab.physics import Device, Factory, Mission

Pair = tuple[float, float]
"""Seconds, while moving and while stationary."""
NEVER_S = 1e9


@dataclass(frozen=True)
class Schedule:
    """Parameters of a tracker. Intervals are (moving, stationary) in seconds.

    `edges`: fix and upload at each departure and arrival. `departure_fix` False: the departure reports the
    last known place. `ring`: number of records kept. `gate_dbm`: scan before an upload, delay it below this
    level, force it after `denials`. `tiers`: (least part of the energy left, factor on the upload interval;
    0: none). `backoff_h`: longest pause after failures, doubled from one slot; 0: no back-off. `skips`: due
    fixes left out while stationary. `batch`: number of records that make an upload due, whatever its
    interval.
    """

    fix_s: Pair
    upload_s: Pair
    edges: bool = False
    departure_fix: bool = True
    ring: int = 0
    gate_dbm: float = 0.0
    denials: int = 0
    tiers: tuple[Pair, ...] = ()
    backoff_h: float = 0.0
    skips: int = 0
    batch: int = 0
    hauled_h: float = 0.0

    def factory(self) -> Factory:
        """Return what makes the tracker for a trip."""
        return lambda mission: Tracker(self, mission)


class Tracker:
    """A tracker that follows its schedule."""

    def __init__(self, schedule: Schedule, mission: Mission) -> None:
        self._is = schedule
        self.looks_for_stops = schedule.edges
        self._budget_j = mission.budget_j
        self._moving = False
        self._fix_at = self._upload_at = 0.0
        self._failures = self._denied = self._skipped = self._stationary = 0

    def slot(self, device: Device) -> None:
        """Do whatever is due in this slot."""
        edge = self._is.edges and device.moving != self._moving
        self._moving = device.moving
        self._stationary = 0 if device.moving else self._stationary + 1
        if self._fix_due(device, edge):
            fix_s = self._of(self._is.fix_s)
            self._fix_at = device.slot + fix_s / SLOT_S
            device.fix(max(1, round(SLOT_S / fix_s)))
            if self._is.ring:
                device.keep(self._is.ring)
        if self._upload_due(device, edge):
            self._upload(device, edge)

    def _of(self, pair: Pair) -> float:
        return pair[0] if self._moving else pair[1]

    def _fix_due(self, device: Device, edge: bool) -> bool:
        if edge and (self._is.departure_fix or not device.moving):
            return True
        # An interval that has become shorter counts from the last fix on.
        due = min(self._fix_at, max(0, device.last_fix) + self._of(self._is.fix_s) / SLOT_S)
        if device.slot < due and device.last_fix >= 0:
            return False
        if self._is.hauled_h and self._stationary * SLOT_H > self._is.hauled_h and device.last_fix >= 0:
            return False
        if self._is.skips and not device.moving and self._skipped < self._is.skips - 1:
            self._skipped += 1
            self._fix_at = device.slot + self._of(self._is.fix_s) / SLOT_S
            return False
        self._skipped = 0
        return True

    def _upload_due(self, device: Device, edge: bool) -> bool:
        factor = next((f for least, f in self._is.tiers if device.left_j >= least * self._budget_j), 1.0)
        if not factor:
            return False
        if self._failures and self._is.backoff_h and device.slot < self._upload_at:
            return False
        if edge or (self._is.batch and device.waiting >= self._is.batch):
            return True
        since = device.slot - self._last_try if self._tried else NEVER_S
        return since >= factor * self._of(self._is.upload_s) / SLOT_S

    _last_try = 0
    _tried = False

    def _upload(self, device: Device, edge: bool) -> None:
        if self._is.gate_dbm and self._denied < self._is.denials:
            seen = device.scan_networks()
            if seen is None or seen.rsrp_dbm < self._is.gate_dbm:
                self._denied += 1
                self._last_try, self._tried = device.slot, True
                return
        self._denied = 0
        self._last_try, self._tried = device.slot, True
        upload_s = NEVER_S if edge or self._is.batch else self._of(self._is.upload_s)
        if device.upload(times=max(1, round(SLOT_S / upload_s))):
            self._failures = 0
            return
        self._failures += 1
        pause = min(2 ** (self._failures - 1), self._is.backoff_h / SLOT_H)
        self._upload_at = device.slot + pause


H = 3600.0
_VOLTAGE_TIERS = ((0.6, 0.5), (0.3, 1.0), (0.1, 2.0), (0.0, 0.0))
"""Tiers of the Notecard by what is left [lab]: factors on the normal interval."""

SHIPPED = {
    "B1 Particle": Schedule((900, H), (900, H)),
    "B2 ATv2 passive": Schedule((120, H), (120, H), ring=10),
    "B2 ATv2 active": Schedule((300, 300), (300, 300), ring=10),
    "B3 ATv2 gate": Schedule((120, H), (120, H), ring=10, gate_dbm=-113, denials=3),
    "B4 Asset-Tracker-Template": Schedule((600, 600), (600, 600), ring=256, backoff_h=1),
    "B5 Meshtastic smart": Schedule((120, 120), (300, 12 * H)),
    "B5 Meshtastic power saving": Schedule((H, H), (H, H)),
    "B6 Blues rail car": Schedule(
        (300, NEVER_S), (4 * H, 4 * H), edges=True, tiers=_VOLTAGE_TIERS, backoff_h=12
    ),
    "B7 Blues pallet": Schedule((H, 4 * H), (H, 4 * H), edges=True, backoff_h=12),
    "B7 Blues trailer": Schedule(
        (900, NEVER_S),
        (2 * H, 6 * H),
        edges=True,
        departure_fix=False,
        tiers=((0.6, 0.5), (0.3, 1.0), (0.1, 3.0), (0.0, 0.0)),
        backoff_h=12,
    ),
    "B8 Twilio": Schedule((180, NEVER_S), (180, 180), edges=True),
    "B8 Twilio logistics": Schedule((H, NEVER_S), (2 * H, 2 * H), edges=True),
    "B9 Digital Matter": Schedule((120, 12 * H), (1800, 12 * H), edges=True),
    "B10 Teltonika": Schedule((H, 8 * H), (H, 8 * H)),
    "B11 OpenCollar": Schedule((H, H), (H, H), skips=5),
    "B12 LinkIt": Schedule((600, 600), (600, 600)),
    "B13 naive": Schedule((H, H), (H, H), ring=1),
    "B13 naive, keeps": Schedule((H, H), (H, H)),
    "B14 OpenTracker": Schedule((5, 5 * H), (20, 5 * H)),
}
"""As shipped, or the variant that the facts name where the default disables the policy."""

_MOVING_H, _STATIONARY_H, _UPLOAD_H = (
    (0.5, 1.0, 2.0, 4.0, 8.0, 24.0),
    (2.0, 12.0, 24.0),
    (1.0, 4.0, 8.0, 24.0),
)


def variants(name: str) -> Iterator[Schedule]:
    """Yield the tuning grid of a tracker: its shipped parameters, and variations of them."""
    shipped = SHIPPED[name]
    yield shipped
    if shipped.fix_s == shipped.upload_s:
        for moving, stationary in product(_MOVING_H, _STATIONARY_H):
            pair = moving * H, stationary * H
            yield from _knobs(replace(shipped, fix_s=pair, upload_s=pair))
        return
    stationary_fixes = (
        (NEVER_S,) if shipped.fix_s[1] == NEVER_S else tuple(hours * H for hours in _STATIONARY_H)
    )
    for fix, stationary_s, upload in product(_MOVING_H[:4], stationary_fixes, _UPLOAD_H):
        pair = upload * H, max(upload, 8.0) * H
        yield from _knobs(replace(shipped, fix_s=(fix * H, stationary_s), upload_s=pair))


def _knobs(schedule: Schedule) -> Iterator[Schedule]:
    """Yield the variations of the parameters that only this tracker has."""
    if schedule.gate_dbm:
        yield from (
            replace(schedule, gate_dbm=gate, denials=count) for gate in (-105, -113) for count in (1, 5)
        )
    elif schedule.skips:
        yield from (replace(schedule, skips=count) for count in (1, 5, 10))
    elif schedule.backoff_h == 1:  # B4: a batch of records makes an upload due
        yield from (replace(schedule, upload_s=(NEVER_S, NEVER_S), batch=count) for count in (1, 6, 12))
    elif schedule == replace(SHIPPED["B12 LinkIt"], fix_s=schedule.fix_s, upload_s=schedule.upload_s):
        yield from (replace(schedule, hauled_h=hours) for hours in (0.0, 24.0))
    else:
        yield schedule
